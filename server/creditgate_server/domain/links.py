"""Links that show one account's usage to whoever has them, until they expire.

A link is signed, not stored: it says by itself which account it shows, until when, where the page
may be embedded, and which key it was made with. It ends with that key.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from urllib.parse import urlsplit
from uuid import UUID

from .seals import Seal

LINK_SECONDS_DEFAULT = 3_600
LINK_SECONDS_MAX = 30 * 86_400
ORIGINS_MAX = 8
ORIGIN_LENGTH_MAX = 200
_TOKEN_LENGTH_MAX = 4_096
_PORT_MAX = 65_535
_is_host = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*"
).fullmatch
_LOCAL = frozenset({"localhost", "127.0.0.1"})


class UsageLink(NamedTuple):
    """What a link shows, until when, who made it, and the origins that may embed its page."""

    tenant_id: UUID
    account_id: str
    key_id: str
    expires_at: datetime
    origins: tuple[str, ...] = ()


class Links:
    """Makes and opens the tokens of links. `base_url` is where the dashboard is reached."""

    def __init__(self, secret: str, *, base_url: str) -> None:
        self._seal = Seal(secret, purpose="creditgate usage links 1", length_max=_TOKEN_LENGTH_MAX)
        self._base_url = base_url.rstrip("/")

    def token(self, link: UsageLink) -> str:
        """Make the token of a link, whose `expires_at` is a whole second."""
        seconds = int(link.expires_at.timestamp())
        head = [link.tenant_id.hex, link.account_id, link.key_id, seconds]
        written = json.dumps([*head, *link.origins], separators=(",", ":"))
        return self._seal.make(written.encode())

    def url(self, token: str) -> str:
        """Answer where a token opens the page."""
        return f"{self._base_url}/u/{token}"

    def open(self, token: str) -> UsageLink:
        """Answer what a token's link shows, expired or not. Raises `BadTokenError`."""
        tenant, account_id, key_id, seconds, *origins = json.loads(self._seal.open(token))
        expires_at = datetime.fromtimestamp(seconds, UTC)
        return UsageLink(UUID(tenant), account_id, key_id, expires_at, tuple(origins))


def end_of(now: datetime, *, lasts: timedelta) -> datetime:
    """Answer when a link ends that lasts so long from now: on a whole second, no earlier."""
    end = now + lasts
    return end if not end.microsecond else end.replace(microsecond=0) + timedelta(seconds=1)


def origin_problem(origin: str) -> str | None:
    """Answer why a page cannot be embedded in an origin, None when it can.

    An origin is `https://` and a host in small letters, and a port where it is not 443; on the
    developer's own machine (`localhost`, `127.0.0.1`) it may be `http://`.
    """
    if len(origin) > ORIGIN_LENGTH_MAX:
        return f"must have at most {ORIGIN_LENGTH_MAX} characters, got {len(origin)}"
    try:
        parts = urlsplit(origin)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port, parts = "", None, urlsplit("")
    if parts.scheme != "https" and not (parts.scheme == "http" and host in _LOCAL):
        return "must begin with https://"
    named = host if port is None else f"{host}:{port}"
    if not _is_host(host) or origin != f"{parts.scheme}://{named}" or not _fits(port):
        return "must be a scheme, a host and no more, for example https://shop.example.com"
    return None


def _fits(port: int | None) -> bool:
    return port is None or 0 < port <= _PORT_MAX
