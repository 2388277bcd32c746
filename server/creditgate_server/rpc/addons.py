"""AccountService: packages that come again with every cycle."""

from __future__ import annotations

from creditgate.v1 import account_service_pb2 as pb
from creditgate_server.domain.outcomes import Outcome
from creditgate_server.domain.plans import Catalog

from . import decode_plans as decode
from . import encode, encode_plans, fields
from .call import Call
from .detached import Detached
from .lists import Lists, page_size
from .named_account import key_of
from .status import refuse


class Addons:
    """Books, cancels and lists the add-ons of accounts."""

    def __init__(self, catalog: Catalog, lists: Lists, detached: Detached) -> None:
        self._catalog = catalog
        self._lists = lists
        self._run = detached.run

    async def add_addon(self, request: pb.AddAddonRequest, call: Call) -> pb.AddAddonResponse:
        """Book a package."""
        account, new = key_of(request, call), decode.new_addon(request)
        result = await self._run(self._catalog.add_addon(account, new))
        if result.outcome != Outcome.ACCEPTED or result.addon is None or result.balance is None:
            encode.refuse_named(
                result.outcome, account_id=request.account_id, addon_id=new.addon_id
            )
        response = pb.AddAddonResponse(replayed=result.replayed)
        encode_plans.addon(response.addon, result.addon)
        encode.balance(response.balance, result.balance)
        return response

    async def cancel_addon(
        self, request: pb.CancelAddonRequest, call: Call
    ) -> pb.CancelAddonResponse:
        """Stop a package from coming again."""
        account = key_of(request, call)
        addon_id = fields.identifier(request, "addon_id", request.addon_id)
        result = await self._run(self._catalog.cancel_addon(account, addon_id))
        if result.outcome != Outcome.ACCEPTED or result.addon is None:
            encode.refuse_named(result.outcome, account_id=request.account_id, addon_id=addon_id)
        response = pb.CancelAddonResponse()
        encode_plans.addon(response.addon, result.addon)
        return response

    async def list_addons(self, request: pb.ListAddonsRequest, call: Call) -> pb.ListAddonsResponse:
        """Read a page of an account's add-ons, in the order of their ids."""
        account, size = key_of(request, call), page_size(request)
        about = request.account_id
        after = self._lists.after(request, call, about=about)
        found = await self._run(self._catalog.list_addons(account, after=after, limit=size + 1))
        if found is None:
            refuse(Outcome.ACCOUNT_NOT_FOUND)
        response = pb.ListAddonsResponse()
        if last := encode.page(response.addons, found, size, encode_plans.addon):
            response.next_page_token = self._lists.token(request, call, last.addon_id, about=about)
        return response
