"""Mail for people: where it may go, and which server it is handed in at."""

from __future__ import annotations

import re
from typing import NamedTuple, Self
from urllib.parse import parse_qs, unquote, urlsplit

ADDRESS_LENGTH_MAX = 254
_LOCAL_LENGTH_MAX = 64
_PORTS = {"smtp": 25, "smtps": 465}

# Narrower than what mail allows: no quotes, comments, lists or anything but ASCII, so that an
# address is one address wherever it is written.
_is_address = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_{|}~-]+)*"
    r"@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
).fullmatch


def address_problem(address: str) -> str | None:
    """Answer what is wrong with an e-mail address, None when nothing is."""
    if len(address) > ADDRESS_LENGTH_MAX:
        return f"must have at most {ADDRESS_LENGTH_MAX} characters, got {len(address)}"
    if not _is_address(address) or len(address.rpartition("@")[0]) > _LOCAL_LENGTH_MAX:
        return "must be one e-mail address, for example billing@example.com"
    return None


class MailServer(NamedTuple):
    """Where mail is handed in, and how.

    `smtp://` is in the clear, with `?starttls` secured before anything is said; `smtps://` is
    secured from the start.
    """

    host: str
    port: int
    secure: bool
    start_tls: bool
    user: str | None
    password: str | None

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read a URL such as `smtp://user:password@mail.example.com:587?starttls`.

        Raises ValueError with what would be right.
        """
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ValueError("must be a URL that begins with smtp:// or smtps:// and names a host")
        asked = parse_qs(parts.query, keep_blank_values=True)
        if parts.path not in {"", "/"} or parts.fragment or asked.keys() - {"starttls"}:
            raise ValueError("must have nothing after the port but ?starttls")
        start_tls = "starttls" in asked
        secure = parts.scheme == "smtps"
        if secure and start_tls:
            raise ValueError("must have ?starttls only with smtp://")
        if parts.username and not (secure or start_tls):
            raise ValueError("must be smtps://, or have ?starttls, where there is a password")
        return cls(
            parts.hostname,
            parts.port or _PORTS[parts.scheme],
            secure,
            start_tls,
            unquote(parts.username) if parts.username else None,
            unquote(parts.password or "") if parts.username else None,
        )
