"""The page as a whole: its overview as it stands, and where the other parts are read from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from creditgate_server.dashboard.dependencies import Dependencies
from creditgate_server.dashboard.section import Section
from creditgate_server.dashboard.views.filters import KINDS, RANGES, BadFilterError, Filter
from creditgate_server.dashboard.views.filters import read as read_filter
from creditgate_server.dashboard.visits import Visit
from creditgate_server.domain.errors import LedgerError

from . import overview


async def _read(deps: Dependencies, visit: Visit) -> Mapping[str, Any]:
    try:
        shown = dict(await overview.read(deps, visit))
    except LedgerError:
        # The rest of the page is read part by part; this one then says by itself what is wrong.
        shown = {}
    return {
        **shown,
        "is_read": bool(shown),
        "filter": _filter(visit),
        "ranges": RANGES,
        "kinds": KINDS,
        "asked": {name: visit.query.get(name, "") for name in ("over", *Filter._fields)},
    }


def _filter(visit: Visit) -> Filter:
    """Read what the form shows; of what makes no sense the log itself says so."""
    try:
        return read_filter(visit.query)
    except BadFilterError:
        return Filter()


PAGE = Section("page", "account.html", _read)
