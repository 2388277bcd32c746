"""Between the oracle's words about budgets and the messages of the API."""

from __future__ import annotations

from creditgate._messages.convert import (
    number,
    word,
)
from creditgate.v1 import account_pb2
from creditgate.v1 import account_service_pb2 as accounts
from tests.oracle.answers import BudgetView, CounterView


def to_budget(budget: account_pb2.Budget) -> BudgetView:
    return BudgetView(
        budget_id=budget.budget_id,
        attribute=budget.attribute,
        value=budget.value,
        together=budget.together,
        period=word(account_pb2.BudgetPeriod, budget.period),
        spend_max=budget.spend_max_micros or None,
        open_holds_max=budget.open_holds_max or None,
    )


def to_budget_message(budget: BudgetView) -> account_pb2.Budget:
    period = number(account_pb2.BudgetPeriod, budget.period)
    return account_pb2.Budget(
        budget_id=budget.budget_id,
        attribute=budget.attribute,
        value=budget.value,
        together=budget.together,
        period=account_pb2.BudgetPeriod.ValueType(period),
        spend_max_micros=budget.spend_max or 0,
        open_holds_max=budget.open_holds_max or 0,
    )


def to_counter(counter: accounts.BudgetCounter) -> CounterView:
    ends = counter.HasField("period_ends_at")
    return CounterView(
        budget_id=counter.budget_id,
        value=counter.value,
        spent=counter.spent_micros,
        held=counter.held_micros,
        open_holds=counter.open_holds,
        ends_at=counter.period_ends_at.ToMicroseconds() if ends else None,
    )
