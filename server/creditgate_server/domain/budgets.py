"""Budgets: what some of an account's work may spend and hold at once."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from .account_keys import AccountKey
    from .outcomes import Outcome

ATTRIBUTES = frozenset({"agent", "call_id", "conversation_id", "model", "topic", "user"})
"""What holds can be counted by."""

BUDGETS_MAX = 8
"""How many budgets a plan may have, and an account of its own."""


class BudgetPeriod(IntEnum):
    """How long spending is summed up. The numbers are those of the database and of the API."""

    TOTAL = 1
    DAY = 2
    CYCLE = 3


class Budget(NamedTuple):
    """A bound on holds that carry an attribute; limits that are None do not limit.

    Fields and order are those of the SQL type `creditgate.budget`, whose `budget_no` the database
    gives.
    """

    budget_id: str
    attribute: str = ""
    value: str = ""
    together: bool = False
    period: int = BudgetPeriod.TOTAL
    spend_max_micros: int | None = None
    open_holds_max: int | None = None
    own: bool = False
    budget_no: int = 0


class BudgetCounter(NamedTuple):
    """Where a budget stands for one value; `period_ends_at` None when it does not end."""

    budget_id: str
    value: str
    spent_micros: int
    held_micros: int
    open_holds: int
    period_ends_at: datetime | None


class BudgetResult(NamedTuple):
    """The answer to PutBudget and DeleteBudget: the budget that is now of that name."""

    outcome: Outcome
    budget: Budget | None


class BudgetPage(NamedTuple):
    """An account's budgets, and some of their counters."""

    budgets: Sequence[Budget]
    counters: Sequence[BudgetCounter]


class Budgets(Protocol):
    """The budgets of accounts. Raises only `domain.errors`."""

    async def put_budget(self, account: AccountKey, budget: Budget) -> BudgetResult:
        """Give an account a budget: ACCEPTED, ACCOUNT_NOT_FOUND or TOO_MANY_BUDGETS."""
        ...

    async def delete_budget(self, account: AccountKey, budget_id: str) -> BudgetResult:
        """Take an account's own budget away: ACCEPTED or ACCOUNT_NOT_FOUND."""
        ...

    async def list_budgets(
        self, account: AccountKey, *, after: tuple[str, str], limit: int
    ) -> BudgetPage | None:
        """Read all budgets, and counters after a (budget's name, value), in that order.

        None when there is no such account.
        """
        ...
