"""From summaries to messages."""

from __future__ import annotations

from creditgate.v1 import summary_pb2 as pb
from creditgate_server.domain.summaries import (
    ConversationTotals,
    CreditSource,
    DayUsage,
    Summary,
    SummaryPeriod,
    UsageTrend,
)

from .encode import balance, moment


def summary(to: pb.Summary, of: Summary) -> None:
    """Write a summary."""
    to.account_id = of.account_id
    _period(to.period, of.period)
    balance(to.balance, of.balance)
    for source in of.sources:
        _source(to.sources.add(), source)
    to.allowance_micros = of.allowance_micros
    to.consumed_micros = of.consumed_micros
    to.overage_micros = of.overage_micros
    to.holds = of.holds
    to.open_holds = of.open_holds
    to.open_calls = of.open_calls
    for each in of.days:
        _day(to.days.add(), each)
    _trend(to.trend, of.trend)
    _conversations(to.conversations, of.conversations)


def _period(to: pb.SummaryPeriod, of: SummaryPeriod) -> None:
    to.kind = of.kind  # type: ignore[assignment]  # the numbers are those of the API
    moment(to.starts_at, of.starts_at)
    moment(to.ends_at, of.ends_at)
    to.time_zone = of.time_zone
    to.days_left = of.days_left


def _source(to: pb.CreditSource, of: CreditSource) -> None:
    to.kind = of.kind  # type: ignore[assignment]  # as above
    to.given_micros = of.given_micros
    to.remaining_micros = of.remaining_micros
    if of.next_expiry_at is not None:
        moment(to.next_expiry_at, of.next_expiry_at)


def _day(to: pb.DayUsage, of: DayUsage) -> None:
    to.date = of.day.isoformat()
    to.consumed_micros = of.consumed_micros
    to.holds = of.holds


def _trend(to: pb.UsageTrend, of: UsageTrend) -> None:
    to.average_micros = of.average_micros
    if of.peak is not None:
        _day(to.peak, of.peak)
    to.recent_micros = of.recent_micros
    to.before_micros = of.before_micros
    to.projected_micros = of.projected_micros
    if of.run_out_at is not None:
        moment(to.run_out_at, of.run_out_at)
    if of.calls_run_out is not None:
        to.calls_run_out.FromTimedelta(of.calls_run_out)


def _conversations(to: pb.ConversationTotals, of: ConversationTotals) -> None:
    to.SetInParent()
    to.sessions = of.sessions
    to.messages = of.messages
    to.charged_micros = of.charged_micros
    to.seconds = of.seconds
    to.per_message_micros = of.per_message_micros
