"""Tenants and their API keys on PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID, uuid4

from creditgate_server.domain.keys import KeyRecord, NewKey, Scope, digest_of, new_key

if TYPE_CHECKING:
    from .pool import Pool

REVOCATIONS = "creditgate_key_revoked"
"""The channel on which the id of a key is notified when it must no longer be believed."""


class Tenant(NamedTuple):
    """Who runs agents or gateways."""

    tenant_id: UUID
    name: str
    created_at: datetime


class KeySummary(NamedTuple):
    """What may be shown of a key."""

    key_id: str
    name: str
    scopes: Sequence[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


class PostgresKeys:
    """`domain.keys.Keys` on PostgreSQL, and the making and revoking of keys."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def find_key(self, key_id: str) -> KeyRecord | None:
        """Find a key by its public id, unless it has expired: the database's clock says so."""
        rows = await self._pool.rows(
            "SELECT key_id, tenant_id, digest, scopes, expires_at, revoked_at"
            "  FROM creditgate.api_keys"
            " WHERE key_id = $1 AND (expires_at IS NULL OR expires_at > creditgate.clock())",
            key_id,
        )
        if not rows:
            return None
        row = rows[0]
        return KeyRecord(
            row["key_id"],
            row["tenant_id"],
            row["digest"],
            frozenset(row["scopes"]),
            row["expires_at"],
            row["revoked_at"],
        )

    async def ensure_tenant(self, name: str) -> tuple[Tenant, bool]:
        """Make a tenant, or find the one of that name; True when it was made."""
        rows = await self._pool.rows(
            "INSERT INTO creditgate.tenants (tenant_id, name) VALUES ($1, $2)"
            " ON CONFLICT (name) DO NOTHING RETURNING tenant_id, name, created_at",
            uuid4(),
            name,
        )
        if rows:
            return Tenant(*rows[0]), True
        found = await self.find_tenant(name)
        assert found is not None, "tenants are never removed"
        return found, False

    async def find_tenant(self, name: str) -> Tenant | None:
        """Find a tenant by its name."""
        rows = await self._pool.rows(
            "SELECT tenant_id, name, created_at FROM creditgate.tenants WHERE name = $1", name
        )
        return Tenant(*rows[0]) if rows else None

    async def list_tenants(self) -> Sequence[Tenant]:
        """Read all tenants, by name."""
        rows = await self._pool.rows(
            "SELECT tenant_id, name, created_at FROM creditgate.tenants ORDER BY name"
        )
        return [Tenant(*row) for row in rows]

    async def create_key(
        self,
        tenant_id: UUID,
        *,
        pepper: str,
        scopes: Sequence[Scope],
        name: str = "",
        expires_at: datetime | None = None,
    ) -> NewKey:
        """Make a key; its text is in the answer and nowhere else."""
        key = new_key()
        await self._pool.rows(
            "INSERT INTO creditgate.api_keys (key_id, tenant_id, digest, scopes, name, expires_at)"
            " VALUES ($1, $2, $3, $4, $5, $6)",
            key.key_id,
            tenant_id,
            digest_of(key.text, pepper=pepper),
            [str(scope) for scope in scopes],
            name,
            expires_at,
        )
        return key

    async def list_keys(self, tenant_id: UUID) -> Sequence[KeySummary]:
        """Read a tenant's keys, oldest first."""
        rows = await self._pool.rows(
            "SELECT key_id, name, scopes, created_at, expires_at, revoked_at"
            "  FROM creditgate.api_keys WHERE tenant_id = $1 ORDER BY created_at, key_id",
            tenant_id,
        )
        return [KeySummary(*row) for row in rows]

    async def revoke_key(self, key_id: str) -> bool:
        """Revoke a key everywhere; False when there is none, or it was revoked before."""
        return await self._end(
            "UPDATE creditgate.api_keys SET revoked_at = creditgate.clock()"
            " WHERE key_id = $1 AND revoked_at IS NULL RETURNING pg_notify($2, key_id)",
            key_id,
        )

    async def expire_key(self, key_id: str, *, at: datetime) -> bool:
        """Let a key end at an instant, unless it ends before; False when there is no such key."""
        return await self._end(
            "UPDATE creditgate.api_keys SET expires_at = least(expires_at, $3)"
            " WHERE key_id = $1 AND revoked_at IS NULL RETURNING pg_notify($2, key_id)",
            key_id,
            at,
        )

    async def _end(self, sql: str, key_id: str, *values: datetime) -> bool:
        return bool(await self._pool.rows(sql, key_id, REVOCATIONS, *values))
