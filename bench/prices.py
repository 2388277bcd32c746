"""A rate card, and what work costs by it: the benchmark's own arithmetic, beside the ledger's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Price(NamedTuple):
    """A rate, in micro-credits; what goes beyond a tier's quantity costs that tier's price."""

    meter: str
    model: str
    unit_price: int
    unit_size: int = 1
    fee: int = 0
    minimum: int = 0
    initial: int = 0
    increment: int = 1
    tiers: tuple[tuple[int, int], ...] = ()

    def of(self, quantity: int) -> int:
        """What a quantity costs in all, in micro-credits."""
        if not quantity:
            return 0
        first = self.initial or self.increment
        beyond = max(quantity, self.minimum) - first
        blocks = -(-beyond // self.increment) if beyond > 0 else 0
        rest, cost = first + blocks * self.increment, 0
        for start, price in reversed(self.tiers):
            cost += max(rest - start, 0) * price
            rest = min(rest, start)
        return self.fee + -(-(cost + rest * self.unit_price) // self.unit_size)


VOICE = Price(
    "voice.call", "*", 600_000, unit_size=60, fee=50_000, minimum=10, initial=30, increment=6
)
TOKENS = (
    Price("tokens.input", "*", 500_000, unit_size=1_000),
    Price("tokens.cached", "*", 50_000, unit_size=1_000),
    Price("tokens.output", "*", 2_000_000, unit_size=1_000, tiers=((2_000, 1_500_000),)),
    Price("tokens.output", "large", 7_000_003, unit_size=1_000, increment=10),
    Price("tools.call", "*", 250_000),
)
SESSIONS = (
    Price("chat.conversation", "*", 1_000_000),
    Price("chat.conversation", "sales", 2_500_000),
)
CARD = (VOICE, *TOKENS, *SESSIONS)


def find(meter: str, model: str, card: Iterable[Price] = CARD) -> Price:
    """The price of a meter and model, or the meter's for all models."""
    known = {(each.meter, each.model): each for each in card}
    return known.get((meter, model)) or known[meter, "*"]
