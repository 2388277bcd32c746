"""The fake's budgets: which holds they count, and what they have left."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from creditgate.testing._calendar import local_instant
from creditgate.testing._wallet import (
    BALANCE_MICROS_MAX,
    OPEN,
    FakeCounter,
    FakeHold,
    Wallet,
    stamp,
)
from creditgate.v1 import account_pb2, hold_pb2
from creditgate.v1 import account_service_pb2 as accounts

OWN_MAX = 8

Stakes = list[tuple[account_pb2.Budget, FakeCounter]]
"""Budgets that count a hold, each with its counter."""


@dataclass
class Bounded(Wallet):
    """A wallet with budgets of its own by name, and counters by budget and value."""

    own: dict[str, account_pb2.Budget] = field(default_factory=dict)
    counters: dict[tuple[str, str], FakeCounter] = field(default_factory=dict)

    def planned(self) -> Sequence[account_pb2.Budget]:
        """The budgets of the plan."""
        return ()

    @property
    def budgets(self) -> dict[str, account_pb2.Budget]:
        """What binds the account, in the order of its names."""
        both = {budget.budget_id: budget for budget in self.planned()} | self.own
        return dict(sorted(both.items()))

    def forget(self, before: dict[str, account_pb2.Budget]) -> None:
        """Drop the counters of what is counted otherwise than before."""
        for (name, value), counter in list(self.counters.items()):
            now = self.budgets.get(name)
            if now is None or _counted(now) != _counted(before[name]):
                del self.counters[name, value]
            else:
                counter.budget = now

    def stakes(self, attributes: hold_pb2.Attributes) -> Stakes:
        """What would count a hold; counters are made where there are none."""
        found = []
        for name, budget in self.budgets.items():
            value = _value(budget, attributes)
            if value is None:
                continue
            counter = self.counters.get((name, value))
            if counter is None:
                counter = FakeCounter(budget, ends=self.period_end(budget, self.now))
                self.counters[name, value] = counter
            self.roll(counter)
            found.append((budget, counter))
        return found

    def stakes_of(self, hold: FakeHold) -> Stakes:
        """What counts a hold, and has from its beginning."""
        candidates = self.stakes(hold.message.attributes)
        return [each for each in candidates if any(each[1] is on for on in hold.counters)]

    def left(self, stakes: Stakes) -> int | None:
        """The least that may be spent yet; None is any amount."""
        lefts = [
            budget.spend_max_micros - counter.spent - self._held(counter)
            for budget, counter in stakes
            if budget.spend_max_micros
        ]
        return min(lefts, default=None)

    def denial(self, stakes: Stakes, need: int, *, opens: bool) -> str:
        """The limit of the first budget that lacks what is needed; empty when none does."""
        for budget, counter in stakes:
            left = self.left([(budget, counter)])
            full = 0 < budget.open_holds_max <= len(list(self._on(counter)))
            if (left is not None and left < need) or (opens and full):
                return f"budget/{budget.budget_id}"
        return ""

    def count(self, hold: FakeHold, amount: int) -> None:
        """Count a charge on what counts the hold."""
        for counter in hold.counters:
            self.roll(counter)
            counter.spent = min(counter.spent + amount, BALANCE_MICROS_MAX)

    def roll(self, counter: FakeCounter) -> None:
        """Begin a new period where one has ended."""
        if counter.ends is not None and counter.ends <= self.now:
            counter.spent = 0
            counter.ends = self.period_end(counter.budget, self.now)

    def realign(self) -> None:
        """Let running periods end where the calendar now says."""
        for counter in self.counters.values():
            self.roll(counter)
            counter.ends = self.period_end(counter.budget, self.now)

    def period_end(self, budget: account_pb2.Budget, at: int) -> int | None:
        """When the period ends that an instant lies in."""
        if budget.period == account_pb2.BUDGET_PERIOD_DAY:
            return _day_end(self.message.time_zone, at)
        if budget.period == account_pb2.BUDGET_PERIOD_CYCLE and self.message.HasField("cycle"):
            return self.message.cycle.ends_at.ToMicroseconds()
        return None

    def standing(self, now: int) -> Iterator[accounts.BudgetCounter]:
        """Where the budgets stand, as far as anything is counted."""
        for (name, value), counter in sorted(self.counters.items()):
            ended = counter.ends is not None and counter.ends <= now
            ends = self.period_end(counter.budget, now) if ended else counter.ends
            shown = accounts.BudgetCounter(
                budget_id=name,
                value=value,
                spent_micros=0 if ended else counter.spent,
                held_micros=self._held(counter),
                open_holds=len(list(self._on(counter))),
            )
            if ends is not None and ends > now:
                stamp(shown.period_ends_at, ends)
            if shown.spent_micros or shown.open_holds:
                yield shown

    def _on(self, counter: FakeCounter) -> Iterable[FakeHold]:
        opened = (hold for hold in self.holds.values() if hold.message.state == OPEN)
        return (hold for hold in opened if any(counter is each for each in hold.counters))

    def _held(self, counter: FakeCounter) -> int:
        return sum(hold.stand().held_micros for hold in self._on(counter))


def _value(budget: account_pb2.Budget, attributes: hold_pb2.Attributes) -> str | None:
    """The value a budget counts a hold under; None when it does not."""
    if not budget.attribute:
        return ""
    carried: str = getattr(attributes, budget.attribute)
    if not carried or (budget.value and budget.value != carried):
        return None
    return "" if budget.together and not budget.value else carried


def _counted(budget: account_pb2.Budget) -> tuple[str, int, bool]:
    as_one = bool(budget.attribute) and budget.together and not budget.value
    return budget.attribute, budget.period, as_one


def _day_end(zone: str, at: int) -> int:
    """The first midnight after an instant."""
    place = ZoneInfo(zone)
    local = (datetime.fromtimestamp(0, UTC) + timedelta(microseconds=at)).astimezone(place)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    today, tomorrow = (local_instant(midnight + timedelta(days=n), place) for n in (0, 1))
    return today if today > at else tomorrow
