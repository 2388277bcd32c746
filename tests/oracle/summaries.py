"""How an account stands and what a period has consumed, told from the oracle's account alone.

Written from the manual of `Summary`: every sum walks over all that was ever charged, days and
midnights are looked up on the calendar of the zone, and fractions stay exact to the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from math import floor
from zoneinfo import ZoneInfo

from tests.oracle.account import Grant, Hold
from tests.oracle.activity import work_of
from tests.oracle.answers import BalanceView
from tests.oracle.calendar import EPOCH, MICROSECOND
from tests.oracle.sessions import Session
from tests.oracle.subscriber import Subscriber

SECOND = 1_000_000
DAY = 24 * 3_600 * SECOND
WEEK = 7 * DAY
FORESEEN = 3_650 * DAY
KINDS = ("PLAN", "PURCHASED", "PROMOTIONAL", "ADJUSTMENT", "ROLLOVER")


@dataclass(frozen=True)
class Asked:
    """The range a summary is asked for; without one it is the running period."""

    start: int | None = None
    until: int | None = None
    last_ms: int | None = None


@dataclass(frozen=True)
class PeriodView:
    """A period as a summary shows it."""

    kind: str
    starts_at: int
    ends_at: int
    time_zone: str
    days_left: int


Day = tuple[str, int, int]
"""A date, what it consumed, and how many holds were charged for the first time."""
Source = tuple[str, int, int, int | None]
"""A kind of grants, what they gave, what is left of them, and when the next ends."""


@dataclass(frozen=True)
class SummaryView:
    """A summary as a response shows it."""

    period: PeriodView
    balance: BalanceView
    sources: tuple[Source, ...]
    allowance: int
    consumed: int
    overage: int
    holds: int
    open_holds: int
    open_calls: int
    days: tuple[Day, ...]
    average: int
    peak: Day | None
    recent: int
    before: int
    projected: int
    run_out_at: int | None
    calls_run_out: int | None
    sessions: int
    messages: int
    charged: int
    seconds: int
    per_message: int


class Summing:
    """One account's summary at one instant."""

    def __init__(
        self, account: Subscriber, sessions: Sequence[Session], at: int, asked: Asked | None
    ) -> None:
        self._account, self._sessions, self._at = account, sessions, at
        self._zone = ZoneInfo(account.zone)
        self._since, self._until, self._kind = self._bounds(asked)
        start = -1 if self._since is None else self._since
        ranged = self._kind == "RANGE"
        self._starts_at = max(start, account.created_at) if ranged else start
        self._ends_at = at if self._until is None else self._until
        self._ends_at = max(self._ends_at, self._starts_at)

    def view(self) -> SummaryView:
        consumed, holds = self._between(self._since, self._until)
        days = self._days()
        sources = self._sources()
        allowance = sum(source[1] for source in sources if source[0] in {"PLAN", "ROLLOVER"})
        elapsed = max(min(self._at, self._ends_at) - self._starts_at, DAY)
        most = max((day[1] for day in days), default=0)
        messages = sum(each.committed for each in self._mine)
        charged = sum(each.view(self._account).charged for each in self._mine)
        return SummaryView(
            period=self._period(),
            balance=self._account.balance(self._at),
            sources=sources,
            allowance=allowance,
            consumed=consumed,
            overage=max(consumed - allowance, 0) if allowance else 0,
            holds=holds,
            open_holds=len(self._account.open_holds),
            open_calls=len(self._calls),
            days=days,
            average=_nearest(Fraction(consumed * DAY, elapsed)),
            peak=next((day for day in days if day[1] == most), None) if most > 0 else None,
            recent=self._between(self._at - WEEK, None)[0],
            before=self._between(self._at - 2 * WEEK, self._at - WEEK)[0],
            projected=consumed + _nearest(self._pace * max(self._left, 0)),
            run_out_at=self._run_out_at(),
            calls_run_out=self._calls_run_out(),
            sessions=len(self._mine),
            messages=messages,
            charged=charged,
            seconds=sum(each.view(self._account).duration for each in self._mine) // SECOND,
            per_message=_nearest(Fraction(charged, messages)) if messages else 0,
        )

    def _bounds(self, asked: Asked | None) -> tuple[int | None, int | None, str]:
        if asked is not None:
            start = asked.start
            if asked.last_ms is not None:
                start = self._at - asked.last_ms * 1_000
            return start, asked.until, "RANGE"
        if self._account.cycle:
            return self._account.cycle.starts_at, self._account.cycle.ends_at, "CYCLE"
        first = self._date(self._at).replace(day=1)
        following = (first + timedelta(days=31)).replace(day=1)
        return self._midnight(first), self._midnight(following), "MONTH"

    def _period(self) -> PeriodView:
        left, day = 0, self._date(self._at)
        # Today counts, and then each day that begins before the end.
        while self._ends_at > self._at and (left == 0 or self._midnight(day) < self._ends_at):
            left, day = left + 1, day + timedelta(days=1)
        zone = self._account.zone
        return PeriodView(self._kind, self._starts_at, self._ends_at, zone, left)

    def _days(self) -> tuple[Day, ...]:
        through = self._at if self._until is None else min(self._at, self._until - 1)
        if through < self._starts_at:
            return ()
        day, last = self._date(self._starts_at), self._date(through)
        days = []
        while day <= last:
            following = day + timedelta(days=1)
            begin, end = self._midnight(day), self._midnight(following)
            inside = max(begin, self._starts_at), min(end, through + 1)
            days.append((day.isoformat(), *self._between(*inside)))
            day = following
        return tuple(days)

    def _between(self, start: int | None, end: int | None) -> tuple[int, int]:
        """What was consumed from an instant on and before another, and by how many new holds."""
        chosen = [
            (place, amount)
            for place, (at, _, amount) in enumerate(self._account.spent)
            if (start is None or at >= start) and (end is None or at < end)
        ]
        firsts = {hold_id: 0 for _, hold_id, _ in self._account.spent}
        for place, (_, hold_id, amount) in reversed(list(enumerate(self._account.spent))):
            firsts[hold_id] = place if amount > 0 else firsts[hold_id]
        new = sum(place in firsts.values() for place, _ in chosen)
        return sum(amount for _, amount in chosen), new

    def _sources(self) -> tuple[Source, ...]:
        found = []
        for kind in KINDS:
            grants = [
                grant
                for grant in self._account.grants.values()
                if grant.begun and grant.view.kind == kind
            ]
            ends = [
                grant.view.expires_at
                for grant in grants
                if grant.state == "LIVE" and grant.remaining and grant.view.expires_at is not None
            ]
            given = sum(grant.view.amount for grant in grants if self._is_new(grant))
            left = sum(grant.remaining for grant in grants)
            if grants:
                found.append((kind, given, left, min(ends, default=None)))
        return tuple(found)

    def _is_new(self, grant: Grant) -> bool:
        began = grant.view.effective_at
        return (self._since is None or began >= self._since) and (
            self._until is None or began < self._until
        )

    @property
    def _left(self) -> int:
        return self._ends_at - max(self._at, self._starts_at)

    @property
    def _pace(self) -> Fraction:
        """Micro-credits a microsecond."""
        recent = self._between(self._at - WEEK, None)[0]
        age = self._at - self._account.created_at
        return Fraction(max(recent, 0), min(max(age, DAY), WEEK))

    def _run_out_at(self) -> int | None:
        available = self._account.available
        if available <= 0:
            return self._at
        lasting = floor(available / self._pace) if self._pace else FORESEEN + 1
        return self._at + lasting if lasting <= FORESEEN else None

    @property
    def _calls(self) -> list[Hold]:
        return [hold for hold in self._account.open_holds if work_of(hold, "CHARGE").type == "call"]

    def _calls_run_out(self) -> int | None:
        cost, funds = Fraction(), max(self._account.available, 0)
        for call in self._calls:
            second = _second(call)
            cost += second
            funds += call.held if second else 0
        lasting = floor(funds / cost * SECOND) if cost else FORESEEN + 1
        return lasting if lasting <= FORESEEN else None

    @property
    def _mine(self) -> list[Session]:
        return [
            each
            for each in self._sessions
            if (self._since is None or each.started_at >= self._since)
            and (self._until is None or each.started_at < self._until)
        ]

    def _date(self, at: int) -> date:
        return (EPOCH + at * MICROSECOND).astimezone(self._zone).date()

    def _midnight(self, day: date) -> int:
        """The first instant of a day, also where its midnight is skipped or comes twice."""
        readings = (
            datetime(day.year, day.month, day.day, tzinfo=self._zone, fold=fold) for fold in (0, 1)
        )
        instants = ((each.astimezone(UTC) - EPOCH) // MICROSECOND for each in readings)
        return min(each for each in instants if self._date(each) == day)


def _second(call: Hold) -> Fraction:
    """What the next second of a call costs, by its unit price."""
    rate, used = call.rate, call.used_quantity
    if call.meters:
        rate, used = call.meters[0].rate, call.meters[0].used
    if rate is None:
        return Fraction()
    price = rate.unit_price
    for beyond, dearer in rate.tiers:
        price = dearer if used >= beyond else price
    return Fraction(price, rate.unit_size or 1)


def _nearest(value: Fraction) -> int:
    return floor(value + Fraction(1, 2))
