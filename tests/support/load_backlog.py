"""Accounts with a backlog of holds that have expired, made at once and by the owner."""

from __future__ import annotations

from uuid import UUID

from tests.support.database import Database
from tests.support.postgres_faults import superuser

_HOLDS = """
INSERT INTO creditgate.holds (
    bucket, account_key, hold_id, state, decision, asked_micros, reserved_micros, granted_micros,
    held_micros, used_micros, charged_micros, uncollected_micros, fingerprint, created_at,
    expires_at)
SELECT a.bucket, a.account_key, a.account_id || '-old-' || n, 1, 1, $3::bigint, $3, $3, $3, 0, 0, 0,
       '\\x00', clock_timestamp() - interval '2 minutes',
       clock_timestamp() - interval '1 minute' + n * interval '1 microsecond'
  FROM creditgate.accounts AS a, generate_series(1, $2::bigint) AS n
 WHERE a.tenant_id = $4 AND a.account_id = ANY ($1)
"""

_SUMS = """
UPDATE creditgate.accounts AS a
   SET held_micros = held_micros + $2::bigint * $3::bigint, open_holds = open_holds + $2,
       version = version + $2,
       due_at = (SELECT min(h.expires_at) FROM creditgate.holds AS h
                  WHERE h.bucket = a.bucket AND h.account_key = a.account_key AND h.state = 1)
 WHERE a.tenant_id = $4 AND a.account_id = ANY ($1)
"""


async def add_expired_holds(
    database: Database, tenant_id: UUID, account_ids: list[str], *, each: int, micros: int
) -> None:
    """Gives each account so many open holds whose time was over a minute ago."""
    async with superuser(database) as connection, connection.transaction():
        for statement in (_HOLDS, _SUMS):
            await connection.execute(statement, account_ids, each, micros, tenant_id, timeout=300)
