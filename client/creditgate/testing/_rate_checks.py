"""What the service refuses of rate cards and usages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from creditgate.v1 import hold_pb2

NUMBER_MAX = 10**18
TEXT_MAX = 128
RATES_MAX, TIERS_MAX, USAGES_MAX = 200, 20, 20
IDS = re.compile(r"[A-Za-z0-9._:@/-]{1,128}", re.ASCII)
_NUMBERS = (
    "unit_price_micros",
    "unit_size",
    "connection_fee_micros",
    "minimum",
    "initial",
    "increment",
)


def check_usage(request: Any) -> Iterator[tuple[str, bool]]:
    """Each field of a request's usage, and whether it is right."""
    usage = request.usage
    yield "usage.meter", 1 <= len(usage.meter) <= TEXT_MAX
    yield "usage.model", len(usage.model) <= TEXT_MAX
    yield "usage.quantity", 1 <= usage.quantity <= NUMBER_MAX


def check_usages(request: Any, name: str) -> Iterator[tuple[str, bool]]:
    """Each field of a list of usages, where a request has it, and whether it is right."""
    if not request.HasField(name):
        return
    yield from check_list(getattr(request, name).usages, f"{name}.usages")


def check_list(given: Sequence[hold_pb2.Usage], path: str) -> Iterator[tuple[str, bool]]:
    """Each field of usages, and whether it is right."""
    yield path, 1 <= len(given) <= USAGES_MAX
    names = [(usage.meter, usage.model) for usage in given]
    for place, usage in enumerate(given):
        at = f"{path}[{place}]"
        yield f"{at}.meter", 1 <= len(usage.meter) <= TEXT_MAX and "\0" not in usage.meter
        yield f"{at}.model", len(usage.model) <= TEXT_MAX and "\0" not in usage.model
        yield f"{at}.quantity", 0 <= usage.quantity <= NUMBER_MAX
    for place, each in enumerate(names):
        yield f"{path}[{place}]", each not in names[:place]


def check_rate_card(request: Any) -> Iterator[tuple[str, bool]]:
    """Each field of a rate card, and whether it is right."""
    card = request.rate_card
    yield "rate_card", request.HasField("rate_card")
    yield "rate_card.rate_card_id", IDS.fullmatch(card.rate_card_id) is not None
    yield "rate_card.version", card.version > 0
    yield "rate_card.name", len(card.name) <= TEXT_MAX
    yield "rate_card.rates", len(card.rates) <= RATES_MAX
    names = set()
    for place, rate in enumerate(card.rates):
        at = f"rate_card.rates[{place}]"
        yield from _rate(rate, at)
        yield at, (rate.meter, rate.model) not in names
        names.add((rate.meter, rate.model))


def _rate(rate: hold_pb2.Rate, at: str) -> Iterator[tuple[str, bool]]:
    yield f"{at}.tiers", len(rate.tiers) <= TIERS_MAX
    last = 0
    for place, tier in enumerate(rate.tiers):
        where = f"{at}.tiers[{place}]"
        yield f"{where}.from_quantity", last < tier.from_quantity <= NUMBER_MAX
        yield f"{where}.unit_price_micros", 0 <= tier.unit_price_micros <= NUMBER_MAX
        last = tier.from_quantity
    for name in _NUMBERS:
        yield f"{at}.{name}", 0 <= getattr(rate, name) <= NUMBER_MAX
    yield f"{at}.meter", 1 <= len(rate.meter) <= TEXT_MAX
    yield f"{at}.model", 1 <= len(rate.model) <= TEXT_MAX
