"""Watched accounts on PostgreSQL: one statement for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from creditgate_server.domain.account_keys import AccountKey
from creditgate_server.domain.balances import Balance
from creditgate_server.domain.watches import Ending, Sight, Watched

from .events import EVENT_COLUMNS, read_event

if TYPE_CHECKING:
    from creditgate_server.domain.events import Event

    from .pool import Pool, Record

ENDINGS_MAX = 1_000
"""How many holds of one account are seen to end at once; the others are seen when these have."""

# What is due on an account is due no earlier than `due_at` says, so that its holds are only looked
# for when one of them may be about to end. The clock is read once: a call of it in a condition
# would keep that from the index.
_LOOK = f"""
WITH clock AS MATERIALIZED (SELECT creditgate.clock() AS now)
SELECT a.bucket, a.account_key, a.status, a.open_holds, a.event_count,
       a.settled_micros, a.held_micros, a.overdraft_limit_micros, a.version, clock.now,
       CASE WHEN a.due_at <= clock.now + w.warn THEN ARRAY(
           SELECT (h.hold_id, h.expires_at, h.held_micros) FROM creditgate.holds AS h
            WHERE h.bucket = a.bucket AND h.account_key = a.account_key AND h.state = 1
              AND h.expires_at <= clock.now + w.warn
            ORDER BY h.expires_at LIMIT {ENDINGS_MAX}) END
  FROM clock, unnest($1::smallint[], $2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[],
                     $6::interval[])
       AS w (bucket, account_key, version, open_holds, event_count, warn)
  JOIN creditgate.accounts AS a ON a.bucket = w.bucket AND a.account_key = w.account_key
 WHERE a.version <> w.version OR a.open_holds <> w.open_holds OR a.event_count <> w.event_count
    OR a.due_at <= clock.now + w.warn
"""  # noqa: S608 - the limit is ours

_EVENTS = f"""
SELECT {EVENT_COLUMNS} FROM creditgate.events
 WHERE bucket = $1 AND account_key = $2 AND event_no > $3
 ORDER BY event_no LIMIT $4
"""  # noqa: S608 - the columns are ours

# Versions grow with the numbers, so that this reads no more than the events since.
_LAST_BEFORE = """
SELECT event_no FROM creditgate.events
 WHERE bucket = $1 AND account_key = $2 AND version < $3
 ORDER BY event_no DESC LIMIT 1
"""


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
            [each.event_count for each in watched],
            [timedelta(seconds=each.warn_seconds) for each in watched],
        )
        rows = await self._pool.rows(_LOOK, *columns)
        return [_sight(row) for row in rows]

    async def events(self, account: AccountKey, *, after: int, limit: int) -> Sequence[Event]:
        """Read a page of an account's events, oldest first."""
        rows = await self._pool.rows(_EVENTS, *account, after, limit)
        return [read_event(row) for row in rows]

    async def last_event_before(self, account: AccountKey, version: int) -> int:
        """Find the last event of the versions before one."""
        number = await self._pool.value(_LAST_BEFORE, *account, version)
        return number or 0


def _sight(row: Record) -> Sight:
    endings = [Ending(*each) for each in row[10] or ()]
    account, balance = AccountKey(row[0], row[1]), Balance(*row[5:10])
    return Sight(account, row[2], row[3], row[4], balance, endings)
