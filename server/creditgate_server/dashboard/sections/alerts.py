"""The latest of what somebody should know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from creditgate_server.dashboard.dependencies import Dependencies
from creditgate_server.dashboard.section import Section
from creditgate_server.dashboard.views.alerts import alerts
from creditgate_server.dashboard.views.clock import Clock
from creditgate_server.dashboard.visits import Visit
from creditgate_server.domain.watches import UNSEEN, Watched

_LISTED = 8


async def _read(deps: Dependencies, visit: Visit) -> Mapping[str, Any]:
    account = visit.account
    clock = Clock(account.standing.time_zone, account.balance.as_of)
    seen = await deps.watches.look([Watched(visit.key, UNSEEN, UNSEEN, UNSEEN, 0)])
    count = seen[0].event_count if seen else 0
    after = max(0, count - _LISTED)
    found = await deps.events.list_events(visit.key, after=after, limit=_LISTED) or ()
    return {"alerts": alerts(found, clock)}


ALERTS = Section("alerts", "sections/alerts.html", _read)
