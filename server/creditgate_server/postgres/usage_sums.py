"""The sums of what was consumed, kept beside the ledger on PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from creditgate_server.domain.account_keys import AccountKey
from creditgate_server.domain.figures import Unsummed

if TYPE_CHECKING:
    from .pool import Pool

_UNSUMMED = "SELECT * FROM creditgate.unsummed_accounts($1, $2, $3)"
_ROLL_UP = "SELECT creditgate.roll_up($1, $2, $3)"
_SUMMED = """
SELECT p.account_key FROM creditgate.usage_progress AS p
 WHERE p.bucket = $1 AND creditgate.emptied_version(p.bucket, p.account_key) = 0
 ORDER BY p.account_key
"""
_FORGET = """
UPDATE creditgate.usage_progress AS p SET version = 0, time_zone = ''
  FROM creditgate.accounts AS a
 WHERE p.bucket = $1 AND p.account_key = $2 AND a.bucket = $1 AND a.account_key = $2
RETURNING a.version
"""
_THROUGH = """
SELECT p.version FROM creditgate.usage_progress AS p WHERE p.bucket = $1 AND p.account_key = $2
"""


class PostgresUsageSums:
    """Sums that follow the ledger. Raises only `domain.errors`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def unsummed(self, bucket: int, *, least: int, first: int) -> Unsummed:
        """Find the accounts of a bucket that have `least` changes or more to be summed up.

        Nothing is summed up of an account before it has had `first` changes.
        """
        rows = await self._pool.rows(_UNSUMMED, bucket, least, first)
        keys, changes = rows[0]
        return Unsummed([AccountKey(bucket, key) for key in keys], changes)

    async def roll_up(self, account: AccountKey, *, limit: int) -> int:
        """Sum up about `limit` further entries of an account, in one transaction.

        Answers how many, or how many old sums had to be forgotten first; 0 where there are none,
        or another process is at it.
        """
        done: int = await self._pool.value(_ROLL_UP, *account, limit)
        return done

    async def summed(self, bucket: int) -> Sequence[AccountKey]:
        """List the accounts of a bucket that have sums which can be worked out again.

        Those cannot of which something has been taken out of the archive.
        """
        rows = await self._pool.rows(_SUMMED, bucket)
        keys: list[UUID] = [row[0] for row in rows]
        return [AccountKey(bucket, key) for key in keys]

    async def forget(self, account: AccountKey) -> int:
        """Let an account's sums be forgotten, so that they begin anew; answers its version."""
        version: int = await self._pool.value(_FORGET, *account)
        return version

    async def through(self, account: AccountKey) -> int:
        """Answer the version up to which an account is summed up."""
        version: int | None = await self._pool.value(_THROUGH, *account)
        return version or 0
