"""The oracle's holds on several meters: each line has a price, a total asked and a total used."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tests.oracle.answers import LineView, RateView, Refused
from tests.oracle.prices import QUANTITY_MAX, affordable, price

Usage = tuple[str, str, int]
"""Work in the caller's own unit: its meter, model and quantity."""
Usages = tuple[Usage, ...]
Find = Callable[[str, str], RateView | None]
"""Finds the rate of a meter and a model."""


@dataclass
class Line:
    """One meter of a hold, by the model that was asked for."""

    rate: RateView
    model: str
    quantity: int
    used: int = 0


def open_lines(find: Find, usages: Usages) -> list[Line]:
    """The lines of a new hold."""
    lines = []
    for meter, model, quantity in usages:
        rate = find(meter, model)
        if rate is None:
            raise Refused("UNPRICED")
        lines.append(Line(rate, model, quantity))
    return lines


def raised(lines: list[Line], totals: Iterable[int], said: Usages | None) -> list[int]:
    """Totals of lines, each the greater of what it has and what is said of it."""
    wanted = list(totals)
    for meter, model, quantity in said or ():
        places = [
            place
            for place, line in enumerate(lines)
            if (line.rate.meter, line.model) == (meter, model)
        ]
        if not places:
            raise Refused("UNPRICED")
        wanted[places[0]] = max(wanted[places[0]], quantity)
    return wanted


def cost(lines: list[Line], totals: Iterable[int]) -> int:
    """What totals of lines cost together, which must be an amount."""
    amount = sum(price(line.rate, total) for line, total in zip(lines, totals, strict=True))
    if amount > QUANTITY_MAX:
        raise Refused("OUT_OF_RANGE")
    return amount


def charge_for(lines: list[Line], amount: int) -> None:
    """Use lines in their order, each as far as what is left of an amount pays for."""
    for line in lines:
        line.used = min(line.quantity, affordable(line.rate, amount))
        amount -= price(line.rate, line.used)


def shown(lines: list[Line], granted: int) -> tuple[LineView, ...]:
    """Lines as a hold shows them: how far each can go while the others stay where they are."""
    costs = [price(line.rate, max(line.quantity, line.used)) for line in lines]
    return tuple(
        LineView(
            line.rate,
            line.model,
            line.quantity,
            line.used,
            _reach(line.rate, granted - sum(costs) + own),
        )
        for line, own in zip(lines, costs, strict=True)
    )


def quoted(lines: list[Line], available: int) -> tuple[tuple[RateView, int, int], ...]:
    """Lines as a quote shows them: the rate, what it costs, how far it can go beside the others."""
    costs = [price(line.rate, line.quantity) for line in lines]
    return tuple(
        (line.rate, own, _reach(line.rate, available - sum(costs) + own))
        for line, own in zip(lines, costs, strict=True)
    )


def _reach(rate: RateView, amount: int) -> int:
    return affordable(rate, amount) if amount >= 0 else 0
