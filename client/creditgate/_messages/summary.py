"""The requests about summaries, and how their answers are read."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from creditgate._messages.activity import DAY_SECONDS
from creditgate._messages.convert import (
    duration,
    instant,
    optional_instant,
    optional_seconds,
    timestamp,
    word,
)
from creditgate._messages.work import Call, read_balance
from creditgate._types.grant import GrantKind
from creditgate._types.summary import (
    ConversationTotals,
    CreditSource,
    DayUsage,
    Summary,
    SummaryPeriod,
    SummaryPeriodKind,
    UsageTrend,
)
from creditgate.v1 import account_pb2, summary_pb2, usage_pb2
from creditgate.v1 import usage_service_pb2 as messages


def usage_range(
    *, days: float | None, since: datetime | None, until: datetime | None
) -> usage_pb2.UsageRange | None:
    """A range of time as it is sent; None where none is asked for."""
    if days is None and since is None and until is None:
        return None
    # The field's name is a word of Python's own.
    begins: Any = {"from": timestamp(since)}
    return usage_pb2.UsageRange(
        last=None if days is None else duration(days * DAY_SECONDS),
        until=timestamp(until),
        **begins,
    )


def get_summary(
    account_id: str, *, days: float | None, since: datetime | None, until: datetime | None
) -> Call[Summary]:
    wanted = usage_range(days=days, since=since, until=until)
    request = messages.GetSummaryRequest(account_id=account_id, range=wanted)
    return Call("GetSummary", request, lambda answer: read_summary(answer.summary), writes=False)


def read_summary(summary: summary_pb2.Summary) -> Summary:
    return Summary(
        account_id=summary.account_id,
        period=_read_period(summary.period),
        balance=read_balance(summary.balance),
        sources=tuple(map(_read_source, summary.sources)),
        allowance_micros=summary.allowance_micros,
        consumed_micros=summary.consumed_micros,
        overage_micros=summary.overage_micros,
        holds=summary.holds,
        open_holds=summary.open_holds,
        open_calls=summary.open_calls,
        days=tuple(map(_read_day, summary.days)),
        trend=_read_trend(summary.trend),
        conversations=_read_conversations(summary.conversations),
    )


def _read_period(period: summary_pb2.SummaryPeriod) -> SummaryPeriod:
    return SummaryPeriod(
        kind=SummaryPeriodKind(word(summary_pb2.SummaryPeriodKind, period.kind)),
        starts_at=instant(period.starts_at),
        ends_at=instant(period.ends_at),
        time_zone=period.time_zone,
        days_left=period.days_left,
    )


def _read_source(source: summary_pb2.CreditSource) -> CreditSource:
    return CreditSource(
        kind=GrantKind(word(account_pb2.GrantKind, source.kind)),
        given_micros=source.given_micros,
        remaining_micros=source.remaining_micros,
        next_expiry_at=optional_instant(source, "next_expiry_at"),
    )


def _read_day(day: summary_pb2.DayUsage) -> DayUsage:
    return DayUsage(
        date=date.fromisoformat(day.date), consumed_micros=day.consumed_micros, holds=day.holds
    )


def _read_trend(trend: summary_pb2.UsageTrend) -> UsageTrend:
    return UsageTrend(
        average_micros=trend.average_micros,
        peak=_read_day(trend.peak) if trend.HasField("peak") else None,
        recent_micros=trend.recent_micros,
        before_micros=trend.before_micros,
        projected_micros=trend.projected_micros,
        run_out_at=optional_instant(trend, "run_out_at"),
        calls_run_out_seconds=optional_seconds(trend, "calls_run_out"),
    )


def _read_conversations(totals: summary_pb2.ConversationTotals) -> ConversationTotals:
    return ConversationTotals(
        sessions=totals.sessions,
        messages=totals.messages,
        charged_micros=totals.charged_micros,
        seconds=totals.seconds,
        per_message_micros=totals.per_message_micros,
    )
