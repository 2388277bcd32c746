"""The oracle's usage: every charge and refund with what it was for, added up one by one.

Written from the manual of `UsageRow`. The oracle keeps no entries: after each request its holds are
looked at, and what they were charged or refunded since the last look is what happened now.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from tests.oracle.account import Account, Hold
from tests.oracle.activity import work_of
from tests.oracle.administration import refusable
from tests.oracle.answers import Answer, DistributionView, Refused, UsageRowView
from tests.oracle.calendar import EPOCH, MICROSECOND
from tests.oracle.conversations import ConversingModel
from tests.oracle.prices import price

MINUTE = 60_000_000
Words = tuple[str, str, str, str]
"""What tells rows apart: a type, a meter, a model, and the one thing named besides."""
WORDS = ("TYPE", "METER", "MODEL")
USUAL_BOUNDS = {
    "SESSION_SECONDS": (60, 300, 600, 1800, 3600, 7200, 14400, 28800),
    "SESSION_MESSAGES": (1, 2, 3, 5, 10, 20, 50, 100),
    "CALL_SECONDS": (30, 60, 120, 180, 300, 600, 1200, 1800, 3600),
}


class Bill(NamedTuple):
    """What one meter of a hold was charged at an instant, or refunded where that is negative."""

    at: int
    hold: Hold
    meter: str
    amount: int
    quantity: int
    first: bool


@dataclass
class Seen:
    """A hold as it was looked at last, and what each of its meters still is charged for."""

    charged: int = 0
    refunded: int = 0
    used: list[int] = field(default_factory=list)
    shares: list[int] = field(default_factory=list)


class Books:
    """All bills of an account, in the order in which they were made."""

    def __init__(self) -> None:
        self.bills: list[Bill] = []
        self._seen: defaultdict[str, Seen] = defaultdict(Seen)

    def look(self, at: int, account: Account) -> None:
        """Write what has happened to the account's holds."""
        for hold in account.holds.values():
            seen, meters = self._seen[hold.hold_id], _meters(hold)
            seen.shares = seen.shares or [0] * len(meters)
            if hold.charged > seen.charged:
                first, used = not seen.charged, _used(hold)
                before = seen.used or [0] * len(used)
                split = _split(hold, hold.charged - seen.charged, before, used)
                for place, (meter, amount) in enumerate(zip(meters, split, strict=True)):
                    grown = used[place] - before[place]
                    self.bills.append(Bill(at, hold, meter, amount, grown, first and not place))
                    seen.shares[place] += amount
                seen.charged, seen.used = hold.charged, used
            back = hold.refunded - seen.refunded
            for place in range(len(meters) - 1, -1, -1):
                part = min(back, seen.shares[place])
                seen.shares[place] -= part
                back -= part
                if part:
                    self.bills.append(Bill(at, hold, meters[place], -part, 0, first=False))
            seen.refunded = hold.refunded


def _meters(hold: Hold) -> list[str]:
    return [line.rate.meter for line in hold.meters] or [hold.rate.meter if hold.rate else ""]


def _used(hold: Hold) -> list[int]:
    return [line.used for line in hold.meters] or [hold.used_quantity if hold.rate else 0]


def _split(hold: Hold, amount: int, before: list[int], used: list[int]) -> list[int]:
    """What of a charge is each meter's: what its price has grown by, as far as that was collected.

    What was not is taken off the last ones. What was charged beyond, by amount, is the first one's.
    """
    if not hold.meters:
        return [amount]
    shares = [
        price(line.rate, now) - price(line.rate, then)
        for line, then, now in zip(hold.meters, before, used, strict=True)
    ]
    lacking = sum(shares) - amount
    for place in range(len(shares) - 1, -1, -1):
        off = min(shares[place], max(lacking, 0))
        shares[place] -= off
        lacking -= off
    shares[0] -= min(lacking, 0)
    return shares


def stretch_start(at: int, unit: str, zone: str) -> int:
    """The first instant from which on the clock of a zone shows the hour, day or month of `at`."""
    place = ZoneInfo(zone)

    def local(instant: int) -> tuple[int, ...]:
        shown = (EPOCH + instant * MICROSECOND).astimezone(place)
        return (shown.year, shown.month, shown.day)[: 2 if unit == "MONTH" else 3]

    def hour(instant: int) -> tuple[int, timedelta | None]:
        shown = (EPOCH + instant * MICROSECOND).astimezone(place)
        return shown.hour, shown.utcoffset()

    whole = at - at % MINUTE
    if unit == "HOUR":
        # Minute by minute back, as long as nothing of the hour and of the clock's setting changes.
        while hour(whole - MINUTE) == hour(at):
            whole -= MINUTE
        return whole
    # Days and months only go forward here, so that they can be looked up.
    minutes = range(whole - 40 * 24 * 60 * MINUTE, whole + MINUTE, MINUTE)
    return minutes[bisect_left(minutes, local(at), key=local)]


def _value(hold: Hold, grouping: str, label_key: str) -> str:
    if grouping == "LABEL":
        return dict(hold.labels).get(label_key, "")
    name = {"CONVERSATION": "conversation_id"}.get(grouping, grouping.lower())
    return dict(hold.attributes).get(name, "")


def _groups(bill: Bill, label_key: str) -> Callable[[str], str]:
    """What a bill belongs to, grouping by grouping."""
    work = work_of(bill.hold, "")
    known = {"TYPE": work.type, "METER": bill.meter, "MODEL": work.model}
    return lambda each: known[each] if each in known else _value(bill.hold, each, label_key)


class Sum:
    """What the bills of a row come to."""

    def __init__(self) -> None:
        self.consumed = self.refunded = self.quantity = self.holds = 0

    def add(self, bill: Bill) -> None:
        self.consumed += bill.amount
        self.refunded -= min(bill.amount, 0)
        self.quantity += bill.quantity
        self.holds += bill.first

    @property
    def numbers(self) -> tuple[int, int, int, int]:
        return self.consumed, self.refunded, self.quantity, self.holds


class ReportingModel(ConversingModel):
    """A tenant whose accounts can be asked what they have used."""

    def __init__(self) -> None:
        super().__init__()
        self.books: defaultdict[str, Books] = defaultdict(Books)

    def look(self, at: int) -> None:
        """Write what has happened to the holds of all accounts."""
        for name, account in self.accounts.items():
            self.books[name].look(at, account)

    @refusable
    def query_usage(
        self,
        at: int,
        account_id: str,
        *,
        unit: str = "",
        by: Sequence[str] = (),
        label_key: str = "",
        keep: Sequence[tuple[str, str]] = (),
        start: int = 0,
        until: int | None = None,
        last_ms: int | None = None,
        dearest: bool = False,
        page_size: int = 50,
    ) -> Answer:
        account = self.account(None, account_id)
        start = start if last_ms is None else at - last_ms * 1000
        named = any(each not in WORDS for each in (*by, *(name for name, _ in keep)))
        length = min(at if until is None else until, at) - max(start, account.created_at)
        if unit == "HOUR" and named and length > 32 * 24 * 60 * MINUTE:
            raise Refused("INVALID_FIELD")
        sums: defaultdict[tuple[int | None, Words], Sum] = defaultdict(Sum)
        for bill in self.books[account_id].bills:
            of = _groups(bill, label_key)
            inside = start <= bill.at < (bill.at + 1 if until is None else until)
            if inside and all(of(name) == text for name, text in keep):
                begins = stretch_start(bill.at, unit, account.standing.time_zone) if unit else None
                others = [each for each in by if each not in WORDS]
                type_, meter, model = (of(each) if each in by else "" for each in WORDS)
                value = of(others[0]) if others else ""
                sums[begins, (type_, meter, model, value)].add(bill)
        rows = [
            UsageRowView(begins, *words, *each.numbers)
            for (begins, words), each in sorted(
                sums.items(), key=lambda item: (item[0][0] or 0, item[0][1])
            )
            if any(each.numbers)
        ]
        if dearest:
            rows.sort(key=lambda row: row.consumed, reverse=True)
        return Answer("ACCEPTED", rows=tuple(rows[:page_size]))

    @refusable
    def get_distribution(
        self,
        at: int,
        account_id: str,
        *,
        measure: str,
        start: int = 0,
        until: int | None = None,
        last_ms: int | None = None,
        bounds: Sequence[int] = (),
    ) -> Answer:
        account = self.account(None, account_id)
        start = start if last_ms is None else at - last_ms * 1000
        found = sorted(
            value
            for began, value in self._measured(at, account_id, account, measure)
            if start <= began and (until is None or began < until)
        )
        edges = [0, *(bounds or USUAL_BOUNDS[measure])]
        below = [bisect_left(found, edge) for edge in edges] + [len(found)]
        counts = tuple(high - low for low, high in pairwise(below))
        shares = (_at_least(found, each) for each in (50, 90))
        view = DistributionView(tuple(edges), counts, len(found), max(found, default=0), *shares)
        return Answer("ACCEPTED", distribution=view)

    def _measured(
        self, at: int, account_id: str, account: Account, measure: str
    ) -> Iterator[tuple[int, int]]:
        if measure == "CALL_SECONDS":
            for hold in account.holds.values():
                if hold.call is not None and hold.charged:
                    yield hold.created_at, hold.used_quantity
            return
        for view in self.list_conversations(at, account_id).conversations:
            seconds = measure == "SESSION_SECONDS"
            yield view.started_at, view.duration // 1_000_000 if seconds else view.messages


def _at_least(found: Sequence[int], percent: int) -> int:
    """The least value that so many of a hundred do not exceed."""
    return next(
        (
            value
            for value in found
            if 100 * sum(each <= value for each in found) >= percent * len(found)
        ),
        0,
    )
