"""What is under way right now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from creditgate_server.dashboard.dependencies import Dependencies
from creditgate_server.dashboard.section import Section
from creditgate_server.dashboard.views.clock import Clock
from creditgate_server.dashboard.views.holds import holds
from creditgate_server.dashboard.visits import Visit
from creditgate_server.domain.holds import HoldState

_READ_MAX = 200


async def _read(deps: Dependencies, visit: Visit) -> Mapping[str, Any]:
    account = visit.account
    clock = Clock(account.standing.time_zone, account.balance.as_of)
    found = await deps.accounts.list_holds(
        visit.key, state=HoldState.OPEN, after="", limit=_READ_MAX
    )
    opened = found or ()
    # Fewer than a page are all there are, however many there were a moment ago.
    count = account.open_holds if len(opened) == _READ_MAX else len(opened)
    return {"holds": holds(opened, clock, count=count)}


HOLDS = Section("holds", "sections/holds.html", _read)
