"""How stories write budgets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.contract.rate_words import flag, micros
from tests.oracle.answers import BudgetView

# What budgets are made of.
_BUDGET: dict[str, tuple[str, Callable[[str], Any]]] = {
    "attribute": ("attribute", str),
    "value": ("value", str),
    "together": ("together", flag),
    "period": ("period", str),
    "spend": ("spend_max", micros),
    "open": ("open_holds_max", int),
}


def budget(text: str) -> BudgetView:
    """`name,attribute=agent,period=DAY,spend=5`: a budget."""
    name, *words = text.split(",")
    terms = {}
    for word, _, value in (each.partition("=") for each in words):
        term, read = _BUDGET[word]
        terms[term] = read(value)
    return BudgetView(name, **terms)


def budgets(text: str) -> tuple[BudgetView, ...]:
    """Budgets, with a + between them."""
    return tuple(map(budget, text.split("+")))
