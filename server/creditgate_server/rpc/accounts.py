"""AccountService: accounts, grants and refunds."""

from __future__ import annotations

from creditgate.v1 import account_service_pb2 as pb
from creditgate_server.domain.accounts import Account
from creditgate_server.domain.ledger import Accounts
from creditgate_server.domain.outcomes import Outcome

from . import decode_accounts as decode
from . import encode, fields
from .call import Call
from .detached import Detached
from .lists import Lists, page_size
from .named_account import account_id_of, key_of
from .status import refuse


class AccountAdministration:
    """Opens accounts, gives and takes back credits, and lists what there is."""

    def __init__(self, accounts: Accounts, lists: Lists, detached: Detached) -> None:
        self._accounts = accounts
        self._lists = lists
        self._run = detached.run

    async def create_account(
        self, request: pb.CreateAccountRequest, call: Call
    ) -> pb.CreateAccountResponse:
        """Open an account without credits."""
        new = decode.new_account(request)
        outcome, account = await self._run(self._accounts.create_account(call.tenant_id, new))
        response = pb.CreateAccountResponse()
        encode.account(response.account, _known(request, outcome, account))
        return response

    async def get_account(self, request: pb.GetAccountRequest, call: Call) -> pb.GetAccountResponse:
        """Read one account."""
        account = await self._run(
            self._accounts.get_account(call.tenant_id, account_id_of(request))
        )
        if account is None:
            refuse(Outcome.ACCOUNT_NOT_FOUND)
        response = pb.GetAccountResponse()
        encode.account(response.account, account)
        return response

    async def list_accounts(
        self, request: pb.ListAccountsRequest, call: Call
    ) -> pb.ListAccountsResponse:
        """Read a page of the tenant's accounts."""
        size = page_size(request)
        after = self._lists.after(request, call)
        found = await self._run(
            self._accounts.list_accounts(call.tenant_id, after=after, limit=size + 1)
        )
        response = pb.ListAccountsResponse()
        if last := encode.page(response.accounts, found, size, encode.account):
            response.next_page_token = self._lists.token(request, call, last.account_id)
        return response

    async def update_account(
        self, request: pb.UpdateAccountRequest, call: Call
    ) -> pb.UpdateAccountResponse:
        """Change the fields that are set."""
        account_id, change = account_id_of(request), decode.account_change(request)
        zone = change.time_zone
        if zone is not None and not await self._run(self._accounts.knows_time_zone(zone)):
            raise fields.bad_time_zone(request, "time_zone", zone)
        outcome, account = await self._run(
            self._accounts.update_account(call.tenant_id, account_id, change)
        )
        response = pb.UpdateAccountResponse()
        encode.account(response.account, _known(request, outcome, account))
        return response

    async def add_grant(self, request: pb.AddGrantRequest, call: Call) -> pb.AddGrantResponse:
        """Give credits."""
        account, new = key_of(request, call), decode.new_grant(request)
        result = await self._run(self._accounts.add_grant(account, new))
        if result.outcome != Outcome.ACCEPTED or result.grant is None or result.balance is None:
            encode.refuse_named(
                result.outcome, account_id=request.account_id, grant_id=new.grant_id
            )
        response = pb.AddGrantResponse(replayed=result.replayed)
        encode.grant(response.grant, result.grant)
        encode.balance(response.balance, result.balance)
        return response

    async def confirm_grant(
        self, request: pb.ConfirmGrantRequest, call: Call
    ) -> pb.ConfirmGrantResponse:
        """Make an unpaid grant effective."""
        account = key_of(request, call)
        grant_id = fields.identifier(request, "grant_id", request.grant_id)
        result = await self._run(self._accounts.confirm_grant(account, grant_id))
        if result.outcome != Outcome.ACCEPTED or result.grant is None or result.balance is None:
            encode.refuse_named(result.outcome, account_id=request.account_id, grant_id=grant_id)
        response = pb.ConfirmGrantResponse(replayed=result.replayed)
        encode.grant(response.grant, result.grant)
        encode.balance(response.balance, result.balance)
        return response

    async def list_grants(self, request: pb.ListGrantsRequest, call: Call) -> pb.ListGrantsResponse:
        """Read a page of an account's grants, newest first."""
        account, size = key_of(request, call), page_size(request)
        after = self._lists.after(request, call, about=request.account_id)
        before_seq = int(after) if after else None
        found = await self._run(
            self._accounts.list_grants(account, before_seq=before_seq, limit=size + 1)
        )
        if found is None:
            refuse(Outcome.ACCOUNT_NOT_FOUND)
        response = pb.ListGrantsResponse()
        if last := encode.page(response.grants, found, size, encode.grant):
            about = request.account_id
            response.next_page_token = self._lists.token(request, call, str(last.seq), about=about)
        return response

    async def revoke_grant(
        self, request: pb.RevokeGrantRequest, call: Call
    ) -> pb.RevokeGrantResponse:
        """Take back what remains of a grant."""
        account = key_of(request, call)
        grant_id = fields.identifier(request, "grant_id", request.grant_id)
        result = await self._run(self._accounts.revoke_grant(account, grant_id))
        if result.outcome != Outcome.ACCEPTED or result.grant is None or result.balance is None:
            encode.refuse_named(result.outcome, account_id=request.account_id, grant_id=grant_id)
        response = pb.RevokeGrantResponse(revoked_micros=result.revoked_micros)
        encode.grant(response.grant, result.grant)
        encode.balance(response.balance, result.balance)
        return response

    async def refund(self, request: pb.RefundRequest, call: Call) -> pb.RefundResponse:
        """Give charged credits back."""
        account = key_of(request, call)
        refund_id = fields.identifier(request, "refund_id", request.refund_id)
        hold_id = fields.hold_name(request, "hold_id", request.hold_id)
        amount_micros = fields.amount(request, "amount_micros", request.amount_micros)
        result = await self._run(self._accounts.refund(account, refund_id, hold_id, amount_micros))
        if result.outcome != Outcome.ACCEPTED or result.hold is None or result.balance is None:
            encode.refuse_named(
                result.outcome, account_id=request.account_id, refund_id=refund_id, hold_id=hold_id
            )
        response = pb.RefundResponse(replayed=result.replayed, expired_micros=result.expired_micros)
        encode.hold(response.hold, result.hold, request.account_id)
        encode.balance(response.balance, result.balance)
        return response


def _known(
    request: pb.CreateAccountRequest | pb.UpdateAccountRequest,
    outcome: int,
    account: Account | None,
) -> Account:
    if outcome != Outcome.ACCEPTED or account is None:
        encode.refuse_named(outcome, account_id=request.account_id)
    return account
