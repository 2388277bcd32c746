"""API keys: their form, their scopes and how they are kept.

A key reads `cg_<key id: 12>_<secret: 43><checksum: 6>`, all in base 62. The id is public and finds
the record; the secret has 256 bits; the checksum, CRC-32 of all before it, finds typing errors
without asking the database.
"""

from __future__ import annotations

import hmac
import re
import secrets
import string
import zlib
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID


_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_KEY_ID_LENGTH = 12
_SECRET_LENGTH = 43
_CHECKSUM_LENGTH = 6
_KEY = re.compile(r"(cg_([0-9A-Za-z]{12})_[0-9A-Za-z]{43})([0-9A-Za-z]{6})")


class Scope(StrEnum):
    """What a key may do."""

    AUTHORIZE = "authorize"
    READ = "read"
    ADMIN = "admin"


class KeyRecord(NamedTuple):
    """A stored key.

    `digest` is HMAC-SHA256 of the whole key under the server's pepper, never the key itself.
    """

    key_id: str
    tenant_id: UUID
    digest: bytes
    scopes: frozenset[str]
    expires_at: datetime | None
    revoked_at: datetime | None


class Keys(Protocol):
    """Where keys are looked up. Raises `domain.errors`."""

    async def find_key(self, key_id: str) -> KeyRecord | None:
        """Find a key by its public id."""
        ...


class NewKey(NamedTuple):
    """A key just made: `text` is shown to its owner once and kept nowhere."""

    key_id: str
    text: str


def new_key() -> NewKey:
    """Make a key from the operating system's randomness."""
    key_id = _random(_KEY_ID_LENGTH)
    body = f"cg_{key_id}_{_random(_SECRET_LENGTH)}"
    return NewKey(key_id, body + _checksum(body))


def key_id_of(text: str) -> str | None:
    """Answer the public id of a key; None when the text cannot be a key, typing errors included."""
    match = _KEY.fullmatch(text)
    if match is None or _checksum(match[1]) != match[3]:
        return None
    return match[2]


def digest_of(text: str, *, pepper: str) -> bytes:
    """Digest a whole key the way it is stored: HMAC-SHA256 under the pepper, 32 bytes."""
    return hmac.digest(pepper.encode(), text.encode(), "sha256")


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _checksum(body: str) -> str:
    number = zlib.crc32(body.encode())
    digits = ""
    for _ in range(_CHECKSUM_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits
