"""From messages about rate cards to the values of the domain."""

from __future__ import annotations

from creditgate.v1 import catalog_service_pb2 as pb
from creditgate.v1 import hold_pb2
from creditgate_server.domain.rates import RATES_MAX, TIERS_MAX, Rate, RateCard

from . import fields
from .fingerprint import fingerprint

VERSION_MAX = 2**31 - 1
_NUMBERS = (
    "unit_price_micros",
    "unit_size",
    "connection_fee_micros",
    "minimum",
    "initial",
    "increment",
)


def new_rate_card(request: pb.PutRateCardRequest) -> RateCard:
    """Decode a PutRateCard."""
    if not request.HasField("rate_card"):
        raise fields.bad(request, "rate_card", "must be set")
    given = request.rate_card
    card = RateCard(
        rate_card_id=fields.identifier(request, "rate_card.rate_card_id", given.rate_card_id),
        version=fields.number(request, "rate_card.version", given.version, low=1, high=VERSION_MAX),
        name=fields.text(request, "rate_card.name", given.name),
        rates=_rates(request),
    )
    return card._replace(fingerprint=_fingerprint(card))


def asked_rate_card(request: pb.GetRateCardRequest) -> tuple[str, int]:
    """Decode a GetRateCard: the card's id and version, 0 for the latest."""
    rate_card_id = fields.identifier(request, "rate_card_id", request.rate_card_id)
    return rate_card_id, fields.number(request, "version", request.version, high=VERSION_MAX)


def _rates(request: pb.PutRateCardRequest) -> tuple[Rate, ...]:
    """Decode rates; the order in which they are given means nothing."""
    given = request.rate_card.rates
    if len(given) > RATES_MAX:
        problem = f"must be at most {RATES_MAX}, got {len(given)}"
        raise fields.bad(request, "rate_card.rates", problem)
    found: dict[tuple[str, str], Rate] = {}
    for place, each in enumerate(given):
        rate = _rate(request, f"rate_card.rates[{place}]", each)
        if (rate.meter, rate.model) in found:
            raise fields.bad(
                request, f"rate_card.rates[{place}]", "is of the same meter and model as another"
            )
        found[rate.meter, rate.model] = rate
    return tuple(found[name] for name in sorted(found))


def _rate(request: pb.PutRateCardRequest, at: str, given: hold_pb2.Rate) -> Rate:
    tiers = _tiers(request, at, given)
    numbers = {
        name: fields.amount(request, f"{at}.{name}", getattr(given, name), low=0)
        for name in _NUMBERS
    }
    return Rate(
        meter=fields.text(request, f"{at}.meter", given.meter, low=1),
        model=fields.text(request, f"{at}.model", given.model, low=1),
        tier_from=[beyond for beyond, _ in tiers] or None,
        tier_prices_micros=[price for _, price in tiers] or None,
        **numbers,
    )


def _tiers(request: pb.PutRateCardRequest, at: str, given: hold_pb2.Rate) -> list[tuple[int, int]]:
    if len(given.tiers) > TIERS_MAX:
        problem = f"must be at most {TIERS_MAX}, got {len(given.tiers)}"
        raise fields.bad(request, f"{at}.tiers", problem)
    tiers: list[tuple[int, int]] = []
    for place, tier in enumerate(given.tiers):
        where = f"{at}.tiers[{place}]"
        beyond = fields.amount(request, f"{where}.from_quantity", tier.from_quantity)
        if tiers and beyond <= tiers[-1][0]:
            problem = f"must be more than that of the tier before, got {beyond}"
            raise fields.bad(request, f"{where}.from_quantity", problem)
        price = fields.amount(request, f"{where}.unit_price_micros", tier.unit_price_micros, low=0)
        tiers.append((beyond, price))
    return tiers


def _fingerprint(card: RateCard) -> bytes:
    parts = [f"name={card.name}"] if card.name else []
    for rate in card.rates:
        parts += [f"{name}={value}" for name, value in rate._asdict().items() if value]
    return fingerprint("rate card", parts)
