"""API keys: their form, their scopes and how they are kept."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID


class Scope(StrEnum):
    """What a key may do."""

    AUTHORIZE = "authorize"
    READ = "read"
    ADMIN = "admin"


class KeyRecord(NamedTuple):
    """A stored key: `digest` is HMAC-SHA256 of the whole key under the server's pepper, never the key itself."""

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
