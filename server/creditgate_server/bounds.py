"""What a setting may be: each check answers what is wrong with a value, None when nothing is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from creditgate_server.domain.mail import MailServer, address_problem

_LISTEN = re.compile(r"(\[[0-9a-fA-F:.%]+\]|[^\s:\[\]]+):(\d{1,5})")
_PORT_MAX = 65_535
_PEPPER_LENGTH_MIN = 32


class Within(NamedTuple):
    """Bounds of a number, both inclusive."""

    low: float
    high: float

    def __call__(self, value: float) -> str | None:
        """Answer what is wrong with a value, None when nothing is."""
        if self.low <= value <= self.high:
            return None
        return f"must be {self.low} to {self.high}, got {value}"


class OneOf(NamedTuple):
    """The words a setting may be."""

    words: tuple[str, ...]

    def __call__(self, value: str) -> str | None:
        """Answer what is wrong with a value, None when nothing is."""
        if value in self.words:
            return None
        return f"must be one of {', '.join(self.words)}, got {value!r}"


def url(value: str) -> str | None:
    """Check a URL of PostgreSQL."""
    if value.startswith(("postgresql://", "postgres://")):
        return None
    return "must be a URL that begins with postgresql://"


def pepper(value: str) -> str | None:
    """Check that a secret is long enough to be one."""
    if len(value) >= _PEPPER_LENGTH_MIN:
        return None
    return f"must have at least {_PEPPER_LENGTH_MIN} characters"


def address(value: str) -> str | None:
    """Check a host and port."""
    match = _LISTEN.fullmatch(value)
    if match and int(match[2]) <= _PORT_MAX:
        return None
    return f"must be host:port, for example 127.0.0.1:50051, got {value!r}"


def address_or_empty(value: str) -> str | None:
    """Check a host and port that need not be."""
    return address(value) if value else None


def file(value: Path | None) -> str | None:
    """Check that a file is there."""
    return None if value is None or value.is_file() else f"there is no file {value}"


def smtp_or_empty(value: str) -> str | None:
    """Check a URL of a mail server that need not be."""
    try:
        if value:
            MailServer.parse(value)
    except ValueError as error:
        return str(error)
    return None


def mail_or_empty(value: str) -> str | None:
    """Check an e-mail address that need not be."""
    return address_problem(value) if value else None


def origin_or_empty(value: str) -> str | None:
    """Check a URL without path that need not be."""
    parts = urlsplit(value)
    if not value or (
        parts.netloc and value in {f"http://{parts.netloc}", f"https://{parts.netloc}"}
    ):
        return None
    return f"must be a URL without a path, for example https://credits.example.com, got {value!r}"
