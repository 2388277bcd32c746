"""How the account stands: all figures of one summary, which was read in one snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from creditgate_server.dashboard.dependencies import Dependencies
from creditgate_server.dashboard.section import Section
from creditgate_server.dashboard.views.clock import Clock
from creditgate_server.dashboard.views.days import days
from creditgate_server.dashboard.views.figures import figures
from creditgate_server.dashboard.views.pace import pace
from creditgate_server.dashboard.views.standing import standing
from creditgate_server.dashboard.visits import Visit
from creditgate_server.domain.plans import Plan


async def read(deps: Dependencies, visit: Visit) -> Mapping[str, Any]:
    """Read the summary of the running cycle."""
    summary = await deps.summaries.summary(visit.key)
    assert summary is not None, "accounts are never deleted"
    plan = await _plan(deps, visit)
    clock = Clock(visit.account.standing.time_zone, summary.balance.as_of)
    return {
        "standing": standing(visit.account, plan, summary, clock),
        "figures": figures(summary, clock),
        "pace": pace(summary, clock),
        "days": days(summary, clock),
    }


async def _plan(deps: Dependencies, visit: Visit) -> Plan | None:
    on = visit.account.standing
    if on.plan_id is None:
        return None
    return await deps.catalog.get_plan(visit.tenant_id, on.plan_id, on.plan_version or 0)


OVERVIEW = Section("overview", "sections/overview.html", read)
