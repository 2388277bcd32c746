"""Who comes: with a session, with a link, or with neither."""

from __future__ import annotations

from typing import NamedTuple

from starlette.requests import Request

from creditgate_server.domain.accounts import Account
from creditgate_server.domain.links import UsageLink
from creditgate_server.domain.seals import BadTokenError

from .dependencies import Dependencies, Rules
from .keyholders import Keyholder, Keyholders
from .problems import BAD_LINK, ENDED_LINK, NO_ACCOUNT, NO_SESSION, RefusedError
from .security import embeddable
from .sessions import Session, Sessions
from .visits import Visit

_VALUE_LENGTH_MAX = 256
_ACCOUNT_ID_LENGTH_MAX = 128


class Staff(NamedTuple):
    """Somebody of a tenant, logged in."""

    session: Session
    holder: Keyholder


class Visitors:
    """Finds out who sent a request, and what they may see."""

    def __init__(self, deps: Dependencies, rules: Rules) -> None:
        self._deps = deps
        # Over TLS the name keeps other hosts of the same domain from setting it.
        self.cookie_name = "__Host-creditgate" if rules.is_secure else "creditgate"
        self.sessions = Sessions(
            deps.pepper,
            idle_seconds=rules.session_idle_seconds,
            max_seconds=rules.session_max_seconds,
            clock=deps.clock,
        )
        self.keyholders = Keyholders(
            deps.keys, pepper=deps.pepper, ttl_seconds=rules.key_cache_seconds, clock=deps.clock
        )

    async def staff(self, request: Request) -> Staff:
        """Answer who is logged in. Raises `RefusedError` NO_SESSION, and `domain.errors`."""
        session = self.sessions.open(request.cookies.get(self.cookie_name, ""))
        holder = await self.keyholders.holding(session.key_id) if session else None
        if session is None or holder is None or holder.tenant_id != session.tenant_id:
            raise RefusedError(NO_SESSION)
        return Staff(session, holder)

    async def visit(self, request: Request) -> Visit:
        """Answer which account is looked at. Raises `RefusedError`, and `domain.errors`."""
        if "token" in request.path_params:
            return await self._by_link(request, str(request.path_params["token"]))
        staff = await self.staff(request)
        account_id = request.query_params.get("id", "")
        if not 0 < len(account_id) <= _ACCOUNT_ID_LENGTH_MAX:
            raise RefusedError(NO_ACCOUNT)
        account = await self._deps.accounts.get_account(staff.holder.tenant_id, account_id)
        if account is None:
            raise RefusedError(NO_ACCOUNT)
        return Visit(
            tenant_id=staff.holder.tenant_id,
            account=account,
            is_staff=True,
            base="/account",
            fields=(("id", account_id),),
            query=_query(request),
        )

    async def _by_link(self, request: Request, token: str) -> Visit:
        try:
            link = self._deps.links.open(token)
        except BadTokenError:
            raise RefusedError(BAD_LINK) from None
        embeddable(request, link.origins)
        return Visit(
            tenant_id=link.tenant_id,
            account=await self._shown(link),
            is_staff=False,
            base=f"/u/{token}",
            fields=(),
            query=_query(request),
        )

    async def _shown(self, link: UsageLink) -> Account:
        """Read the account of a link that still works."""
        holder = await self.keyholders.holding(link.key_id)
        account = await self._deps.accounts.get_account(link.tenant_id, link.account_id)
        if account is None or holder is None or holder.tenant_id != link.tenant_id:
            raise RefusedError(ENDED_LINK)
        if account.balance.as_of >= link.expires_at:
            raise RefusedError(ENDED_LINK)
        return account


def _query(request: Request) -> dict[str, str]:
    asked = request.query_params.items()
    return {name: harmless(value)[:_VALUE_LENGTH_MAX] for name, value in asked if name != "id"}


def harmless(text: str) -> str:
    """Answer a text without what PostgreSQL cannot take."""
    return text.replace("\0", "")
