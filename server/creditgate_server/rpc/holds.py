"""AccountService: lists of holds, of an account or of a gateway."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from creditgate.v1 import account_service_pb2 as pb
from creditgate.v1 import hold_pb2
from creditgate_server.domain.calls import CallPlace, GatewayCalls, OpenCall
from creditgate_server.domain.holds import HoldState
from creditgate_server.domain.keys import Scope
from creditgate_server.domain.ledger import Accounts
from creditgate_server.domain.outcomes import Outcome

from . import decode_accounts as decode
from . import encode, fields
from .call import Call
from .detached import Detached
from .lists import Lists, page_size
from .named_account import key_of
from .status import SCOPE_MISSING, RpcError, refuse


class HoldReading:
    """Reads holds in pages."""

    def __init__(
        self, accounts: Accounts, calls: GatewayCalls, lists: Lists, detached: Detached
    ) -> None:
        self._accounts = accounts
        self._calls = calls
        self._lists = lists
        self._run = detached.run

    async def list_holds(self, request: pb.ListHoldsRequest, call: Call) -> pb.ListHoldsResponse:
        """Read a page of an account's holds, or of a gateway's open calls."""
        if request.gateway_id:
            return await self._of_gateway(request, call)
        if call.scopes.isdisjoint({Scope.READ, Scope.ADMIN}):
            raise RpcError(*SCOPE_MISSING, metadata={"scope": Scope.READ})
        if request.epoch_below:
            problem = f"must be 0 without gateway_id, got {request.epoch_below}"
            raise fields.bad(request, "epoch_below", problem)
        return await self._of_account(request, call)

    async def _of_account(self, request: pb.ListHoldsRequest, call: Call) -> pb.ListHoldsResponse:
        account, state = key_of(request, call), decode.list_state(request)
        size = page_size(request)
        about = f"{request.account_id} {state}"
        after = self._lists.after(request, call, about=about)
        found = await self._run(
            self._accounts.list_holds(account, state=state, after=after, limit=size + 1)
        )
        if found is None:
            refuse(Outcome.ACCOUNT_NOT_FOUND)
        response = pb.ListHoldsResponse()
        write = partial(encode.hold, account_id=request.account_id)
        if last := encode.page(response.holds, found, size, write):
            response.next_page_token = self._lists.token(request, call, last.hold_id, about=about)
        return response

    async def _of_gateway(self, request: pb.ListHoldsRequest, call: Call) -> pb.ListHoldsResponse:
        gateway_id = fields.identifier(request, "gateway_id", request.gateway_id)
        account_id = fields.identifier_or_empty(request, "account_id", request.account_id)
        epoch = fields.amount(request, "epoch_below", request.epoch_below, low=0)
        if decode.list_state(request) not in {None, HoldState.OPEN}:
            raise fields.bad(request, "state", "must be OPEN or unspecified with gateway_id")
        size = page_size(request)
        about = f"{gateway_id} {account_id} {epoch}"
        after = _place(self._lists.after(request, call, about=about))
        found = await self._run(
            self._calls.list_calls(
                call.tenant_id,
                gateway_id,
                account_id=account_id,
                epoch_below=epoch,
                after=after,
                limit=size + 1,
            )
        )
        response = pb.ListHoldsResponse()
        if last := encode.page(response.holds, found, size, _write):
            place = " ".join(map(str, last.place))
            response.next_page_token = self._lists.token(request, call, place, about=about)
        return response


def _write(to: hold_pb2.Hold, of: OpenCall) -> None:
    encode.hold(to, of.hold, of.account_id)


def _place(text: str) -> CallPlace | None:
    """Read what a token of ours holds."""
    if not text:
        return None
    bucket, key, hold_id = text.split(" ", 2)
    return CallPlace(int(bucket), UUID(key), hold_id)
