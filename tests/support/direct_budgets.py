"""Budgets of the domain in the oracle's form."""

from __future__ import annotations

import json

from creditgate_server.domain.budgets import (
    Budget,
    BudgetCounter,
    BudgetPage,
    BudgetPeriod,
    BudgetResult,
)
from tests.oracle.answers import Answer, BudgetView, CounterView, Pairs
from tests.support.micros import micros_or_none


def details(attributes: Pairs) -> str | None:
    """What is kept with a hold of these attributes."""
    return json.dumps({"attributes": dict(attributes), "labels": {}}) if attributes else None


def attributes_of(kept: str | None) -> Pairs:
    return tuple(sorted(json.loads(kept or "{}").get("attributes", {}).items()))


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
    return CounterView(*counter[:-1], micros_or_none(counter.period_ends_at))
