"""Watched accounts on PostgreSQL: one statement for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from creditgate_server.domain.accounts import AccountKey
from creditgate_server.domain.outcomes import Balance
from creditgate_server.domain.watches import Ending, Sight, Watched

from .errors import executing

if TYPE_CHECKING:
    from .pool import Pool, Record

ENDINGS_MAX = 1_000
"""How many holds of one account are seen to end at once; the others are seen when these have."""

# What is due on an account is due no earlier than `due_at` says, so that its holds are only looked
# for when one of them may be about to end. The clock is read once: a call of it in a condition
# would keep that from the index.
_LOOK = f"""
WITH clock AS MATERIALIZED (SELECT creditgate.clock() AS now)
SELECT a.bucket, a.account_key, a.status, a.open_holds,
       a.settled_micros, a.held_micros, a.overdraft_limit_micros, a.version, clock.now,
       CASE WHEN a.due_at <= clock.now + w.warn THEN ARRAY(
           SELECT (h.hold_id, h.expires_at, h.held_micros) FROM creditgate.holds AS h
            WHERE h.bucket = a.bucket AND h.account_key = a.account_key AND h.state = 1
              AND h.expires_at <= clock.now + w.warn
            ORDER BY h.expires_at LIMIT {ENDINGS_MAX}) END
  FROM clock, unnest($1::smallint[], $2::uuid[], $3::bigint[], $4::bigint[], $5::interval[])
       AS w (bucket, account_key, version, open_holds, warn)
  JOIN creditgate.accounts AS a ON a.bucket = w.bucket AND a.account_key = w.account_key
 WHERE a.version <> w.version OR a.open_holds <> w.open_holds OR a.due_at <= clock.now + w.warn
"""  # noqa: S608 - the limit is ours


class PostgresWatches:
    """`domain.watches.Watches` on PostgreSQL."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def look(self, watched: Sequence[Watched]) -> Sequence[Sight]:
        """Look at accounts in one statement."""
        columns = (
            [each.account.bucket for each in watched],
            [each.account.account_key for each in watched],
            [each.version for each in watched],
            [each.open_holds for each in watched],
            [timedelta(seconds=each.warn_seconds) for each in watched],
        )
        async with self._pool.connection() as connection:
            with executing():
                rows = await connection.fetch(_LOOK, *columns)
        return [_sight(row) for row in rows]


def _sight(row: Record) -> Sight:
    endings = [Ending(*each) for each in row[9] or ()]
    return Sight(AccountKey(row[0], row[1]), row[2], row[3], Balance(*row[4:9]), endings)
