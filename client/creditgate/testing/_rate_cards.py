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
    """What a tenant asks for work, and what was promised: who may have which card until when."""

    def __init__(self) -> None:
        super().__init__()
        self.pins: dict[tuple[str, str], tuple[str, int, int]] = {}

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
        usages = request.usages or [request.usage]
        rates = [self._rate(wallet, usage) for usage in usages]
        costs = [_unbound(rate, each.quantity) for rate, each in zip(rates, usages, strict=True)]
        if sum(costs) > QUANTITY_MAX:
            raise RefusalError("OUT_OF_RANGE")
        answer = messages.QuoteResponse(price_micros=sum(costs), balance=wallet.balance(now))
        for rate, cost in zip(rates, costs, strict=True):
            most = affordable(rate or hold_pb2.Rate(), max(wallet.available, 0) - sum(costs) + cost)
            answer.lines.add(rate=rate, price_micros=cost, affordable_quantity=most)
        if not request.usages:
            (line,) = answer.lines
            answer.affordable_quantity = line.affordable_quantity
            answer.rate.CopyFrom(line.rate)
            del answer.lines[:]
        if request.pin_for.ToMilliseconds():
            ends = now + request.pin_for.ToMilliseconds() * 1000
            card = wallet.plan.rate_card_id, wallet.plan.rate_card_version
            # What comes before the bar tells tokens apart that mean the same.
            answer.quote_token = f"{ends}|{card[0]}@{card[1]}"
            self.pins[request.account_id, answer.quote_token] = (*card, ends)
            stamp(answer.pinned_until, ends)
        return answer

    def _rate(
        self, wallet: Subscriber, usage: hold_pb2.Usage, token: str = ""
    ) -> hold_pb2.Rate | None:
        """The rate for a usage, of the card that a token promised or else the plan's."""
        name, version = wallet.plan.rate_card_id, wallet.plan.rate_card_version
        if token:
            name, version, ends = self.pins[wallet.message.account_id, token]
            if ends <= wallet.now:
                raise RefusalError("QUOTE_EXPIRED", "quote_token")
        if not name:
            return None
        known = {(rate.meter, rate.model): rate for rate in self.card(name, version).rates}
        own, common = (usage.meter, usage.model), (usage.meter, ANY_MODEL)
        return known.get(own) or known.get(common)

    def check_token(self, request: Any) -> None:
        """Refuse the token of a request that no quote for its account has answered."""
        if not request.quote_token:
            return
        known = (request.account_id, request.quote_token) in self.pins
        if request.HasField("amount_micros") or not known:
            raise RefusalError("INVALID_FIELD", "quote_token")


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
    if isinstance(request, messages.ExtendRequest | messages.CommitRequest):
        return speaks_of_lines(request) or request.HasField("used_quantity")
    return False


def _unbound(rate: hold_pb2.Rate | None, quantity: int) -> int:
    if rate is None:
        raise RefusalError("UNPRICED")
    return price(rate, quantity)


def _priced(rate: hold_pb2.Rate | None, quantity: int) -> int:
    cost = _unbound(rate, quantity)
    if cost > QUANTITY_MAX:
        raise RefusalError("OUT_OF_RANGE")
    return cost


def _reach(wallet: Subscriber, rate: Any, hold: FakeHold | None) -> int:
    own = 0
    if hold is not None and hold.message.state == OPEN:
        own = max(hold.message.granted_micros, hold.message.used_micros)
    return affordable(rate, own + max(wallet.available, 0))
