"""What bounds some of an account's work, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from creditgate._types.amount import Amount, to_credits, to_micros
from creditgate._types.base import Credits, Word


class BudgetPeriod(Word):
    """How long a budget sums up what is spent: for ever, a day, or a cycle of the plan."""

    UNKNOWN = "UNKNOWN"
    TOTAL = "TOTAL"
    DAY = "DAY"
    CYCLE = "CYCLE"


@dataclass(frozen=True, kw_only=True)
class Budget:
    """A bound on what one agent, one user, or all calls together may spend and hold.

    `attribute` is a field of `Attributes`, empty for every hold; `value` counts that value alone.
    `together` counts all that carry the attribute as one, else each value is counted by itself.
    Limits that are None do not limit.
    """

    budget_id: str
    attribute: str = ""
    value: str = ""
    together: bool = False
    period: BudgetPeriod = BudgetPeriod.TOTAL
    spend_max_micros: int | None = None
    open_holds_max: int | None = None

    @classmethod
    def of(
        cls,
        budget_id: str,
        *,
        attribute: str = "",
        value: str = "",
        together: bool = False,
        period: BudgetPeriod = BudgetPeriod.TOTAL,
        spend_max: Amount | None = None,
        open_holds_max: int | None = None,
    ) -> Budget:
        """Make a budget with its limit in credits."""
        limit = None if spend_max is None else to_micros(spend_max, name="spend_max")
        return cls(
            budget_id=budget_id,
            attribute=attribute,
            value=value,
            together=together,
            period=period,
            spend_max_micros=limit,
            open_holds_max=open_holds_max,
        )

    @property
    def spend_max(self) -> Decimal | None:
        """The most that may be spent in a period, in credits; None when there is no limit."""
        return None if self.spend_max_micros is None else to_credits(self.spend_max_micros)


@dataclass(frozen=True, kw_only=True)
class AccountBudget:
    """A budget an account is bound by: its `own`, or its plan's."""

    budget: Budget
    own: bool


@dataclass(frozen=True, kw_only=True)
class BudgetCounter:
    """Where a budget stands for one value of its attribute.

    `spent` is what was charged in the running period, which `period_ends_at`; None is never, or
    with the next operation.
    """

    budget_id: str
    value: str
    spent_micros: int
    held_micros: int
    open_holds: int
    period_ends_at: datetime | None

    spent = Credits()
    held = Credits()
