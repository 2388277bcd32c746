"""How stories write amounts, rates and usages."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from tests.oracle.answers import LineView, RateView


def micros(text: str) -> int:
    """Credits, or seconds, as millionths."""
    return int(Decimal(text) * 1_000_000)


def flag(text: str) -> bool:
    """Yes or no."""
    return {"yes": True, "no": False}[text]


_RATE: dict[str, tuple[str, Callable[[str], Any]]] = {
    "model": ("model", str),
    "price": ("unit_price", micros),
    "size": ("unit_size", int),
    "fee": ("fee", micros),
    "least": ("minimum", int),
    "first": ("initial", int),
    "block": ("increment", int),
}


def usage(text: str) -> tuple[str, str, int]:
    """`meter,model,quantity`."""
    meter, model, quantity = text.split(",")
    return meter, model, int(quantity)


def usages(text: str) -> tuple[tuple[str, str, int], ...]:
    """Usages, with a + between them."""
    return tuple(map(usage, text.split("+")))


def written(line: LineView) -> str:
    """A line as stories write it: `meter,model:quantity:used:affordable`."""
    numbers = (line.quantity, line.used_quantity, line.affordable)
    return ":".join((f"{line.rate.meter},{line.model}", *map(str, numbers)))


def quoted(part: tuple[RateView, int, int]) -> str:
    """A part of a quote as stories write it: `meter,model:price:affordable`."""
    rate, price, most = part
    return f"{rate.meter},{rate.model}:{Decimal(price) / 1_000_000:f}:{most}"


def rate(text: str) -> RateView:
    """`voice.call,model=gpt,price=0.1,size=60,tier=100:0.05`: a rate; tiers may come again."""
    meter, *words = text.split(",")
    terms: dict[str, Any] = {}
    for word, _, value in (each.partition("=") for each in words):
        if word == "tier":
            beyond, _, each = value.partition(":")
            terms["tiers"] = (*terms.get("tiers", ()), (int(beyond), micros(each)))
        else:
            term, read = _RATE[word]
            terms[term] = read(value)
    return RateView(meter, **terms)


def rates(text: str) -> tuple[RateView, ...]:
    """Rates, with a + between them."""
    return tuple(map(rate, text.split("+")))
