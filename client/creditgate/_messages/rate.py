"""The requests about rate cards and prices."""

from __future__ import annotations

from collections.abc import Iterable

from creditgate._messages.convert import duration, instant, optional_instant
from creditgate._messages.work import (
    Call,
    read_balance,
    read_rate,
    usage_message,
)
from creditgate._types.base import Page
from creditgate._types.rate import Quote, QuoteLine, Rate, RateCard, RateCardPublication, Usage
from creditgate.v1 import authorization_service_pb2 as messages
from creditgate.v1 import catalog_service_pb2 as catalog
from creditgate.v1 import hold_pb2


def quote(
    account_id: str,
    *,
    usage: Usage | None,
    usages: Iterable[Usage] | None,
    pin_for_seconds: float,
) -> Call[Quote]:
    if (usage is None) == (usages is None):
        raise TypeError("what is to be priced is either a usage or usages")
    request = messages.QuoteRequest(
        account_id=account_id,
        usage=None if usage is None else usage_message(usage),
        usages=map(usage_message, usages or ()),
        pin_for=duration(pin_for_seconds) if pin_for_seconds else None,
    )
    return Call("Quote", request, read_quote, writes=False)


def put_rate_card(
    rate_card_id: str, *, version: int, rates: Iterable[Rate], name: str
) -> Call[RateCardPublication]:
    card = catalog.RateCard(
        rate_card_id=rate_card_id, version=version, name=name, rates=map(rate_message, rates)
    )
    return Call("PutRateCard", catalog.PutRateCardRequest(rate_card=card), read_publication)


def get_rate_card(rate_card_id: str, *, version: int | None) -> Call[RateCard]:
    request = catalog.GetRateCardRequest(rate_card_id=rate_card_id, version=version or 0)
    return Call("GetRateCard", request, lambda answer: read_card(answer.rate_card), writes=False)


def list_rate_cards(*, page_size: int, page_token: str) -> Call[Page[RateCard]]:
    request = catalog.ListRateCardsRequest(page_size=page_size, page_token=page_token)
    return Call("ListRateCards", request, read_cards, writes=False)


def rate_message(rate: Rate) -> hold_pb2.Rate:
    message = hold_pb2.Rate(
        meter=rate.meter,
        model=rate.model,
        unit_price_micros=rate.unit_price_micros,
        unit_size=rate.unit_size,
        connection_fee_micros=rate.connection_fee_micros,
        minimum=rate.minimum,
        initial=rate.initial,
        increment=rate.increment,
    )
    for tier in rate.tiers:
        message.tiers.add(
            from_quantity=tier.from_quantity, unit_price_micros=tier.unit_price_micros
        )
    return message


def read_quote(answer: messages.QuoteResponse) -> Quote:
    return Quote(
        price_micros=answer.price_micros,
        affordable_quantity=answer.affordable_quantity,
        rate=read_rate(answer.rate) if answer.HasField("rate") else None,
        balance=read_balance(answer.balance),
        lines=tuple(map(read_quote_line, answer.lines)),
        token=answer.quote_token,
        pinned_until=optional_instant(answer, "pinned_until"),
    )


def read_quote_line(line: messages.QuoteLine) -> QuoteLine:
    return QuoteLine(
        rate=read_rate(line.rate),
        price_micros=line.price_micros,
        affordable_quantity=line.affordable_quantity,
    )


def read_publication(answer: catalog.PutRateCardResponse) -> RateCardPublication:
    return RateCardPublication(rate_card=read_card(answer.rate_card), replayed=answer.replayed)


def read_card(card: catalog.RateCard) -> RateCard:
    return RateCard(
        rate_card_id=card.rate_card_id,
        version=card.version,
        name=card.name,
        rates=tuple(map(read_rate, card.rates)),
        created_at=instant(card.created_at),
    )


def read_cards(answer: catalog.ListRateCardsResponse) -> Page[RateCard]:
    cards = tuple(map(read_card, answer.rate_cards))
    return Page(items=cards, next_page_token=answer.next_page_token)
