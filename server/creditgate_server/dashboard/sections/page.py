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
    given = {name: visit.query.get(name, "") for name in Filter._fields}
    known = _filter(visit)
    return {
        **shown,
        "is_read": bool(shown),
        "filter": known or Filter(),
        # Of a filter that makes no sense, the log itself says so.
        "asked_of_log": known.query if known else given,
        "over": visit.query.get("over", ""),
        "ranges": RANGES,
        "kinds": KINDS,
    }


def _filter(visit: Visit) -> Filter | None:
    """Read what the form shows; None where it makes no sense."""
    try:
        return read_filter(visit.query)
    except BadFilterError:
        return None


PAGE = Section("page", "account.html", _read)
