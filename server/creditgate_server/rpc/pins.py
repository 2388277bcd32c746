"""Promised prices: what a quote's token says, signed, so that nothing has to be kept of it."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from creditgate.v1 import authorization_service_pb2 as pb
from creditgate_server.domain.rates import Usage

from . import fields
from .pages import BadTokenError, Pages

PIN_MS_MAX = 24 * 3_600_000
_METHOD = "Quote"


class Pin(NamedTuple):
    """The rate card that was quoted, and the instant, by the database's clock, when that ends."""

    rate_card_id: str
    rate_card_version: int
    until: datetime


class Pins:
    """Signs pins and opens them; a token is bound to the tenant and the account."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    def token(self, request: pb.QuoteRequest, tenant_id: UUID, pin: Pin) -> str:
        """Make the token of a pin."""
        ends = fields.micros(pin.until)
        text = f"{pin.rate_card_version}:{ends}:{pin.rate_card_id}"
        return self._pages.sign(text, tenant_id=tenant_id, method=_METHOD, about=request.account_id)

    def applied(
        self,
        request: pb.ReserveRequest | pb.ChargeRequest,
        tenant_id: UUID,
        works: tuple[Usage, ...],
    ) -> tuple[Usage, ...]:
        """Price what a request is for by the card of its token, where it has one.

        Whether the promise has ended is the database's to say.
        """
        if not request.quote_token:
            return works
        if not works:
            raise fields.bad(request, "quote_token", "must come with usage or usages")
        pin = self._open(request, tenant_id)
        return tuple(
            work._replace(
                rate_card_id=pin.rate_card_id,
                rate_card_version=pin.rate_card_version,
                pinned_until=pin.until,
            )
            for work in works
        )

    def _open(self, request: pb.ReserveRequest | pb.ChargeRequest, tenant_id: UUID) -> Pin:
        try:
            text = self._pages.open(
                request.quote_token,
                tenant_id=tenant_id,
                method=_METHOD,
                about=request.account_id,
            )
        except BadTokenError:
            problem = "must be the quote_token of a quote for this account"
            raise fields.bad(request, "quote_token", problem) from None
        version, ends, rate_card_id = text.split(":", 2)
        return Pin(rate_card_id, int(version), fields.of_micros(int(ends)))
