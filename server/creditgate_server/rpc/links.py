"""UsageService: links to the page of one account."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from creditgate.v1 import usage_service_pb2 as pb
from creditgate_server.domain.ledger import Accounts
from creditgate_server.domain.links import (
    LINK_SECONDS_DEFAULT,
    LINK_SECONDS_MAX,
    ORIGINS_MAX,
    Links,
    UsageLink,
    end_of,
    origin_problem,
)
from creditgate_server.domain.outcomes import Outcome

from . import fields
from .call import Call
from .detached import Detached
from .encode import moment
from .named_account import account_id_of
from .status import refuse


class LinkMaking:
    """Makes links for those who may read the account themselves."""

    def __init__(self, accounts: Accounts, links: Links, detached: Detached) -> None:
        self._accounts, self._links, self._run = accounts, links, detached.run

    async def create_usage_link(
        self, request: pb.CreateUsageLinkRequest, call: Call
    ) -> pb.CreateUsageLinkResponse:
        """Make a link to an account that is there."""
        account_id, lasts = account_id_of(request), _lasts(request)
        origins = tuple(_origins(request))
        account = await self._run(self._accounts.get_account(call.tenant_id, account_id))
        if account is None:
            refuse(Outcome.ACCOUNT_NOT_FOUND)
        expires_at = end_of(account.balance.as_of, lasts=lasts)
        link = UsageLink(call.tenant_id, account_id, call.key_id, expires_at, origins)
        token = self._links.token(link)
        response = pb.CreateUsageLinkResponse(url=self._links.url(token), token=token)
        moment(response.expires_at, expires_at)
        return response


def _lasts(request: pb.CreateUsageLinkRequest) -> timedelta:
    if not request.HasField("ttl"):
        return timedelta(seconds=LINK_SECONDS_DEFAULT)
    high = LINK_SECONDS_MAX * 1000
    milliseconds = fields.duration_ms(request, "ttl", request.ttl, low=1000, high=high)
    return timedelta(milliseconds=milliseconds)


def _origins(request: pb.CreateUsageLinkRequest) -> Iterator[str]:
    given = request.allowed_origins
    if len(given) > ORIGINS_MAX:
        problem = f"must have at most {ORIGINS_MAX}, got {len(given)}"
        raise fields.bad(request, "allowed_origins", problem)
    for place, origin in enumerate(given):
        if problem_of := origin_problem(origin):
            raise fields.bad(request, f"allowed_origins[{place}]", problem_of)
        yield origin
