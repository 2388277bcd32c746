"""From what the store answers about budgets to messages."""

from __future__ import annotations

from creditgate.v1 import account_pb2
from creditgate.v1 import account_service_pb2 as pb
from creditgate_server.domain.budgets import Budget, BudgetCounter

from .encode import moment


def budget(to: account_pb2.Budget, of: Budget) -> None:
    """Write a budget."""
    to.budget_id = of.budget_id
    to.attribute = of.attribute
    to.value = of.value
    to.together = of.together
    to.period = of.period  # type: ignore[assignment]  # the numbers are those of the API
    to.spend_max_micros = of.spend_max_micros or 0
    to.open_holds_max = of.open_holds_max or 0


def counter(to: pb.BudgetCounter, of: BudgetCounter) -> None:
    """Write where a budget stands for one value."""
    to.budget_id = of.budget_id
    to.value = of.value
    to.spent_micros = of.spent_micros
    to.held_micros = of.held_micros
    to.open_holds = of.open_holds
    if of.period_ends_at is not None:
        moment(to.period_ends_at, of.period_ends_at)
