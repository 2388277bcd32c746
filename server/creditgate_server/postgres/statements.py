"""Statements on PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from creditgate_server.domain.statements import Entry, Period, Place, Statement

if TYPE_CHECKING:
    from datetime import datetime

    from creditgate_server.domain.account_keys import AccountKey

    from .pool import Pool

# The last versions before the period and in it: even after a clock that was set back, a period is a
# run of versions. Read backwards along the primary key, as far as the period lies in the past.
_PERIOD = """
SELECT coalesce((SELECT e.version FROM creditgate.entries AS e
                  WHERE e.bucket = a.bucket AND e.account_key = a.account_key
                    AND e.created_at < $3
                  ORDER BY e.version DESC, e.line DESC LIMIT 1), 0),
       coalesce((SELECT e.version FROM creditgate.entries AS e
                  WHERE e.bucket = a.bucket AND e.account_key = a.account_key
                    AND ($4::timestamptz IS NULL OR e.created_at < $4)
                  ORDER BY e.version DESC, e.line DESC LIMIT 1), 0)
  FROM creditgate.accounts AS a
 WHERE a.bucket = $1 AND a.account_key = $2
"""

# The balance at a version is that of the last entry until then.
_BALANCE = """
SELECT e.settled_micros FROM creditgate.entries AS e
 WHERE e.bucket = $1 AND e.account_key = $2 AND e.version <= $3
 ORDER BY e.version DESC, e.line DESC LIMIT 1
"""

_ENTRIES = """
SELECT e.version, e.line, e.kind, e.amount_micros, e.settled_micros, e.hold_id, e.name,
       e.created_at,
       ARRAY(SELECT (g.grant_id, u.micros)
               FROM unnest(e.grant_seqs, e.drawn_micros) WITH ORDINALITY AS u (seq, micros, place)
               JOIN creditgate.grants AS g
                 ON g.bucket = e.bucket AND g.account_key = e.account_key AND g.seq = u.seq
              ORDER BY u.place)
  FROM creditgate.entries AS e
 WHERE e.bucket = $1 AND e.account_key = $2 AND e.version > $3 AND e.version <= $4
   AND (e.version, e.line) > ($5, $6)
 ORDER BY e.version, e.line LIMIT $7
"""

# Versions and lines count from 1.
_FIRST = Place(0, 0)


class PostgresStatements:
    """`domain.statements.Statements` on PostgreSQL."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def period(
        self, account: AccountKey, *, start: datetime | None, until: datetime | None
    ) -> Period | None:
        """Find the versions of a period."""
        rows = await self._pool.rows(_PERIOD, *account, start, until)
        return Period(*rows[0]) if rows else None

    async def statement(
        self, account: AccountKey, period: Period, *, after: Place | None, limit: int
    ) -> Statement:
        """Read a page of a period's entries, and its balances."""
        opening = await self._balance(account, period.after_version)
        closing = await self._balance(account, period.through_version)
        rows = await self._pool.rows(_ENTRIES, *account, *period, *(after or _FIRST), limit)
        return Statement(opening, closing, [Entry(*row) for row in rows])

    async def _balance(self, account: AccountKey, version: int) -> int:
        rows = await self._pool.rows(_BALANCE, *account, version)
        return rows[0][0] if rows else 0
