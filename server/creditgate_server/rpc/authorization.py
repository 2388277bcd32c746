"""CreditAuthorizationService: decode, one operation in its lane, encode."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from creditgate.v1 import authorization_service_pb2 as pb
from creditgate_server.domain.account_keys import AccountKey
from creditgate_server.domain.balances import Balance
from creditgate_server.domain.holds import Hold
from creditgate_server.domain.ledger import Ledger
from creditgate_server.domain.operations import Operation
from creditgate_server.domain.outcomes import Outcome
from creditgate_server.domain.rates import RateCards
from creditgate_server.domain.results import Result
from creditgate_server.lanes import Lanes

from . import decode, decode_usages, encode, encode_rates, fields
from .call import Call
from .detached import Detached
from .pins import PIN_MS_MAX, Pin, Pins
from .status import refuse
from .traces import TraceId, with_trace


class Authorization:
    """The hot path. Writes go through the lanes, reads straight to the ledger."""

    def __init__(
        self,
        ledger: Ledger,
        cards: RateCards,
        lanes: Lanes[Operation, Result],
        detached: Detached,
        pins: Pins,
        *,
        trace_id: TraceId,
    ) -> None:
        self._pins = pins
        self._ledger = ledger
        self._cards = cards
        self._lanes = lanes
        self._detached = detached
        self._trace_id = trace_id

    async def reserve(self, request: pb.ReserveRequest, call: Call) -> pb.ReserveResponse:
        """Set credits aside."""
        operation = self._traced(decode.reserve(request, call.tenant_id, self._pins))
        return encode.reserve(request, await self._queue(operation, call))

    async def charge(self, request: pb.ChargeRequest, call: Call) -> pb.ChargeResponse:
        """Spend credits at once."""
        operation = self._traced(decode.charge(request, call.tenant_id, self._pins))
        return encode.charge(request, await self._queue(operation, call))

    async def extend(self, request: pb.ExtendRequest, call: Call) -> pb.ExtendResponse:
        """Raise and renew a hold, and charge what it has used."""
        operation = decode.extend(request, call.tenant_id)
        return encode.extend(request, await self._queue(operation, call))

    async def commit(self, request: pb.CommitRequest, call: Call) -> pb.CommitResponse:
        """Charge what the work has used."""
        operation = decode.commit(request, call.tenant_id)
        return encode.commit(request, await self._queue(operation, call, urgent=True))

    async def release(self, request: pb.ReleaseRequest, call: Call) -> pb.ReleaseResponse:
        """End a hold without further usage."""
        operation = decode.release(request, call.tenant_id)
        return encode.release(request, await self._queue(operation, call, urgent=True))

    async def quote(self, request: pb.QuoteRequest, call: Call) -> pb.QuoteResponse:
        """Price usage, and promise the price if that was asked for."""
        account = decode.account(request, call.tenant_id)
        usages = decode_usages.quoted(request)
        pin_ms = fields.duration_ms(request, "pin_for", request.pin_for, high=PIN_MS_MAX)
        quote = await self._detached.run(self._cards.quote(account, usages))
        response = encode_rates.quote(request, quote)
        if pin_ms and quote.balance is not None:
            ends = quote.balance.as_of + timedelta(milliseconds=pin_ms)
            pin = Pin(quote.rate_card_id, quote.rate_card_version, ends)
            response.quote_token = self._pins.token(request, call.tenant_id, pin)
            encode.moment(response.pinned_until, ends)
        return response

    async def get_hold(self, request: pb.GetHoldRequest, call: Call) -> pb.GetHoldResponse:
        """Read one hold."""
        account = decode.account(request, call.tenant_id)
        name = fields.hold_name(request, "hold_id", request.hold_id)
        hold, balance = await self._find_hold(account, name)
        response = pb.GetHoldResponse()
        encode.hold(response.hold, hold, request.account_id)
        encode.balance(response.balance, balance)
        return response

    async def get_balance(self, request: pb.GetBalanceRequest, call: Call) -> pb.GetBalanceResponse:
        """Read an account's balance."""
        balance = await self._find_balance(decode.account(request, call.tenant_id))
        response = pb.GetBalanceResponse()
        encode.balance(response.balance, balance)
        return response

    def _traced(self, operation: Operation) -> Operation:
        trace_id = self._trace_id()
        if trace_id is None:
            return operation
        return operation._replace(details=with_trace(operation.details, trace_id))

    def _queue(
        self, operation: Operation, call: Call, *, urgent: bool = False
    ) -> asyncio.Future[Result]:
        return self._lanes.submit(operation.bucket, operation, urgent=urgent, owner=call.tenant_id)

    async def _find_balance(self, account: AccountKey) -> Balance:
        balance = await self._detached.run(self._ledger.balance(account))
        if balance is None:
            refuse(Outcome.ACCOUNT_NOT_FOUND)
        return balance

    async def _find_hold(self, account: AccountKey, hold_id: str) -> tuple[Hold, Balance]:
        hold, balance = await self._detached.run(self._ledger.hold(account, hold_id))
        if balance is None:
            refuse(Outcome.ACCOUNT_NOT_FOUND)
        if hold is None:
            refuse(Outcome.HOLD_NOT_FOUND)
        return hold, balance
