"""AccountService: requests for credits, and when accounts make them."""

from __future__ import annotations

import json

from creditgate.v1 import account_pb2
from creditgate.v1 import account_service_pb2 as pb
from creditgate_server.domain.outcomes import Outcome
from creditgate_server.domain.topups import Topup, Topups

from . import encode, fields
from .call import Call
from .detached import Detached
from .lists import Lists, page_size
from .named_account import key_of
from .status import refuse

REASON_MAX = 256


class TopupAdministration:
    """Refuses and lists requests for credits."""

    def __init__(self, topups: Topups, lists: Lists, detached: Detached) -> None:
        self._topups = topups
        self._lists = lists
        self._run = detached.run

    async def refuse_topup(
        self, request: pb.RefuseTopupRequest, call: Call
    ) -> pb.RefuseTopupResponse:
        """Say that a request will not be paid for."""
        account = key_of(request, call)
        request_id = fields.identifier(request, "request_id", request.request_id)
        reason = fields.text(request, "reason", request.reason, high=REASON_MAX)
        result = await self._run(self._topups.refuse_topup(account, request_id, reason))
        if result.outcome != Outcome.ACCEPTED or result.topup is None:
            encode.refuse_named(
                result.outcome, account_id=request.account_id, request_id=request_id
            )
        response = pb.RefuseTopupResponse(replayed=result.replayed)
        _encode(response.topup, result.topup)
        return response

    async def list_topups(self, request: pb.ListTopupsRequest, call: Call) -> pb.ListTopupsResponse:
        """Read a page of an account's requests, newest first."""
        account, size = key_of(request, call), page_size(request)
        about = request.account_id
        after = self._lists.after(request, call, about=about)
        before = int(after) if after else None
        found = await self._run(self._topups.list_topups(account, before_no=before, limit=size + 1))
        if found is None:
            refuse(Outcome.ACCOUNT_NOT_FOUND)
        response = pb.ListTopupsResponse()
        if last := encode.page(response.topups, found, size, _encode):
            token = self._lists.token(request, call, str(last.request_no), about=about)
            response.next_page_token = token
        return response


def auto_topup(request: pb.UpdateAccountRequest) -> str | None:
    """Decode when an account is to ask for more, as JSON; None changes nothing."""
    if not request.HasField("auto_topup"):
        return None
    given, path = request.auto_topup, "auto_topup"
    most = fields.amount(request, f"{path}.month_max_micros", given.month_max_micros, low=0)
    read = {
        "enabled": given.enabled,
        "below_micros": fields.amount(request, f"{path}.below_micros", given.below_micros, low=0),
        "amount_micros": fields.amount(request, f"{path}.amount_micros", given.amount_micros),
        "month_max_micros": most,
    }
    return json.dumps(read)


def _encode(to: account_pb2.Topup, of: Topup) -> None:
    to.request_id = of.request_id
    to.state = of.state  # type: ignore[assignment]  # the numbers are those of the API
    to.amount_micros = of.amount_micros
    to.reason = of.reason
    encode.moment(to.created_at, of.created_at)
    if of.ended_at is not None:
        encode.moment(to.ended_at, of.ended_at)
