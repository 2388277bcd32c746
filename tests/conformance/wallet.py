"""One account as a gateway or an agent sees it: each method is a call, named as by the API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.protobuf.duration_pb2 import Duration

from creditgate.v1 import account_pb2, event_pb2, hold_pb2
from creditgate.v1 import account_service_pb2 as accounts
from creditgate.v1 import authorization_service_pb2 as pb
from creditgate.v1 import event_service_pb2 as events
from tests.conformance.caller import Caller

CREDIT = 1_000_000
PAGE = 1_000
GRANTED = pb.DECISION_GRANTED
PARTIAL = pb.DECISION_GRANTED_PARTIAL
INSUFFICIENT = pb.DECISION_DENIED_INSUFFICIENT_CREDITS
HELD = pb.DECISION_DENIED_CREDITS_HELD
LIMIT = pb.DECISION_DENIED_LIMIT
INACTIVE = pb.DECISION_DENIED_ACCOUNT_INACTIVE
OPEN = hold_pb2.HOLD_STATE_OPEN
COMMITTED = hold_pb2.HOLD_STATE_COMMITTED
RELEASED = hold_pb2.HOLD_STATE_RELEASED
EXPIRED = hold_pb2.HOLD_STATE_EXPIRED


def seconds(number: float) -> Duration:
    """So much time."""
    return Duration(seconds=int(number), nanos=round(number % 1 * 1e9))


def usage(quantity: int, *, meter: str = "voice.call", model: str = "") -> hold_pb2.Usage:
    """Work in its own unit."""
    return hold_pb2.Usage(meter=meter, model=model, quantity=quantity)


def rate(meter: str = "voice.call", model: str = "*", **terms: Any) -> hold_pb2.Rate:
    """A price; a credit a unit where nothing else is said."""
    return hold_pb2.Rate(meter=meter, model=model, **{"unit_price_micros": CREDIT, **terms})


class Wallet:
    """An account, and who asks about it."""

    def __init__(self, caller: Caller, account_id: str) -> None:
        self.caller, self.account_id = caller, account_id

    def by(self, caller: Caller) -> Wallet:
        """The same account, asked about by somebody else."""
        return Wallet(caller, self.account_id)

    # Requests, for those who send them themselves.

    def to_reserve(self, hold_id: str, **fields: Any) -> pb.ReserveRequest:
        return pb.ReserveRequest(account_id=self.account_id, hold_id=hold_id, **_timed(fields))

    def to_extend(self, hold_id: str, **fields: Any) -> pb.ExtendRequest:
        return pb.ExtendRequest(account_id=self.account_id, hold_id=hold_id, **_timed(fields))

    def to_commit(self, hold_id: str, **fields: Any) -> pb.CommitRequest:
        return pb.CommitRequest(account_id=self.account_id, hold_id=hold_id, **fields)

    def to_release(self, hold_id: str, **fields: Any) -> pb.ReleaseRequest:
        return pb.ReleaseRequest(account_id=self.account_id, hold_id=hold_id, **fields)

    def to_charge(self, hold_id: str, **fields: Any) -> pb.ChargeRequest:
        return pb.ChargeRequest(account_id=self.account_id, hold_id=hold_id, **fields)

    # What is done.

    def reserve(self, hold_id: str, **fields: Any) -> pb.ReserveResponse:
        answer: pb.ReserveResponse = self.caller.ask(self.to_reserve(hold_id, **fields))
        return answer

    def extend(self, hold_id: str, **fields: Any) -> pb.ExtendResponse:
        answer: pb.ExtendResponse = self.caller.ask(self.to_extend(hold_id, **fields))
        return answer

    def commit(self, hold_id: str, **fields: Any) -> pb.CommitResponse:
        answer: pb.CommitResponse = self.caller.ask(self.to_commit(hold_id, **fields))
        return answer

    def report(self, hold_id: str, **fields: Any) -> pb.CommitResponse:
        """Commit on the way: the hold stays open."""
        return self.commit(hold_id, keep_open=True, **fields)

    def release(self, hold_id: str, **fields: Any) -> pb.ReleaseResponse:
        answer: pb.ReleaseResponse = self.caller.ask(self.to_release(hold_id, **fields))
        return answer

    def charge(self, hold_id: str, **fields: Any) -> pb.ChargeResponse:
        answer: pb.ChargeResponse = self.caller.ask(self.to_charge(hold_id, **fields))
        return answer

    def quote(self, **fields: Any) -> pb.QuoteResponse:
        request = pb.QuoteRequest(account_id=self.account_id, **_timed(fields))
        answer: pb.QuoteResponse = self.caller.ask(request)
        return answer

    def batch(self, *requests: Any) -> list[Any]:
        """Many operations in one call, done in their order; answers theirs, or statuses."""
        batch = pb.BatchAuthorizeRequest()
        for place, each in enumerate(requests):
            verb = type(each).__name__.removesuffix("Request").lower()
            getattr(batch.operations.add(request_id=str(place)), verb).CopyFrom(each)
        answer = self.caller.ask(batch)
        return [getattr(each, each.WhichOneof("result")) for each in answer.results]

    # What there is.

    def hold(self, hold_id: str) -> hold_pb2.Hold:
        request = pb.GetHoldRequest(account_id=self.account_id, hold_id=hold_id)
        hold: hold_pb2.Hold = self.caller.ask(request).hold
        return hold

    def balance(self) -> account_pb2.Balance:
        request = pb.GetBalanceRequest(account_id=self.account_id)
        balance: account_pb2.Balance = self.caller.ask(request).balance
        return balance

    def account(self) -> account_pb2.Account:
        request = accounts.GetAccountRequest(account_id=self.account_id)
        account: account_pb2.Account = self.caller.ask(request).account
        return account

    def holds(self, **fields: Any) -> list[hold_pb2.Hold]:
        request = accounts.ListHoldsRequest(account_id=self.account_id, page_size=PAGE, **fields)
        return list(self._pages(request, "holds"))

    def grants(self) -> list[account_pb2.Grant]:
        request = accounts.ListGrantsRequest(account_id=self.account_id, page_size=PAGE)
        return list(self._pages(request, "grants"))

    def entries(self) -> list[accounts.Entry]:
        request = accounts.GetStatementRequest(account_id=self.account_id, page_size=PAGE)
        return list(self._pages(request, "entries"))

    def events(self, kind: event_pb2.EventKind.ValueType | None = None) -> list[event_pb2.Event]:
        request = events.ListEventsRequest(account_id=self.account_id, page_size=PAGE)
        return [each for each in self._pages(request, "events") if kind in {None, each.kind}]

    def counters(self) -> list[accounts.BudgetCounter]:
        request = accounts.ListBudgetsRequest(account_id=self.account_id, page_size=PAGE)
        return list(self._pages(request, "counters"))

    # What the tenant does.

    def grant(self, grant_id: str, micros: int, **fields: Any) -> accounts.AddGrantResponse:
        answer: accounts.AddGrantResponse = self.caller.ask(
            accounts.AddGrantRequest(
                account_id=self.account_id,
                grant_id=grant_id,
                amount_micros=micros,
                **{"kind": account_pb2.GRANT_KIND_PURCHASED, **fields},
            )
        )
        return answer

    def refund(self, refund_id: str, hold_id: str, micros: int) -> accounts.RefundResponse:
        answer: accounts.RefundResponse = self.caller.ask(
            accounts.RefundRequest(
                account_id=self.account_id,
                refund_id=refund_id,
                hold_id=hold_id,
                amount_micros=micros,
            )
        )
        return answer

    def update(self, **fields: Any) -> account_pb2.Account:
        request = accounts.UpdateAccountRequest(account_id=self.account_id, **fields)
        account: account_pb2.Account = self.caller.ask(request).account
        return account

    def _pages(self, request: Any, name: str) -> Iterator[Any]:
        while True:
            page = self.caller.ask(request)
            yield from getattr(page, name)
            request.page_token = page.next_page_token
            if not request.page_token:
                return


def _timed(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields, with times given in seconds."""
    timed = {"ttl", "pin_for"}
    return {
        name: seconds(value) if name in timed and isinstance(value, int | float) else value
        for name, value in fields.items()
    }
