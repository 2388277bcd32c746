"""What an account of the fake tells of: the news of a change, and what its balance has crossed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from creditgate.v1 import account_pb2, event_pb2

NOTICE_MS_DEFAULT = 7 * 86_400_000


@dataclass
class Teller(ABC):
    """Compares an account with what it was when it last told."""

    events: list[event_pb2.Event] = field(default_factory=list, init=False)
    news: list[event_pb2.Event] = field(default_factory=list, init=False)
    told: account_pb2.Balance = field(default_factory=account_pb2.Balance, init=False)
    lines: list[tuple[int, int]] = field(default_factory=lambda: [(0, 0)], init=False)
    """The balances that alert, the highest first, and the percents they are, or 0."""

    @abstractmethod
    def stand_at(self, *, told_version: int) -> account_pb2.Balance:
        """The balance now; what there is news of is a change of the version that was told."""

    def tell(self, *, since: int | None = None) -> None:
        """Write what has happened since the last time, or since a version, as a whole."""
        self.news += self._crossings(self.told, self.stand_at(told_version=-1))
        self.news += self.asked(len(self.events) + len(self.news) + 1)
        now = self.stand_at(told_version=self.told.version if since is None else since)
        for event in self.news:
            event.account_id, event.number = self._name(), len(self.events) + 1
            event.event_id = f"{event.account_id}/{event.number}"
            event.balance.CopyFrom(now)
            event.created_at.CopyFrom(now.as_of)
            self.events.append(event)
        self.news = []
        self.told = now

    def asked(self, _number: int) -> Iterator[event_pb2.Event]:
        """What is asked for, to be told as the event of a number: nothing."""
        return iter(())

    @abstractmethod
    def _name(self) -> str:
        """The account's id."""

    def _crossings(
        self, before: account_pb2.Balance, now: account_pb2.Balance
    ) -> Iterator[event_pb2.Event]:
        """What the way from one balance to another has crossed."""
        was, is_ = before.settled_micros, now.settled_micros
        had = was + before.overdraft_limit_micros > 0
        has = is_ + now.overdraft_limit_micros > 0
        if has and not had:
            yield event_pb2.Event(kind=event_pb2.EVENT_KIND_CREDITS_RESUMED)
        for at, percent in self.lines:
            if was > at >= is_:
                low = event_pb2.BalanceLow(threshold_micros=at, percent=percent)
                yield event_pb2.Event(kind=event_pb2.EVENT_KIND_BALANCE_LOW, balance_low=low)
        if was >= 0 > is_:
            yield event_pb2.Event(kind=event_pb2.EVENT_KIND_OVERDRAFT_ENTERED)
        if had and not has:
            yield event_pb2.Event(kind=event_pb2.EVENT_KIND_CREDITS_EXHAUSTED)

    def alert_at(
        self, thresholds: Sequence[account_pb2.Threshold], *, allowance: int
    ) -> Sequence[account_pb2.Threshold]:
        """Let thresholds count; answers them with the highest first."""
        placed = [(_micros(each, allowance), _number(each), each) for each in thresholds]
        placed.sort(key=lambda it: (it[0] is None, -(it[0] or 0), it[1]))
        percents: dict[int, int] = {}
        for micros, number, _ in placed:
            if micros is not None:
                percents.setdefault(micros, max(-number, 0))
        self.lines = list(percents.items())
        return [each for _, _, each in placed]


def sort(thresholds: Sequence[account_pb2.Threshold]) -> list[account_pb2.Threshold]:
    """Thresholds as plans show them."""
    return sorted(thresholds, key=_number)


def _number(threshold: account_pb2.Threshold) -> int:
    """An order of thresholds: percents first, the largest of them first."""
    return -threshold.percent if threshold.percent else threshold.amount_micros


def _micros(threshold: account_pb2.Threshold, allowance: int) -> int | None:
    if not threshold.percent:
        return threshold.amount_micros
    return allowance * threshold.percent // 100 if allowance else None
