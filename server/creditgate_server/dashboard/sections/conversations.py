"""Conversations: what they came to, how long they were, and the latest of them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from creditgate_server.dashboard.dependencies import Dependencies
from creditgate_server.dashboard.section import Section
from creditgate_server.dashboard.views.clock import Clock
from creditgate_server.dashboard.views.lengths import BOUNDS, Lengths, lengths
from creditgate_server.dashboard.views.talks import talks, totals
from creditgate_server.dashboard.visits import Visit
from creditgate_server.domain.activity import Span
from creditgate_server.domain.conversations import SessionFilter
from creditgate_server.domain.usage import Distribution, UsageMeasure

_LISTED = 8


async def _read(deps: Dependencies, visit: Visit) -> Mapping[str, Any]:
    summary = await deps.summaries.summary(visit.key)
    assert summary is not None, "accounts are never deleted"
    clock = Clock(visit.account.standing.time_zone, summary.balance.as_of)
    span = Span(start=summary.period.starts_at)
    measured = await asyncio.gather(*(_measured(deps, visit, each, span) for each in UsageMeasure))
    found = await deps.conversations.list_sessions(
        visit.key, SessionFilter(), after=None, limit=_LISTED
    )
    sessions, as_of = found or ((), clock.now)
    return {
        "totals": totals(summary.conversations),
        "talks": talks(sessions, clock._replace(now=as_of)),
        "lengths": [each for each in measured if each],
    }


async def _measured(
    deps: Dependencies, visit: Visit, measure: UsageMeasure, span: Span
) -> Lengths | None:
    found = await deps.usages.distribution(visit.key, measure, span, bounds=BOUNDS[measure])
    return lengths(measure, found) if isinstance(found, Distribution) else None


CONVERSATIONS = Section("conversations", "sections/conversations.html", _read)
