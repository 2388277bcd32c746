"""Between the oracle's words about prices and the messages of the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from creditgate.v1 import authorization_service_pb2 as messages
from creditgate.v1 import catalog_service_pb2 as catalog
from creditgate.v1 import hold_pb2
from tests.oracle.answers import LineView, RateView
from tests.oracle.prices import RateCard


def to_rate(rate: hold_pb2.Rate) -> RateView:
    return RateView(
        rate.meter,
        rate.model,
        rate.unit_price_micros,
        rate.unit_size,
        rate.connection_fee_micros,
        rate.minimum,
        rate.initial,
        rate.increment,
        tuple((tier.from_quantity, tier.unit_price_micros) for tier in rate.tiers),
    )


def to_rate_card(card: RateCard, account_id: str) -> catalog.RateCard:
    message = catalog.RateCard(rate_card_id=f"{account_id}/{card.card_id}", version=card.version)
    for rate in card.rates:
        shown = message.rates.add(
            meter=rate.meter,
            model=rate.model,
            unit_price_micros=rate.unit_price,
            unit_size=rate.unit_size,
            connection_fee_micros=rate.fee,
            minimum=rate.minimum,
            initial=rate.initial,
            increment=rate.increment,
        )
        for beyond, each in rate.tiers:
            shown.tiers.add(from_quantity=beyond, unit_price_micros=each)
    return message


def to_line(line: hold_pb2.HoldLine) -> LineView:
    return LineView(
        to_rate(line.rate), line.model, line.quantity, line.used_quantity, line.affordable_quantity
    )


def to_quoted(answer: messages.QuoteResponse) -> dict[str, Any]:
    """What a quote says besides numbers, by the oracle's names; tokens say what they like."""
    pinned = answer.HasField("pinned_until")
    assert bool(answer.quote_token) == pinned
    return {
        "rate": to_rate(answer.rate) if answer.HasField("rate") else None,
        "quoted": tuple(
            (to_rate(line.rate), line.price_micros, line.affordable_quantity)
            for line in answer.lines
        ),
        "pinned_until": answer.pinned_until.ToMicroseconds() if pinned else None,
    }


def to_usages(usages: tuple[tuple[str, str, int], ...]) -> hold_pb2.Usages:
    return hold_pb2.Usages(usages=map(to_usage, usages))


def to_usage(usage: tuple[str, str, int]) -> hold_pb2.Usage:
    meter, model, quantity = usage
    return hold_pb2.Usage(meter=meter, model=model, quantity=quantity)


def to_replaced(replaces: tuple[str, Mapping[str, Any]]) -> messages.ReplacedHold:
    """What is replaced: the name of a hold, and the arguments of its Commit."""
    name, done = replaces
    replaced = messages.ReplacedHold(hold_id=name, termination_cause=done.get("cause", ""))
    if "used" in done:
        replaced.used_micros = done["used"]
    if "used_quantity" in done:
        replaced.used_quantity = done["used_quantity"]
    if "used_quantities" in done:
        replaced.used_quantities.CopyFrom(to_usages(done["used_quantities"]))
    return replaced
