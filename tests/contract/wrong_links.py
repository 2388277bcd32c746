"""Requests for links with one field wrong, and the name of that field."""

from __future__ import annotations

from typing import Any

from creditgate.v1 import usage_service_pb2 as usage
from tests.support.bad_links import BAD_LASTING, BAD_ORIGINS

ACME: dict[str, Any] = {"account_id": "acme"}
WRONG: list[tuple[Any, str]] = [
    (usage.CreateUsageLinkRequest(), "account_id"),
    (usage.CreateUsageLinkRequest(account_id="a b"), "account_id"),
    *[(usage.CreateUsageLinkRequest(**ACME, ttl=bad), "ttl") for bad in BAD_LASTING],
    *[
        (usage.CreateUsageLinkRequest(**ACME, allowed_origins=bad), field)
        for field, bad in BAD_ORIGINS
    ],
]
