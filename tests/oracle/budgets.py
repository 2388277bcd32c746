"""Budgets of an account: what is counted under which value, in which period, and what is left."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from tests.oracle.account import BALANCE_MAX, Account, Hold
from tests.oracle.answers import BudgetView, CounterView, CycleView, Pairs
from tests.oracle.calendar import EPOCH, MICROSECOND, instant_of

BUDGETS_MAX = 8


@dataclass
class Tally:
    """What is charged under one value of a budget, and when; `ends_at` None is never."""

    budget: BudgetView
    value: str
    ends_at: int | None
    since: int = 0
    charges: list[tuple[int, int]] = field(default_factory=list)

    @property
    def spent(self) -> int:
        return min(sum(amount for at, amount in self.charges if at >= self.since), BALANCE_MAX)


def counted_under(budget: BudgetView, attributes: Pairs) -> str | None:
    """The value a budget counts a hold under; None if it does not count it."""
    if not budget.attribute:
        return ""
    carried = dict(attributes).get(budget.attribute)
    if not carried or budget.value not in {"", carried}:
        return None
    return "" if budget.together and not budget.value else carried


def counts_the_same(one: BudgetView, other: BudgetView) -> bool:
    """Whether what one has counted is what the other counts."""

    def counted(budget: BudgetView) -> tuple[str, str, bool]:
        as_one = bool(budget.attribute) and budget.together and not budget.value
        return budget.attribute, budget.period, as_one

    return counted(one) == counted(other)


class Budgeted(Account):
    """An account that may have budgets."""

    zone: str
    cycle: CycleView | None

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.own: dict[str, BudgetView] = {}
        self.of_plan: dict[str, BudgetView] = {}
        self.tallies: dict[tuple[str, str], Tally] = {}

    @property
    def budgets(self) -> list[BudgetView]:
        """The budgets that bind the account, in the order of their names."""
        return [budget for _, budget in sorted((self.of_plan | self.own).items())]

    def bind(self, *, own: dict[str, BudgetView], of_plan: dict[str, BudgetView]) -> None:
        """Change the budgets: what counts something else than before has counted nothing."""
        before = self.of_plan | self.own
        self.own, self.of_plan = own, of_plan
        after = of_plan | own
        for name in before:
            if name not in after or not counts_the_same(before[name], after[name]):
                for key in [key for key in self.tallies if key[0] == name]:
                    del self.tallies[key]

    def stakes(self, attributes: Pairs) -> list[tuple[BudgetView, Tally]]:
        """The budgets that would count a hold, with their tallies."""
        found = []
        for budget in self.budgets:
            value = counted_under(budget, attributes)
            if value is not None:
                new = Tally(budget, value, self.period_end(budget.period, self.now))
                tally = self.tallies.setdefault((budget.budget_id, value), new)
                self.roll(tally)
                found.append((budget, tally))
        return found

    def stakes_of(self, hold: Hold) -> list[tuple[BudgetView, Tally]]:
        """The budgets that count a hold and have counted it from its beginning."""
        return [
            (budget, tally)
            for budget, tally in self.stakes(hold.attributes)
            if any(tally is each for each in hold.tallies)
        ]

    def left(self, budget: BudgetView, tally: Tally) -> int | None:
        """What may be spent yet; None is any amount."""
        if budget.spend_max is None:
            return None
        return budget.spend_max - tally.spent - sum(hold.held for hold in self.on(tally))

    def on(self, tally: Tally) -> Iterator[Hold]:
        """The open holds that a tally counts."""
        return (h for h in self.open_holds if any(tally is each for each in h.tallies))

    def count(self, tally: Tally, amount: int) -> None:
        self.roll(tally)
        tally.charges.append((self.now, amount))

    def roll(self, tally: Tally) -> None:
        """Begin a new period where one has ended."""
        if tally.ends_at is not None and tally.ends_at <= self.now:
            tally.since = tally.ends_at
            tally.ends_at = self.period_end(tally.budget.period, self.now)

    def realign(self) -> None:
        """Let running periods end where the calendar now says."""
        for tally in self.tallies.values():
            self.roll(tally)
            tally.ends_at = self.period_end(tally.budget.period, self.now)

    def period_end(self, period: str, at: int) -> int | None:
        if period == "DAY":
            return next_midnight(self.zone, at)
        return self.cycle.ends_at if period == "CYCLE" and self.cycle else None

    def counters(self, at: int) -> Iterable[CounterView]:
        """Where the budgets stand, as far as anything is counted; nothing is changed by looking."""
        for (budget_id, value), tally in sorted(self.tallies.items()):
            ended = tally.ends_at is not None and tally.ends_at <= at
            ends = self.period_end(tally.budget.period, at) if ended else tally.ends_at
            spent, holds = 0 if ended else tally.spent, list(self.on(tally))
            if spent or holds:
                shown = ends if ends is not None and ends > at else None
                held = sum(hold.held for hold in holds)
                yield CounterView(budget_id, value, spent, held, len(holds), shown)


def first_denial(
    account: Budgeted, stakes: list[tuple[BudgetView, Tally]], need: int, *, opens: bool
) -> str:
    """The limit of the first budget that lacks what is needed; empty when none does."""
    for budget, tally in stakes:
        left = account.left(budget, tally)
        full = budget.open_holds_max is not None and (
            len(list(account.on(tally))) >= budget.open_holds_max
        )
        if (left is not None and left < need) or (opens and full):
            return f"budget/{budget.budget_id}"
    return ""


def least_left(account: Budgeted, stakes: list[tuple[BudgetView, Tally]]) -> int | None:
    """The least that any of them has left."""
    lefts = [account.left(budget, tally) for budget, tally in stakes]
    return min((left for left in lefts if left is not None), default=None)


def next_midnight(zone: str, at: int) -> int:
    """The first beginning of a day after an instant."""
    place = ZoneInfo(zone)
    today = (EPOCH + at * MICROSECOND).astimezone(place).date()
    days = (today + timedelta(days=number) for number in range(-1, 3))
    midnights = (instant_of(datetime.combine(day, time()), place) for day in days)
    return min(midnight for midnight in midnights if midnight > at)
