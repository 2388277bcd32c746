"""Where credits went in a range that is chosen."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from creditgate_server.dashboard.dependencies import Dependencies
from creditgate_server.dashboard.section import BadQueryError, Section
from creditgate_server.dashboard.views.breakdown import KINDS, Breakdown, Kind, breakdown
from creditgate_server.dashboard.views.clock import Clock
from creditgate_server.dashboard.views.spending import (
    RANGE_DEFAULT,
    RANGES,
    spending,
    stretch,
)
from creditgate_server.dashboard.visits import Visit
from creditgate_server.domain.activity import Span
from creditgate_server.domain.outcomes import Outcome
from creditgate_server.domain.usage import Grouping, Naming, UsagePage, UsageQuestion, UsageRow

from .activity import ARCHIVED

_LISTED = 6
_ROWS_MAX = 2_000
_WITHOUT_NAME = {Grouping.TYPE, Grouping.METER, Grouping.MODEL}


async def _read(deps: Dependencies, visit: Visit) -> Mapping[str, Any]:
    account, chosen = visit.account, visit.query.get("over") or RANGE_DEFAULT
    if chosen not in dict(RANGES):
        raise BadQueryError("Choose one of the ranges that are offered.")
    clock = Clock(account.standing.time_zone, account.balance.as_of)
    of = stretch(chosen, clock, created_at=account.created_at)
    questions = [UsageQuestion(of.span, unit=of.unit)]
    questions += [_question(kind, of.span) for kind in KINDS]
    overall, *divided = await asyncio.gather(
        _rows(deps, visit, questions[0], _ROWS_MAX),
        *(_rows(deps, visit, question, _LISTED + 2) for question in questions[1:]),
    )
    whole = sum(row.consumed_micros for row in overall)
    parts = [_divided(kind, rows, whole) for kind, rows in zip(KINDS, divided, strict=True)]
    return {
        "chosen": chosen,
        "ranges": RANGES,
        "spending": spending(of, overall, clock),
        "breakdowns": [each for each in parts if each],
    }


def _question(kind: Kind, span: Span) -> UsageQuestion:
    by = kind.grouping
    naming = None if by in _WITHOUT_NAME else Naming(by)
    return UsageQuestion(span, by=(by,), naming=naming, dearest_first=True)


async def _rows(
    deps: Dependencies, visit: Visit, question: UsageQuestion, limit: int
) -> Sequence[UsageRow]:
    page = await deps.usages.rows(visit.key, question, offset=0, limit=limit)
    if not isinstance(page, UsagePage):
        assert page is Outcome.RANGE_ARCHIVED, "accounts are never deleted"
        raise BadQueryError(ARCHIVED)
    return page.rows


def _divided(kind: Kind, rows: Sequence[UsageRow], whole: int) -> Breakdown | None:
    return breakdown(kind, rows, whole_micros=whole, listed=_LISTED)


SPENDING = Section("spending", "sections/spending.html", _read)
