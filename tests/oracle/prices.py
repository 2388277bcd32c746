"""The oracle's prices, counted block by block in exact fractions; written from the design alone."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import ceil

from tests.oracle.answers import RateView, Refused

QUANTITY_MAX = 10**18
ANY_MODEL = "*"


@dataclass(frozen=True)
class RateCard:
    """One version of a rate card."""

    card_id: str
    version: int = 1
    rates: tuple[RateView, ...] = ()

    @property
    def name(self) -> tuple[str, int]:
        return (self.card_id, self.version)

    def find(self, meter: str, model: str) -> RateView | None:
        """The rate of a meter and model, else the meter's for any model."""
        known = {(rate.meter, rate.model): rate for rate in self.rates}
        return known.get((meter, model)) or known.get((meter, ANY_MODEL))


def billed(rate: RateView, quantity: int) -> int:
    """A quantity above zero as it is charged: at least the minimum, in whole blocks."""
    block = rate.increment or 1
    first = rate.initial or block
    charged = max(quantity, rate.minimum)
    if charged <= first:
        return first
    return first + ceil(Fraction(charged - first, block)) * block


def price(rate: RateView, quantity: int) -> int:
    """What a cumulative quantity costs, in micro-credits."""
    if quantity == 0:
        return 0
    whole = billed(rate, quantity)
    bounds = [0, *(beyond for beyond, _ in rate.tiers), None]
    prices = [rate.unit_price, *(each for _, each in rate.tiers)]
    cost = Fraction(0)
    for each, (low, high) in zip(prices, pairwise(bounds), strict=True):
        inside = (whole if high is None else min(whole, high)) - (low or 0)
        cost += Fraction(max(inside, 0) * each, rate.unit_size or 1)
    return rate.fee + ceil(cost)


def priced(rate: RateView | None, quantity: int) -> int:
    """The price that a request is held to, which must be one."""
    if rate is None:
        raise Refused("UNPRICED")
    amount = price(rate, quantity)
    if amount > QUANTITY_MAX:
        raise Refused("OUT_OF_RANGE")
    return amount


def affordable(rate: RateView, amount: int) -> int:
    """The largest quantity that an amount pays for, found by halving what is in question."""
    least, most = 0, QUANTITY_MAX
    while least < most:
        middle = (least + most + 1) // 2
        least, most = (middle, most) if price(rate, middle) <= amount else (least, middle - 1)
    return least
