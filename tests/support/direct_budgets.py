"""Budgets of the domain in the oracle's form."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from creditgate_server.domain.budgets import (
    Budget,
    BudgetCounter,
    BudgetPage,
    BudgetPeriod,
    BudgetResult,
)
from tests.oracle.answers import Answer, BudgetView, CounterView

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_budget(budget: BudgetView) -> Budget:
    period = BudgetPeriod[budget.period]
    limits = (budget.spend_max, budget.open_holds_max)
    return Budget(
        budget.budget_id, budget.attribute, budget.value, budget.together, period, *limits
    )


def budget_view(budget: Budget) -> BudgetView:
    terms = budget._asdict() | {"period": BudgetPeriod(budget.period).name}
    named = {"spend_max": terms.pop("spend_max_micros"), **terms}
    return BudgetView(**{name: named[name] for name in BudgetView.__dataclass_fields__})


def budget_answer(result: BudgetResult) -> Answer:
    return Answer(result.outcome.name, budget=result.budget and budget_view(result.budget))


def standing_answer(page: BudgetPage) -> Answer:
    shown = tuple((budget_view(budget), budget.own) for budget in page.budgets)
    return Answer("ACCEPTED", budgets=shown, counters=tuple(map(counter_view, page.counters)))


def counter_view(counter: BudgetCounter) -> CounterView:
    ends = counter.period_ends_at
    ends_at = None if ends is None else (ends - EPOCH) // timedelta(microseconds=1)
    return CounterView(*counter[:-1], ends_at)
