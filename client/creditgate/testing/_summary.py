"""The fake's summaries: what its statements, grants, holds and sessions come to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from creditgate.testing._activity import type_of
from creditgate.testing._sessions import FakeSession
from creditgate.testing._subscriber import Subscriber
from creditgate.testing._usage import UsageReports
from creditgate.testing._wallet import LIVE, OPEN, PENDING, UNPAID, FakeGrant, stamp
from creditgate.v1 import account_pb2, hold_pb2, summary_pb2
from creditgate.v1 import account_service_pb2 as accounts
from creditgate.v1 import usage_service_pb2 as messages

SECOND = 1_000_000
DAY = 24 * 3_600 * SECOND
WEEK = 7 * DAY
FORESEEN_MAX = 3_650 * DAY

_EPOCH = datetime.fromtimestamp(0, UTC)
_OF_PLANS = {account_pb2.GRANT_KIND_PLAN, account_pb2.GRANT_KIND_ROLLOVER}


class Period(NamedTuple):
    """What is summed up; None where a range has no edge. Times are microseconds."""

    kind: summary_pb2.SummaryPeriodKind.ValueType
    since: int | None
    until: int | None

    def has(self, at: int) -> bool:
        """Whether an instant belongs to it."""
        return (self.since is None or at >= self.since) and (self.until is None or at < self.until)


class Spending(NamedTuple):
    """A charge, or below zero a refund; `first` for a hold that was not charged before."""

    at: int
    micros: int
    first: bool


class Summaries(UsageReports):
    """What UsageService answers about how accounts stand."""

    def _get_summary(
        self, request: messages.GetSummaryRequest, now: int
    ) -> messages.GetSummaryResponse:
        wallet = self._wallet(request)
        known = [
            session
            for (owner, _), sessions in self.talks.items()
            if owner == request.account_id
            for session in sessions
        ]
        return messages.GetSummaryResponse(
            summary=_Summing(wallet, known, _period(wallet, request, now), now).show()
        )


class _Summing:
    """One account's summary at one instant."""

    def __init__(
        self, wallet: Subscriber, sessions: list[FakeSession], period: Period, now: int
    ) -> None:
        self._wallet, self._period, self._now = wallet, period, now
        self._sessions, self._place = sessions, ZoneInfo(wallet.message.time_zone)
        self._spent = list(_spendings(wallet))
        self._starts = period.since or 0
        if period.kind == summary_pb2.SUMMARY_PERIOD_KIND_RANGE:
            self._starts = max(self._starts, wallet.message.created_at.ToMicroseconds())
        self._ends = max(now if period.until is None else period.until, self._starts)

    def show(self) -> summary_pb2.Summary:
        inside = [each for each in self._spent if self._period.has(each.at)]
        shown = summary_pb2.Summary(
            account_id=self._wallet.message.account_id,
            balance=self._wallet.balance(self._now),
            sources=self._sources(),
            consumed_micros=sum(each.micros for each in inside),
            holds=sum(each.first for each in inside),
            open_holds=self._wallet.open_holds,
            open_calls=len(self._calls()),
            days=self._days(inside),
        )
        given = (each.given_micros for each in shown.sources if each.kind in _OF_PLANS)
        shown.allowance_micros = sum(given)
        if shown.allowance_micros:
            shown.overage_micros = max(shown.consumed_micros - shown.allowance_micros, 0)
        self._show_period(shown.period)
        self._show_trend(shown.trend, shown)
        self._show_conversations(shown.conversations)
        return shown

    def _show_period(self, shown: summary_pb2.SummaryPeriod) -> None:
        shown.kind, shown.time_zone = self._period.kind, self._wallet.message.time_zone
        stamp(shown.starts_at, self._starts)
        stamp(shown.ends_at, self._ends)
        if self._ends > self._now:
            shown.days_left = (self._day(self._ends - 1) - self._day(self._now)).days + 1

    def _days(self, inside: list[Spending]) -> Iterator[summary_pb2.DayUsage]:
        """The days of the period that have begun."""
        until = self._period.until
        through = self._now if until is None else min(self._now, until - 1)
        if through < self._starts:
            return
        consumed, first = Counter[date](), Counter[date]()
        for each in inside:
            day = self._day(each.at)
            consumed[day] += each.micros
            first[day] += each.first
        day = self._day(self._starts)
        while day <= self._day(through):
            yield summary_pb2.DayUsage(
                date=day.isoformat(), consumed_micros=consumed[day], holds=first[day]
            )
            day += timedelta(days=1)

    def _sources(self) -> Iterator[summary_pb2.CreditSource]:
        for kind in account_pb2.GrantKind.values():
            begun = [
                grant
                for grant in self._wallet.grants.values()
                if grant.message.kind == kind and self._has_begun(grant)
            ]
            if not begun:
                continue
            shown = summary_pb2.CreditSource(kind=kind)
            for grant in begun:
                shown.given_micros += grant.message.amount_micros * self._period.has(grant.begins)
                shown.remaining_micros += grant.message.remaining_micros
            ends = [
                each.ends
                for each in begun
                if each.message.state == LIVE and each.message.remaining_micros
            ]
            if next_end := min((end for end in ends if end is not None), default=None):
                stamp(shown.next_expiry_at, next_end)
            yield shown

    def _has_begun(self, grant: FakeGrant) -> bool:
        """Whether a grant was ever live; of one that was revoked the statement knows."""
        name, kind = grant.message.grant_id, accounts.ENTRY_KIND_GRANT
        return grant.message.state not in {PENDING, UNPAID} and any(
            (entry.kind, entry.name) == (kind, name) for entry in self._wallet.entries
        )

    def _show_trend(self, shown: summary_pb2.UsageTrend, of: summary_pb2.Summary) -> None:
        now, age = self._now, self._now - self._wallet.message.created_at.ToMicroseconds()
        elapsed = max(min(now, self._ends) - self._starts, DAY)
        shown.average_micros = _nearest(of.consumed_micros * DAY, elapsed)
        peak = max(of.days, key=lambda day: day.consumed_micros, default=None)
        if peak is not None and peak.consumed_micros > 0:
            shown.peak.CopyFrom(peak)
        shown.recent_micros = sum(each.micros for each in self._spent if each.at >= now - WEEK)
        shown.before_micros = sum(
            each.micros for each in self._spent if now - 2 * WEEK <= each.at < now - WEEK
        )
        pace, span = max(shown.recent_micros, 0), min(max(age, DAY), WEEK)
        left = max(self._ends - max(now, self._starts), 0)
        shown.projected_micros = of.consumed_micros + _nearest(pace * left, span)
        available = self._wallet.available
        lasting = max(available, 0) * span // pace if pace else FORESEEN_MAX + 1
        if available <= 0:
            lasting = 0
        if lasting <= FORESEEN_MAX:
            stamp(shown.run_out_at, now + lasting)
        self._show_calls(shown)

    def _show_calls(self, shown: summary_pb2.UsageTrend) -> None:
        """Show how long the open calls can go on together."""
        share, parts, funds = 0, 1, max(self._wallet.available, 0)
        for call in self._calls():
            price, size = _second(call)
            share, parts = share * size + price * parts, parts * size
            funds += call.held_micros if price else 0
        if share and funds * parts * SECOND // share <= FORESEEN_MAX:
            shown.calls_run_out.FromMicroseconds(funds * parts * SECOND // share)

    def _calls(self) -> list[hold_pb2.Hold]:
        held = (hold.stand() for hold in self._wallet.holds.values())
        return [it for it in held if it.state == OPEN and type_of(it) == "call"]

    def _show_conversations(self, shown: summary_pb2.ConversationTotals) -> None:
        shown.SetInParent()
        records = [each.show(self._now) for each in self._sessions]
        records = [it for it in records if self._period.has(it.started_at.ToMicroseconds())]
        shown.sessions = len(records)
        shown.messages = sum(it.messages for it in records)
        shown.charged_micros = sum(it.charged_micros for it in records)
        shown.seconds = sum(it.duration.ToMicroseconds() for it in records) // SECOND
        if shown.messages:
            shown.per_message_micros = _nearest(shown.charged_micros, shown.messages)

    def _day(self, at: int) -> date:
        return _local(at, self._place).date()


def _period(wallet: Subscriber, request: messages.GetSummaryRequest, now: int) -> Period:
    if request.HasField("range"):
        wanted = request.range
        since = getattr(wanted, "from").ToMicroseconds() if wanted.HasField("from") else None
        if wanted.HasField("last"):
            since = now - wanted.last.ToMilliseconds() * 1_000
        until = wanted.until.ToMicroseconds() if wanted.HasField("until") else None
        return Period(summary_pb2.SUMMARY_PERIOD_KIND_RANGE, since, until)
    it = wallet.message
    if it.HasField("cycle"):
        edges = (it.cycle.starts_at.ToMicroseconds(), it.cycle.ends_at.ToMicroseconds())
        return Period(summary_pb2.SUMMARY_PERIOD_KIND_CYCLE, *edges)
    place = ZoneInfo(it.time_zone)
    first = _local(now, place).date().replace(day=1)
    following = (first + timedelta(days=31)).replace(day=1)
    edges = (_first_instant(first, place), _first_instant(following, place))
    return Period(summary_pb2.SUMMARY_PERIOD_KIND_MONTH, *edges)


def _first_instant(day: date, place: ZoneInfo) -> int:
    """When a day begins, also where its midnight is skipped or comes twice."""
    midnight = datetime.combine(day, datetime.min.time(), place)
    readings = (midnight.replace(fold=fold).astimezone(UTC) - _EPOCH for fold in (0, 1))
    instants = [each // timedelta(microseconds=1) for each in readings]
    return min(each for each in instants if _local(each, place).date() == day)


def _local(at: int, place: ZoneInfo) -> datetime:
    return (_EPOCH + timedelta(microseconds=at)).astimezone(place)


def _spendings(wallet: Subscriber) -> Iterator[Spending]:
    """What was charged and refunded, oldest first."""
    known = set[str]()
    for entry in wallet.entries:
        if entry.kind in {accounts.ENTRY_KIND_CHARGE, accounts.ENTRY_KIND_REFUND}:
            first = entry.kind == accounts.ENTRY_KIND_CHARGE and entry.hold_id not in known
            yield Spending(entry.created_at.ToMicroseconds(), -entry.amount_micros, first)
            known.add(entry.hold_id)


def _second(call: hold_pb2.Hold) -> tuple[int, int]:
    """What the next second of a call costs: a price, and for how many seconds it is."""
    line = call.lines[0] if call.lines else call
    rate, price = line.rate, line.rate.unit_price_micros
    for tier in rate.tiers:
        if line.used_quantity >= tier.from_quantity:
            price = tier.unit_price_micros
    return price, rate.unit_size or 1


def _nearest(amount: int, parts: int) -> int:
    """An amount in so many parts, rounded to the nearest, half up."""
    return (2 * amount + parts) // (2 * parts)
