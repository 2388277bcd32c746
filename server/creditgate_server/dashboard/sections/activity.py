"""The activity log, in pages, and the names that its filters offer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from creditgate_server.dashboard.dependencies import Dependencies
from creditgate_server.dashboard.section import BadQueryError, Section
from creditgate_server.dashboard.views.clock import Clock
from creditgate_server.dashboard.views.filters import (
    Asked,
    BadFilterError,
    Cursor,
    Filter,
    asked,
    cursor,
    read,
)
from creditgate_server.dashboard.views.log import log
from creditgate_server.dashboard.visits import Visit
from creditgate_server.domain.activity import Activity, Span
from creditgate_server.domain.outcomes import Outcome
from creditgate_server.domain.statements import Period, Place
from creditgate_server.domain.usage import Grouping, Naming, UsagePage, UsageQuestion

ARCHIVED = "The beginning of this range is not kept any more. Choose a shorter one, or all."
"""What is said of a range that reaches back to what was archived."""
_PAGE = 25
_NAMES_MAX = 40
# Of an account whose entries hardly ever fit, a page gives up after so many looks.
_LOOKS_MAX = 10


class Question:
    """What a visit asks of the log. Raises `BadQueryError`."""

    def __init__(self, visit: Visit) -> None:
        account = visit.account
        self.clock = Clock(account.standing.time_zone, account.balance.as_of)
        try:
            self.filter: Filter = read(visit.query)
            self.asked: Asked = asked(self.filter, self.clock)
            self.cursor: Cursor | None = cursor(visit.query.get("page", ""))
        except BadFilterError as error:
            raise BadQueryError(str(error)) from None


async def _read(deps: Dependencies, visit: Visit) -> Mapping[str, Any]:
    of = Question(visit)
    period = of.cursor.period if of.cursor else await period_of(deps, visit, of)
    found, goes_on = await _page(deps, visit, of, period)
    return {
        "filter": of.filter,
        "entries": log(found, of.clock),
        "first": visit.section("activity", **of.filter.query) if of.cursor else "",
        "following": _following(visit, of, period, goes_on),
        "file": visit.file("activity.csv", **of.filter.query),
        "zone": of.clock.zone,
        "searching": goes_on is not None and not found,
    }


async def period_of(deps: Dependencies, visit: Visit, of: Question) -> Period:
    """Find the changes that a question is about. Raises `BadQueryError`."""
    period = await deps.activities.period(visit.key, of.asked.span)
    if not isinstance(period, Period):
        assert period is Outcome.RANGE_ARCHIVED, "accounts are never deleted"
        raise BadQueryError(ARCHIVED)
    return period


async def _page(
    deps: Dependencies, visit: Visit, of: Question, period: Period
) -> tuple[list[Activity], Place | None]:
    """Read entries until a page is full; and the place that more may come after."""
    found: list[Activity] = []
    after = of.cursor.after if of.cursor else None
    for _ in range(_LOOKS_MAX):
        page = await deps.activities.page(
            visit.key,
            period,
            of.asked.choice,
            after=after,
            newest_first=True,
            limit=_PAGE + 1 - len(found),
        )
        if page is None:
            raise BadQueryError(ARCHIVED)
        found += page.activities
        after = page.scanned
        if len(found) > _PAGE:
            return found[:_PAGE], found[_PAGE - 1].place
        if after is None:
            return found, None
    return found, after


def _following(visit: Visit, of: Question, period: Period, goes_on: Place | None) -> str:
    if goes_on is None:
        return ""
    return visit.section("activity", **of.filter.query, page=Cursor(period, goes_on).text)


ACTIVITY = Section("activity", "sections/activity.html", _read)

_NAMED = (
    (Grouping.TYPE, "type"),
    (Grouping.METER, "meter"),
    (Grouping.MODEL, "model"),
    (Grouping.AGENT, "value"),
    (Grouping.TOPIC, "value"),
    (Grouping.USER, "value"),
)


async def _read_names(deps: Dependencies, visit: Visit) -> Mapping[str, Any]:
    found = await asyncio.gather(*(_names(deps, visit, *each) for each in _NAMED))
    lists = {by.name.lower(): names for (by, _), names in zip(_NAMED, found, strict=True)}
    return {"lists": lists}


async def _names(deps: Dependencies, visit: Visit, by: Grouping, field: str) -> Sequence[str]:
    naming = Naming(by) if field == "value" else None
    question = UsageQuestion(Span(), by=(by,), naming=naming, dearest_first=True)
    page = await deps.usages.rows(visit.key, question, offset=0, limit=_NAMES_MAX)
    return sorted(
        name
        for row in (page.rows if isinstance(page, UsagePage) else ())
        if (name := getattr(row, field))
    )


NAMES = Section("names", "sections/names.html", _read_names)
