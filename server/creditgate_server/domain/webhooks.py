"""Webhooks: where they may go, and how receivers know that they come from us.

Signed as Standard Webhooks says (`v1`: HMAC-SHA256 of id, time and body). The secret of an endpoint
is derived from the server's own secret, so that none is stored.
"""

from __future__ import annotations

import hmac
import re
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

URL_LENGTH_MAX = 2048
_SECRET_PREFIX = "whsec_"  # noqa: S105 - says what follows, and is no secret
_PORT_FIRST_FREE = 1024
_HTTPS_PORT = 443
_PORT_MAX = 65_535
_is_written = re.compile(r"[!-~]+").fullmatch
_is_host = re.compile(r"[A-Za-z0-9.-]{1,253}|[0-9A-Fa-f:.]+").fullmatch


def endpoint_secret(pepper: str, *, tenant_id: UUID, endpoint_id: str, generation: int) -> str:
    """Derive the secret of an endpoint; each generation has another."""
    about = f"creditgate webhook secret 1\0{tenant_id}\0{endpoint_id}\0{generation}"
    digest = hmac.digest(pepper.encode(), about.encode(), "sha256")
    return _SECRET_PREFIX + b64encode(digest).decode()


def signatures(
    secrets: Iterable[str], *, message_id: str, timestamp_seconds: int, body: bytes
) -> str:
    """Sign a message with each secret: what goes into the header `webhook-signature`."""
    signed = f"{message_id}.{timestamp_seconds}.".encode() + body
    return " ".join(f"v1,{_signature(secret, signed)}" for secret in secrets)


def url_problem(url: str, *, allow_private: bool) -> str | None:
    """Answer why webhooks cannot go to a URL, None when they can.

    Where private addresses are allowed, plain HTTP and any port are, too. What the host's name
    stands for is looked at whenever a webhook is sent.
    """
    if len(url) > URL_LENGTH_MAX:
        return f"must have at most {URL_LENGTH_MAX} characters, got {len(url)}"
    if not _is_written(url) or "\\" in url:
        return "must be written in ASCII without spaces and backslashes"
    if "#" in url:
        return "must not have a fragment"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "must be a URL, for example https://example.com/credits"
    return _parts_problem(parts, port, allow_private=allow_private)


def _parts_problem(parts: SplitResult, port: int | None, *, allow_private: bool) -> str | None:
    if parts.scheme != "https" and not (allow_private and parts.scheme == "http"):
        return "must begin with https://"
    if parts.username is not None or parts.password is not None:
        return "must not hold a user or a password: webhooks are signed instead"
    if not parts.hostname or not _is_host(parts.hostname):
        return "must name a host"
    low = 1 if allow_private else _PORT_FIRST_FREE
    if port is not None and port != _HTTPS_PORT and not low <= port <= _PORT_MAX:
        return f"must have the port {_HTTPS_PORT}, or one from {low} on, got {port}"
    return None


def _signature(secret: str, signed: bytes) -> str:
    key = b64decode(secret.removeprefix(_SECRET_PREFIX))
    return b64encode(hmac.digest(key, signed, "sha256")).decode()
