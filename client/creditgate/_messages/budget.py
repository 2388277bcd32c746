"""The requests about budgets."""

from __future__ import annotations

from creditgate._messages.convert import (
    number,
    optional_instant,
    word,
)
from creditgate._messages.work import (
    Call,
)
from creditgate._types.base import Page
from creditgate._types.budget import AccountBudget, Budget, BudgetCounter, BudgetPeriod
from creditgate.v1 import account_pb2
from creditgate.v1 import account_service_pb2 as messages


def put_budget(account_id: str, *, budget: Budget) -> Call[Budget]:
    request = messages.PutBudgetRequest(account_id=account_id, budget=budget_message(budget))
    return Call("PutBudget", request, lambda answer: read_budget(answer.budget))


def delete_budget(account_id: str, *, budget_id: str) -> Call[Budget | None]:
    request = messages.DeleteBudgetRequest(account_id=account_id, budget_id=budget_id)
    return Call("DeleteBudget", request, read_successor)


def list_budgets(account_id: str) -> Call[tuple[AccountBudget, ...]]:
    # All budgets are on each page.
    request = messages.ListBudgetsRequest(account_id=account_id, page_size=1)
    return Call("ListBudgets", request, read_account_budgets, writes=False)


def list_budget_counters(
    account_id: str, *, page_size: int, page_token: str
) -> Call[Page[BudgetCounter]]:
    request = messages.ListBudgetsRequest(
        account_id=account_id, page_size=page_size, page_token=page_token
    )
    return Call("ListBudgets", request, read_counters, writes=False)


def budget_message(budget: Budget) -> account_pb2.Budget:
    period = number(account_pb2.BudgetPeriod, BudgetPeriod(budget.period).value)
    return account_pb2.Budget(
        budget_id=budget.budget_id,
        attribute=budget.attribute,
        value=budget.value,
        together=budget.together,
        period=account_pb2.BudgetPeriod.ValueType(period),
        spend_max_micros=budget.spend_max_micros or 0,
        open_holds_max=budget.open_holds_max or 0,
    )


def read_budget(budget: account_pb2.Budget) -> Budget:
    return Budget(
        budget_id=budget.budget_id,
        attribute=budget.attribute,
        value=budget.value,
        together=budget.together,
        period=BudgetPeriod(word(account_pb2.BudgetPeriod, budget.period)),
        spend_max_micros=budget.spend_max_micros or None,
        open_holds_max=budget.open_holds_max or None,
    )


def read_successor(answer: messages.DeleteBudgetResponse) -> Budget | None:
    return read_budget(answer.budget) if answer.HasField("budget") else None


def read_account_budgets(answer: messages.ListBudgetsResponse) -> tuple[AccountBudget, ...]:
    return tuple(
        AccountBudget(budget=read_budget(each.budget), own=each.own) for each in answer.budgets
    )


def read_counters(answer: messages.ListBudgetsResponse) -> Page[BudgetCounter]:
    counters = tuple(map(read_counter, answer.counters))
    return Page(items=counters, next_page_token=answer.next_page_token)


def read_counter(counter: messages.BudgetCounter) -> BudgetCounter:
    return BudgetCounter(
        budget_id=counter.budget_id,
        value=counter.value,
        spent_micros=counter.spent_micros,
        held_micros=counter.held_micros,
        open_holds=counter.open_holds,
        period_ends_at=optional_instant(counter, "period_ends_at"),
    )
