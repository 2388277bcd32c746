"""From what was read of an account and a period to its summary."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from . import forecasts
from .forecasts import OpenCalls, bounded
from .grants import GrantKind
from .summaries import (
    ConversationTotals,
    CreditSource,
    DayUsage,
    Summary,
    SummaryPeriod,
    UsageTrend,
)

if TYPE_CHECKING:
    from datetime import date, datetime

    from .balances import Balance

_OF_PLANS = frozenset({GrantKind.PLAN, GrantKind.ROLLOVER})


class SessionSums(NamedTuple):
    """What the sessions that started in a period add up to."""

    sessions: int
    messages: int
    charged_micros: int
    duration: timedelta


class SummaryFacts(NamedTuple):
    """What a summary is worked out from, read in one snapshot.

    `first_day` and `last_day` are those of the period that have begun; None where none has. `used`
    is the days on which there was something. `recent_micros` and `before_micros` are as in
    `UsageTrend`.
    """

    account_id: str
    created_at: datetime
    balance: Balance
    open_holds: int
    period: SummaryPeriod
    first_day: date | None
    last_day: date | None
    used: Sequence[DayUsage]
    recent_micros: int
    before_micros: int
    sources: Sequence[CreditSource]
    calls: Sequence[OpenCalls]
    sums: SessionSums


def summarize(facts: SummaryFacts) -> Summary:
    """Work out a summary."""
    days = list(_days(facts, {each.day: each for each in facts.used}))
    consumed = sum(each.consumed_micros for each in facts.used)
    allowance = sum(each.given_micros for each in facts.sources if each.kind in _OF_PLANS)
    return Summary(
        account_id=facts.account_id,
        period=facts.period,
        balance=facts.balance,
        sources=[_bounded(each) for each in facts.sources],
        allowance_micros=bounded(allowance),
        consumed_micros=bounded(consumed),
        overage_micros=bounded(max(consumed - allowance, 0)) if allowance else 0,
        holds=sum(each.holds for each in facts.used),
        open_holds=facts.open_holds,
        open_calls=sum(each.number for each in facts.calls),
        days=days,
        trend=_trend(facts, consumed, days),
        conversations=_totals(facts.sums),
    )


def _days(facts: SummaryFacts, used: Mapping[date, DayUsage]) -> Iterator[DayUsage]:
    """Go through the days of the period that have begun."""
    if facts.first_day is None or facts.last_day is None:
        return
    for number in range((facts.last_day - facts.first_day).days + 1):
        day = facts.first_day + timedelta(days=number)
        found = used.get(day, DayUsage(day, 0, 0))
        yield found._replace(consumed_micros=bounded(found.consumed_micros))


def _trend(facts: SummaryFacts, consumed: int, days: Sequence[DayUsage]) -> UsageTrend:
    now, period, balance = facts.balance.as_of, facts.period, facts.balance
    pace = forecasts.pace(facts.recent_micros, age=now - facts.created_at)
    left = period.ends_at - max(now, period.starts_at)
    elapsed = min(now, period.ends_at) - period.starts_at
    # Of equals `max` answers the first.
    peak = max(days, key=lambda day: day.consumed_micros, default=None)
    return UsageTrend(
        average_micros=bounded(forecasts.average_micros(consumed, elapsed)),
        peak=peak if peak and peak.consumed_micros > 0 else None,
        recent_micros=bounded(facts.recent_micros),
        before_micros=bounded(facts.before_micros),
        projected_micros=bounded(forecasts.projected_micros(consumed, pace, left=left)),
        run_out_at=forecasts.run_out_at(balance.available_micros, pace, now=now),
        calls_run_out=forecasts.calls_run_out(balance.available_micros, facts.calls),
    )


def _totals(sums: SessionSums) -> ConversationTotals:
    each = Fraction(sums.charged_micros, sums.messages) if sums.messages else Fraction()
    return ConversationTotals(
        sessions=sums.sessions,
        messages=sums.messages,
        charged_micros=bounded(sums.charged_micros),
        seconds=sums.duration // timedelta(seconds=1),
        per_message_micros=bounded(forecasts.nearest(each)),
    )


def _bounded(source: CreditSource) -> CreditSource:
    return source._replace(
        given_micros=bounded(source.given_micros), remaining_micros=bounded(source.remaining_micros)
    )
