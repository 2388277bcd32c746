"""From what the store answers about rate cards and prices to messages."""

from __future__ import annotations

from creditgate.v1 import authorization_service_pb2 as pb
from creditgate.v1 import catalog_service_pb2 as catalog_pb
from creditgate_server.domain.outcomes import Outcome
from creditgate_server.domain.rates import Quote, RateCard

from . import decode_usages, encode


def rate_card(to: catalog_pb.RateCard, of: RateCard) -> None:
    """Write a version of a rate card."""
    to.rate_card_id = of.rate_card_id
    to.version = of.version
    to.name = of.name
    for each in of.rates:
        encode.rate(to.rates.add(), each)
    if of.created_at is not None:
        encode.moment(to.created_at, of.created_at)


def quote(request: pb.QuoteRequest, of: Quote) -> pb.QuoteResponse:
    """Answer a Quote."""
    if of.outcome != Outcome.ACCEPTED or of.balance is None:
        names = decode_usages.named(request, of.unpriced) if of.unpriced else {}
        encode.refuse_named(of.outcome, **names)
    response = pb.QuoteResponse(price_micros=of.price_micros)
    if request.usages:
        for each in of.lines:
            line = response.lines.add(
                price_micros=each.price_micros, affordable_quantity=each.affordable_quantity
            )
            encode.rate(line.rate, each.rate)
    else:
        response.affordable_quantity = of.lines[0].affordable_quantity
        encode.rate(response.rate, of.lines[0].rate)
    encode.balance(response.balance, of.balance)
    return response
