"""The list of a tenant's accounts, with search."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from creditgate_server.domain.accounts import Account, AccountStatus

from .dependencies import Dependencies
from .entrance import HOME, Entrance
from .rendering import Rendering
from .views.amounts import amount
from .visitors import Visitors, harmless

PAGE_SIZE = 50
_TEXT_LENGTH_MAX = 128


class AccountList:
    """The page staff come in by."""

    def __init__(
        self, deps: Dependencies, visitors: Visitors, entrance: Entrance, rendering: Rendering
    ) -> None:
        self._deps, self._visitors = deps, visitors
        self._entrance, self._rendering = entrance, rendering

    async def show(self, request: Request) -> Response:
        """Show a page of the accounts whose ids begin as asked."""
        staff = await self._visitors.staff(request)
        prefix = harmless(request.query_params.get("prefix", "")).strip()[:_TEXT_LENGTH_MAX]
        after = harmless(request.query_params.get("after", ""))[:_TEXT_LENGTH_MAX]
        tenant_id = staff.holder.tenant_id
        found = await self._deps.directory.find(
            tenant_id, prefix=prefix, after=after, limit=PAGE_SIZE
        )
        last = found.accounts[-1].account_id if found.more else ""
        context = {
            "tenant": await self._deps.directory.tenant_name(tenant_id),
            "key_id": staff.holder.key_id,
            "form_token": self._visitors.sessions.form_token(staff.session),
            "prefix": prefix,
            "accounts": [_row(account) for account in found.accounts],
            "first": _url(prefix, "") if after else "",
            "following": _url(prefix, last) if last else "",
        }
        response = self._rendering.response("accounts.html", context)
        if seen := self._visitors.sessions.seen(staff.session):
            self._entrance.keep(response, seen)
        return response


def _row(account: Account) -> dict[str, Any]:
    balance = account.balance
    return {
        "id": account.account_id,
        "url": f"/account?{urlencode({'id': account.account_id})}",
        "status": AccountStatus(account.status).name.lower(),
        "plan": account.standing.plan_id or "",
        "available": amount(balance.available_micros),
        "held": amount(balance.held_micros),
    }


def _url(prefix: str, after: str) -> str:
    query = urlencode([(k, v) for k, v in (("prefix", prefix), ("after", after)) if v])
    return f"{HOME}?{query}" if query else HOME
