"""What an account did, over and over again: the entries of a session of work, one by one.

All numbers are those the ledger would have written: prices are the benchmark's own arithmetic, so a
past that is made of them passes `creditgate.verify`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple, TypeAlias

from bench.prices import VOICE, Price, find

SESSION = 32
"""Entries of one session of work."""
VARIANTS = 8
"""Sessions that differ, after which all begins anew."""

CHARGE, REFUND, GRANT, EXPIRY = 2, 3, 1, 4
_CHAT = Price("chat.message", "*", 250_000)
_TRAINING = Price("training.tokens", "*", 3_000_000, unit_size=1_000, increment=10)
_PROMOTION_MICROS = 5_000_000
_MODELS = ("large", "small")

Rate: TypeAlias = tuple[str | int | list[int] | None, ...]
"""A price, in the order of `creditgate.rate`."""
Line: TypeAlias = tuple[Rate, int, int, str]
"""A meter of a hold that has several, in the order of `creditgate.line`."""


class Step(NamedTuple):
    """One entry, and where `opens` the hold it is the first of, as that hold stands in the end.

    `hold` is the place in the session of the hold's first entry, and `message` the number of a
    message of the session's conversation. The attributes are said or not; their values are made of
    the account's and the session's numbers.
    """

    place: int
    kind: int
    amount_micros: int
    through_micros: int = 0
    opens: bool = False
    hold: int | None = None
    message: int | None = None
    charged_micros: int = 0
    refunded_micros: int = 0
    last: int = 0
    rate: Rate | None = None
    used_quantity: int | None = None
    lines: Sequence[Line] | None = None
    so_far: int | None = None
    so_far_of_lines: Sequence[int] | None = None
    gateway: bool = False
    model: str | None = None
    says_user: bool = False
    says_topic: bool = False
    says_conversation: bool = False
    says_team: bool = False


def steps() -> list[Step]:
    """The entries of all variants of a session, with the sum of all amounts up to each."""
    found, through = [], 0
    for variant in range(VARIANTS):
        for each in _session(variant):
            through += each.amount_micros
            place = variant * SESSION + each.place
            found.append(each._replace(place=place, through_micros=through))
    return found


def _session(variant: int) -> Iterator[Step]:
    yield from (_reply(place, variant) for place in range(4))
    yield from (_message(place, variant) for place in range(4, 10))
    yield from (_training(place, variant) for place in range(10, 16))
    refunded = 40_000 + 7_001 * variant
    yield _plain(16, variant)._replace(refunded_micros=refunded, last=16)
    yield from (_plain(place, variant) for place in range(17, 22))
    yield _promotion(22, GRANT) if variant == 0 else _plain(22, variant)
    yield from _call(23, variant)
    yield from (_said(place, place - 25) for place in range(26, 30))
    yield Step(30, REFUND, refunded, hold=16)
    yield _promotion(31, EXPIRY) if variant == 0 else _plain(31, variant)


def _reply(place: int, variant: int) -> Step:
    """A reply that is charged by the tokens of four meters."""
    model = _MODELS[place % 2]
    used = (("tokens.input", 3_000 + 100 * variant), ("tokens.cached", 500),
            ("tokens.output", 700 + 331 * place), ("tools.call", 1 + variant % 3))  # fmt: skip
    prices = [(find(meter, model), quantity) for meter, quantity in used]
    cost = sum(price.of(quantity) for price, quantity in prices)
    return _charge(place, cost)._replace(
        lines=[(_rate(price), quantity, quantity, model) for price, quantity in prices],
        so_far_of_lines=[quantity for _, quantity in prices],
        model=model, says_user=True, says_topic=True, says_conversation=True, says_team=True,
    )  # fmt: skip


def _message(place: int, variant: int) -> Step:
    """A message that is charged by itself."""
    priced = _by_quantity(place, _CHAT, 1 + (place + variant) % 3)
    return priced._replace(model=_MODELS[place % 2], says_user=True)


def _training(place: int, variant: int) -> Step:
    priced = _by_quantity(place, _TRAINING, 100 + 37 * place + variant)
    return priced._replace(says_topic=True)


def _plain(place: int, variant: int) -> Step:
    """Work that is charged by an amount."""
    return _charge(place, 90_000 + 10_007 * place + 101 * variant)._replace(says_team=True)


def _call(place: int, variant: int) -> Iterator[Step]:
    """A call that is charged twice while it runs, and when it ends."""
    totals = (0, 30, 60, 75 + variant)
    whole = VOICE.of(totals[-1])
    for number, (before, total) in enumerate(pairwise(totals)):
        cost = VOICE.of(total) - VOICE.of(before)
        step = Step(place + number, CHARGE, -cost, hold=place, so_far=total)
        yield step if number else step._replace(
            opens=True, charged_micros=whole, last=place + 2, rate=_rate(VOICE),
            used_quantity=totals[-1], gateway=True, says_topic=True,
        )  # fmt: skip


def _said(place: int, message: int) -> Step:
    """A message of the session's conversation, which is charged by messages."""
    step = _by_quantity(place, _CHAT, 1)._replace(message=message)
    return step._replace(model="small", says_user=True, says_conversation=True)


def _promotion(place: int, kind: int) -> Step:
    """Credits that are given, and lapse before anybody has drawn them."""
    return Step(place, kind, _PROMOTION_MICROS if kind == GRANT else -_PROMOTION_MICROS)


def _by_quantity(place: int, price: Price, quantity: int) -> Step:
    return _charge(place, price.of(quantity))._replace(
        rate=_rate(price), used_quantity=quantity, so_far=quantity
    )


def _charge(place: int, cost: int) -> Step:
    return Step(place, CHARGE, -cost, opens=True, hold=place, charged_micros=cost, last=place)


def _rate(of: Price) -> Rate:
    return (of.meter, of.model, of.unit_price, of.unit_size, of.fee, of.minimum, of.initial,
            of.increment, *_tiers(of))  # fmt: skip


def _tiers(of: Price) -> tuple[list[int] | None, list[int] | None]:
    if not of.tiers:
        return (None, None)
    starts, prices = zip(*of.tiers, strict=True)
    return ([*starts], [*prices])
