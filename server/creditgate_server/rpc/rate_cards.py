"""CatalogService: what a tenant asks for work."""

from __future__ import annotations

from creditgate.v1 import catalog_service_pb2 as pb
from creditgate_server.domain.outcomes import Outcome
from creditgate_server.domain.rates import RateCards

from . import decode_rates as decode
from . import encode, encode_rates
from .call import Call
from .detached import Detached
from .lists import Lists, page_size
from .status import refuse


class RateCardCatalog:
    """Writes and reads versions of rate cards."""

    def __init__(self, cards: RateCards, lists: Lists, detached: Detached) -> None:
        self._cards = cards
        self._lists = lists
        self._run = detached.run

    async def put_rate_card(
        self, request: pb.PutRateCardRequest, call: Call
    ) -> pb.PutRateCardResponse:
        """Write a version of a rate card."""
        new = decode.new_rate_card(request)
        result = await self._run(self._cards.put_rate_card(call.tenant_id, new))
        if result.outcome != Outcome.ACCEPTED or result.card is None:
            encode.refuse_named(result.outcome, rate_card_id=new.rate_card_id)
        response = pb.PutRateCardResponse(replayed=result.replayed)
        encode_rates.rate_card(response.rate_card, result.card)
        return response

    async def get_rate_card(
        self, request: pb.GetRateCardRequest, call: Call
    ) -> pb.GetRateCardResponse:
        """Read a version of a rate card."""
        rate_card_id, version = decode.asked_rate_card(request)
        found = self._cards.get_rate_card(call.tenant_id, rate_card_id, version)
        card = await self._run(found)
        if card is None:
            refuse(Outcome.RATE_CARD_NOT_FOUND)
        response = pb.GetRateCardResponse()
        encode_rates.rate_card(response.rate_card, card)
        return response

    async def list_rate_cards(
        self, request: pb.ListRateCardsRequest, call: Call
    ) -> pb.ListRateCardsResponse:
        """Read a page of the latest versions of rate cards, in the order of their ids."""
        size = page_size(request)
        after = self._lists.after(request, call)
        found = await self._run(
            self._cards.list_rate_cards(call.tenant_id, after=after, limit=size + 1)
        )
        response = pb.ListRateCardsResponse()
        if last := encode.page(response.rate_cards, found, size, encode_rates.rate_card):
            response.next_page_token = self._lists.token(request, call, last.rate_card_id)
        return response
