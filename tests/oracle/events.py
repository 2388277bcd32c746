"""What an account of the oracle tells of: the news of a change, and what its balance crossed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.oracle.answers import EventView, Threshold

NO_PLAN_THRESHOLDS: tuple[Threshold, ...] = (("amount", 0),)


class Teller(ABC):
    """Judges changes, each as a whole, and remembers what there is to tell of them."""

    version: int
    overdraft: int
    now: int

    def __init__(self) -> None:
        self.events: list[EventView] = []
        self.news: list[tuple[Any, ...]] = []
        self._judging = False

    @property
    @abstractmethod
    def settled(self) -> int:
        """What settled is."""

    @property
    @abstractmethod
    def held(self) -> int:
        """What open holds keep."""

    @property
    def allowance(self) -> int:
        """What percents are of."""
        return 0

    @property
    def thresholds(self) -> tuple[Threshold, ...]:
        """The balances that alert, as they were set."""
        return NO_PLAN_THRESHOLDS

    @property
    def shown_thresholds(self) -> tuple[Threshold, ...]:
        """The same, the highest first; what is a percent of nothing comes last."""
        return tuple(
            sorted(
                self.thresholds,
                key=lambda each: (
                    self.amount_of(each) is None,
                    -(self.amount_of(each) or 0),
                    each[0] == "amount",
                    -each[1],
                ),
            )
        )

    def amount_of(self, threshold: Threshold) -> int | None:
        """The balance at which a threshold alerts, if there is one."""
        unit, value = threshold
        if unit == "amount":
            return value
        return self.allowance * value // 100 if self.allowance else None

    @contextmanager
    def told(self) -> Iterator[None]:
        """Tell of what is done inside, as a whole; of a part of a whole nothing is told."""
        if self._judging:
            yield
            return
        settled, funds, version = self.settled, self.settled + self.overdraft, self.version
        self.news, self._judging = [], True
        try:
            yield
        finally:
            self._judging = False
        self.news += self._crossings(settled, funds)
        self.news += self.asked(len(self.events) + len(self.news) + 1)
        self.write(version)

    def asked(self, _number: int) -> list[tuple[Any, ...]]:
        """What is asked for, to be told as the event of a number: nothing."""
        return []

    def write(self, version: int) -> None:
        """Write the news. They are a change, even of an account that has the version it had."""
        self.version += self.version == version and bool(self.news)
        for kind, *details in self.news:
            self.events.append(
                EventView(
                    number=len(self.events) + 1,
                    kind=kind,
                    version=self.version,
                    settled=self.settled,
                    held=self.held,
                    overdraft=self.overdraft,
                    created_at=self.now,
                    details=tuple(details),
                )
            )

    def _crossings(self, settled: int, funds: int) -> Iterator[tuple[Any, ...]]:
        funded, was_funded = self.settled + self.overdraft > 0, funds > 0
        if funded and not was_funded:
            yield ("CREDITS_RESUMED",)
        reached = {
            amount: percent
            for amount, percent in sorted(self._lines())
            if settled > amount >= self.settled
        }
        for amount in sorted(reached, reverse=True):
            yield "BALANCE_LOW", amount, reached[amount]
        if settled >= 0 > self.settled:
            yield ("OVERDRAFT_ENTERED",)
        if was_funded and not funded:
            yield ("CREDITS_EXHAUSTED",)

    def _lines(self) -> Iterator[tuple[int, int]]:
        """Thresholds as (amount, percent or 0)."""
        for threshold in self.thresholds:
            amount = self.amount_of(threshold)
            if amount is not None:
                yield amount, threshold[1] if threshold[0] == "percent" else 0
