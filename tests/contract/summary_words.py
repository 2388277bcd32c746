"""How stories write summaries: what is asked for, and what is answered."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from creditgate._messages.convert import word
from creditgate.v1 import account_pb2, summary_pb2, usage_pb2
from tests.contract.rate_words import micros
from tests.oracle.answers import BalanceView
from tests.oracle.summaries import Asked, Day, PeriodView, Source, SummaryView

# What is asked of a summary, but for times.
SUMMARY: dict[str, tuple[str, Callable[[str], Any]]] = {
    "kind": ("period.kind", str),
    "zone": ("period.time_zone", str),
    "left": ("period.days_left", int),
    "sources": ("sources", lambda text: () if text == "none" else tuple(text.split(","))),
    **{
        name: (name, micros)
        for name in (
            *("allowance", "consumed", "overage", "average", "recent", "before", "projected"),
            *("calls_run_out", "charged", "per_message"),
        )
    },
    **{
        name: (name, int)
        for name in ("holds", "open_holds", "open_calls", "sessions", "messages", "seconds")
    },
}


def sourced(source: Source) -> str:
    """A source as stories write it: `PLAN:20:13.5`, its kind, what it gave and what is left."""
    kind, *amounts, _ = source
    return ":".join((kind, *(f"{Decimal(each) / 1_000_000:f}" for each in amounts)))


def to_range(asked: Asked) -> usage_pb2.UsageRange:
    """A range as a message."""
    message = usage_pb2.UsageRange()
    if asked.start is not None:
        getattr(message, "from").FromMicroseconds(asked.start)
    if asked.until is not None:
        message.until.FromMicroseconds(asked.until)
    if asked.last_ms is not None:
        message.last.FromMilliseconds(asked.last_ms)
    message.SetInParent()
    return message


def to_summary(shown: summary_pb2.Summary, to_balance: Callable[[Any], BalanceView]) -> SummaryView:
    """A summary as the oracle shows it."""
    trend, talks = shown.trend, shown.conversations
    return SummaryView(
        period=_period(shown.period),
        balance=to_balance(shown.balance),
        sources=tuple(map(_source, shown.sources)),
        allowance=shown.allowance_micros,
        consumed=shown.consumed_micros,
        overage=shown.overage_micros,
        holds=shown.holds,
        open_holds=shown.open_holds,
        open_calls=shown.open_calls,
        days=tuple(map(_day, shown.days)),
        average=trend.average_micros,
        peak=_day(trend.peak) if trend.HasField("peak") else None,
        recent=trend.recent_micros,
        before=trend.before_micros,
        projected=trend.projected_micros,
        run_out_at=trend.run_out_at.ToMicroseconds() if trend.HasField("run_out_at") else None,
        calls_run_out=(
            trend.calls_run_out.ToMicroseconds() if trend.HasField("calls_run_out") else None
        ),
        sessions=talks.sessions,
        messages=talks.messages,
        charged=talks.charged_micros,
        seconds=talks.seconds,
        per_message=talks.per_message_micros,
    )


def _period(period: summary_pb2.SummaryPeriod) -> PeriodView:
    return PeriodView(
        word(summary_pb2.SummaryPeriodKind, period.kind),
        period.starts_at.ToMicroseconds(),
        period.ends_at.ToMicroseconds(),
        period.time_zone,
        period.days_left,
    )


def _source(source: summary_pb2.CreditSource) -> Source:
    ends = source.HasField("next_expiry_at")
    return (
        word(account_pb2.GrantKind, source.kind),
        source.given_micros,
        source.remaining_micros,
        source.next_expiry_at.ToMicroseconds() if ends else None,
    )


def _day(day: summary_pb2.DayUsage) -> Day:
    return day.date, day.consumed_micros, day.holds


def days(text: str) -> tuple[Day, ...]:
    """`2030-01-01:5:1,2030-01-02:0:0`: days, what each consumed and its new holds."""
    return tuple(map(_read_day, text.split(","))) if text != "none" else ()


def day(text: str) -> Day | None:
    """`2030-01-01:5:1`: one day; `none` is none."""
    return None if text == "none" else _read_day(text)


def _read_day(text: str) -> Day:
    date, consumed, holds = text.split(":")
    return date, micros(consumed), int(holds)
