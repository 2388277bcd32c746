"""Finding accounts on PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from creditgate_server.domain.directory import Listing

from .accounts import ACCOUNT_COLUMNS, read_account

if TYPE_CHECKING:
    from uuid import UUID

    from .pool import Pool

# Ids are written in ASCII, so that what begins with a prefix comes before the prefix and a tilde.
_FIND = f"""
SELECT {ACCOUNT_COLUMNS} FROM creditgate.accounts
 WHERE tenant_id = $1 AND account_id COLLATE "C" > $3
   AND account_id COLLATE "C" >= $2 AND account_id COLLATE "C" < $2 || '~'
 ORDER BY account_id COLLATE "C" LIMIT $4
"""  # noqa: S608 - both parts are ours


class PostgresDirectory:
    """`domain.directory.Directory` on PostgreSQL."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def tenant_name(self, tenant_id: UUID) -> str:
        """Read a tenant's name."""
        sql = "SELECT name FROM creditgate.tenants WHERE tenant_id = $1"
        return await self._pool.value(sql, tenant_id) or ""

    async def find(self, tenant_id: UUID, *, prefix: str, after: str, limit: int) -> Listing:
        """Read a page of the accounts that begin with a prefix."""
        rows = await self._pool.rows(_FIND, tenant_id, prefix, after, limit + 1)
        accounts = [read_account(row, row["as_of"]) for row in rows[:limit]]
        return Listing(accounts, more=len(rows) > limit)
