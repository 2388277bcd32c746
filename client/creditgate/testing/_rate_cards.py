"""The fake's rate cards, and operations that speak of quantities."""

from __future__ import annotations

from typing import Any

from creditgate.testing._administration import page
from creditgate.testing._endpoints import Endpoints
from creditgate.testing._lines import speaks_of_lines
from creditgate.testing._prices import QUANTITY_MAX, affordable, price
from creditgate.testing._subscriber import Subscriber
from creditgate.testing._wallet import OPEN, FakeHold, RefusalError, stamp, takes
from creditgate.v1 import authorization_service_pb2 as messages
from creditgate.v1 import catalog_service_pb2 as catalog
from creditgate.v1 import hold_pb2

ANY_MODEL = "*"


class RateCards(Endpoints):
    """What a tenant asks for work."""

    def _put_rate_card(
        self, request: catalog.PutRateCardRequest, now: int
    ) -> catalog.PutRateCardResponse:
        card = catalog.RateCard()
        card.CopyFrom(request.rate_card)
        card.rates.sort(key=lambda rate: (rate.meter, rate.model))
        name = card.rate_card_id, card.version
        known = self.cards.get(name)
        if known is None and card.version > 1 and (name[0], name[1] - 1) not in self.cards:
            raise RefusalError("VERSION_SKIPPED")
        if known is None:
            stamp(card.created_at, now)
            self.cards[name] = card
        else:
            card.created_at.CopyFrom(known.created_at)
            if known != card:
                raise RefusalError("NAME_REUSED")
        return catalog.PutRateCardResponse(rate_card=card, replayed=known is not None)

    def _get_rate_card(
        self, request: catalog.GetRateCardRequest, now: int
    ) -> catalog.GetRateCardResponse:
        return catalog.GetRateCardResponse(
            rate_card=self.card(request.rate_card_id, request.version)
        )

    def _list_rate_cards(
        self, request: catalog.ListRateCardsRequest, now: int
    ) -> catalog.ListRateCardsResponse:
        latest = []
        for name in sorted({name for name, _ in self.cards}):
            shown = catalog.RateCard()
            shown.CopyFrom(self.card(name, 0))
            del shown.rates[:]
            latest.append(shown)
        cards, token = page(latest, request)
        return catalog.ListRateCardsResponse(rate_cards=cards, next_page_token=token)

    def _quote(self, request: messages.QuoteRequest, now: int) -> messages.QuoteResponse:
        wallet = self._wallet(request)
        rate = self._rate(wallet, request.usage)
        return messages.QuoteResponse(
            price_micros=_priced(rate, request.usage.quantity),
            affordable_quantity=_reach(wallet, rate, None),
            rate=rate,
            balance=wallet.balance(now),
        )

    def _rate(self, wallet: Subscriber, usage: hold_pb2.Usage) -> hold_pb2.Rate | None:
        """The rate of the plan's card for a usage."""
        if not wallet.plan.rate_card_id:
            return None
        card = self.card(wallet.plan.rate_card_id, wallet.plan.rate_card_version)
        known = {(rate.meter, rate.model): rate for rate in card.rates}
        own, common = (usage.meter, usage.model), (usage.meter, ANY_MODEL)
        return known.get(own) or known.get(common)


class Meter:
    """An operation in quantities: what it asks for in amounts, and what is kept of it."""

    def __init__(self, request: Any, hold: FakeHold | None, rate: hold_pb2.Rate | None) -> None:
        self.request, self.hold, self.rate = request, hold, rate
        self.amounts = type(request)()
        self.amounts.CopyFrom(request)
        if isinstance(request, messages.ReserveRequest | messages.ChargeRequest):
            cost = _priced(rate, request.usage.quantity)
            self.amounts.amount_micros = cost
            self.amounts.minimum_micros = min(request.minimum_micros, cost)
            return
        if isinstance(request, messages.ExtendRequest) and request.HasField("quantity"):
            self.amounts.amount_micros = _priced(rate, request.quantity)
        if request.HasField("used_quantity"):
            self.amounts.used_micros = _priced(rate, request.used_quantity)

        assert hold is not None, "it is there"
        self.takes = request.HasField("used_quantity") and takes(hold, self.amounts)

    def count(self, answer: Any) -> None:
        """Keep with the hold that is there what was reported."""
        if self.hold is not None and self.takes:
            it = self.hold.message
            it.used_quantity = max(it.used_quantity, self.request.used_quantity)
            answer.hold.CopyFrom(self.hold.stand())

    def keep(self, hold: FakeHold, body: Any, answer: Any) -> None:
        """Keep the rate with a new hold, and what a Charge has used."""
        assert self.rate is not None, "it was priced"
        hold.body = body
        hold.message.rate.CopyFrom(self.rate)
        if isinstance(self.request, messages.ChargeRequest):
            it, whole = hold.message, answer.decision == messages.DECISION_GRANTED
            bought = affordable(self.rate, it.granted_micros)
            it.used_quantity = self.request.usage.quantity if whole else bought
        answer.hold.CopyFrom(hold.stand())


def show_reach(answer: Any, wallet: Subscriber, rate: Any, hold: FakeHold | None) -> Any:
    """Write into an answer what its work can come to in all."""
    if rate.meter and "affordable_quantity" in answer.DESCRIPTOR.fields_by_name:
        answer.affordable_quantity = _reach(wallet, rate, hold)
    return answer


def speaks_of_quantities(request: Any) -> bool:
    """Tell whether only a rate turns a request into credits."""
    if isinstance(request, messages.ReserveRequest | messages.ChargeRequest):
        return bool(request.HasField("usage") or request.HasField("usages"))
    if isinstance(request, messages.ExtendRequest) and request.HasField("quantity"):
        return True
    if speaks_of_lines(request):
        return True
    both = messages.ExtendRequest | messages.CommitRequest
    return isinstance(request, both) and request.HasField("used_quantity")


def _priced(rate: hold_pb2.Rate | None, quantity: int) -> int:
    if rate is None:
        raise RefusalError("UNPRICED")
    cost = price(rate, quantity)
    if cost > QUANTITY_MAX:
        raise RefusalError("OUT_OF_RANGE")
    return cost


def _reach(wallet: Subscriber, rate: Any, hold: FakeHold | None) -> int:
    own = 0
    if hold is not None and hold.message.state == OPEN:
        own = max(hold.message.granted_micros, hold.message.used_micros)
    return affordable(rate, own + max(wallet.available, 0))
