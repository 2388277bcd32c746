"""The credits that were given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from creditgate_server.dashboard.dependencies import Dependencies
from creditgate_server.dashboard.section import Section
from creditgate_server.dashboard.views.clock import Clock
from creditgate_server.dashboard.views.grants import grants
from creditgate_server.dashboard.visits import Visit

_LISTED = 50


async def _read(deps: Dependencies, visit: Visit) -> Mapping[str, Any]:
    account = visit.account
    clock = Clock(account.standing.time_zone, account.balance.as_of)
    found = await deps.accounts.list_grants(visit.key, before_seq=None, limit=_LISTED) or ()
    shown = grants(found, clock)
    return {"grants": shown, "more": len(found) == _LISTED or len(shown) < len(found)}


GRANTS = Section("grants", "sections/grants.html", _read)
