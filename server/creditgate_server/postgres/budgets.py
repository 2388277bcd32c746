"""The budgets of accounts on PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from creditgate_server.domain.budgets import Budget, BudgetCounter, BudgetPage, BudgetResult
from creditgate_server.domain.outcomes import Outcome

if TYPE_CHECKING:
    from creditgate_server.domain.account_keys import AccountKey

    from .pool import Pool, Record

_BUDGETS = "SELECT budgets FROM creditgate.accounts WHERE bucket = $1 AND account_key = $2"
_COUNTERS = "SELECT * FROM creditgate.list_counters($1, $2, $3, $4, $5)"


class PostgresBudgets:
    """`domain.budgets.Budgets` on PostgreSQL."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def put_budget(self, account: AccountKey, budget: Budget) -> BudgetResult:
        """Give an account a budget of its own."""
        (row,) = await self._pool.rows(
            "SELECT outcome, (account).budgets"
            "  FROM creditgate.put_budget($1, $2, $3::creditgate.budget)",
            *account,
            budget._replace(own=True),
        )
        return _result(row, budget.budget_id)

    async def delete_budget(self, account: AccountKey, budget_id: str) -> BudgetResult:
        """Take an account's own budget away."""
        (row,) = await self._pool.rows(
            "SELECT outcome, (account).budgets FROM creditgate.delete_budget($1, $2, $3)",
            *account,
            budget_id,
        )
        return _result(row, budget_id)

    async def list_budgets(
        self, account: AccountKey, *, after: tuple[str, str], limit: int
    ) -> BudgetPage | None:
        """Read all budgets of an account, and a page of their counters."""
        found = await self._pool.rows(_BUDGETS, *account)
        if not found:
            return None
        counters = await self._pool.rows(_COUNTERS, *account, *after, limit)
        return BudgetPage(read_budgets(found[0][0]), [BudgetCounter(*row) for row in counters])


def read_budgets(rows: Sequence[Record] | None) -> tuple[Budget, ...]:
    """Read an array of `creditgate.budget`, which may be NULL."""
    return tuple(Budget(*row) for row in rows or ())


def _result(row: Record, budget_id: str) -> BudgetResult:
    named = (budget for budget in read_budgets(row[1]) if budget.budget_id == budget_id)
    return BudgetResult(Outcome(row[0]), next(named, None))
