"""The request for a link, and how its answer is read."""

from __future__ import annotations

from collections.abc import Sequence

from creditgate._messages.convert import duration, instant
from creditgate._messages.work import Call
from creditgate._types.link import UsageLink
from creditgate.v1 import usage_service_pb2 as messages


def create_usage_link(
    account_id: str, *, ttl_seconds: float, allowed_origins: Sequence[str]
) -> Call[UsageLink]:
    request = messages.CreateUsageLinkRequest(
        account_id=account_id, ttl=duration(ttl_seconds), allowed_origins=allowed_origins
    )
    return Call("CreateUsageLink", request, _read_link, writes=False)


def _read_link(answer: messages.CreateUsageLinkResponse) -> UsageLink:
    expires_at = instant(answer.expires_at)
    return UsageLink(url=answer.url, token=answer.token, expires_at=expires_at)
