"""What the fake asks for quantities, and what amounts buy, in whole numbers."""

from __future__ import annotations

from itertools import pairwise

from creditgate.v1 import hold_pb2

QUANTITY_MAX = 10**18


def price(rate: hold_pb2.Rate, quantity: int) -> int:
    """The price of a cumulative quantity, in micro-credits."""
    if quantity == 0:
        return 0
    first, step = _blocks(rate)
    beyond = max(max(quantity, rate.minimum) - first, 0)
    billed = first + _up(beyond, step) * step
    cost = sum(
        each * (billed - low if high is None else min(billed, high) - low)
        for low, high, each in _tiers(rate)
        if low < billed
    )
    return rate.connection_fee_micros + _up(cost, rate.unit_size or 1)


def affordable(rate: hold_pb2.Rate, amount: int) -> int:
    """The largest quantity that an amount pays for."""
    rest = (amount - rate.connection_fee_micros) * (rate.unit_size or 1)
    paid = 0
    for low, high, each in _tiers(rate):
        if rest < 0:
            return 0
        if high is None and each == 0:
            return QUANTITY_MAX
        if high is None or (high - low) * each > rest:
            paid = low + rest // each
            break
        rest -= (high - low) * each
    first, step = _blocks(rate)
    if paid < first:
        return 0
    whole = first + (paid - first) // step * step
    return 0 if whole < rate.minimum else min(whole, QUANTITY_MAX)


def _blocks(rate: hold_pb2.Rate) -> tuple[int, int]:
    step = rate.increment or 1
    return rate.initial or step, step


def _tiers(rate: hold_pb2.Rate) -> list[tuple[int, int | None, int]]:
    """Where each price begins and ends, and the price."""
    bounds = [0, *(tier.from_quantity for tier in rate.tiers)]
    prices = [rate.unit_price_micros, *(tier.unit_price_micros for tier in rate.tiers)]
    ends: list[int | None] = [high for _, high in pairwise(bounds)]
    return list(zip(bounds, [*ends, None], prices, strict=True))


def _up(number: int, by: int) -> int:
    return -(-number // by)
