"""Statements on PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from creditgate_server.domain.statements import Entry, Statement

from .errors import executing

if TYPE_CHECKING:
    from datetime import datetime

    from creditgate_server.domain.accounts import AccountKey

    from .pool import Pool

# The balance before an instant is that of the last entry before it: versions and times agree.
_BALANCES = """
SELECT (SELECT e.settled_micros FROM creditgate.entries AS e
         WHERE e.bucket = a.bucket AND e.account_key = a.account_key AND e.created_at < $3
         ORDER BY e.version DESC, e.line DESC LIMIT 1),
       (SELECT e.settled_micros FROM creditgate.entries AS e
         WHERE e.bucket = a.bucket AND e.account_key = a.account_key
           AND ($4::timestamptz IS NULL OR e.created_at < $4)
         ORDER BY e.version DESC, e.line DESC LIMIT 1)
  FROM creditgate.accounts AS a
 WHERE a.bucket = $1 AND a.account_key = $2
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
 WHERE e.bucket = $1 AND e.account_key = $2
   AND ($3::timestamptz IS NULL OR e.created_at >= $3)
   AND ($4::timestamptz IS NULL OR e.created_at < $4)
   AND (e.version, e.line) > ($5, $6)
 ORDER BY e.version, e.line LIMIT $7
"""


class PostgresStatements:
    """`domain.statements.Statements` on PostgreSQL."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def statement(
        self,
        account: AccountKey,
        *,
        start: datetime | None,
        until: datetime | None,
        after: tuple[int, int],
        limit: int,
    ) -> Statement | None:
        """Read a page of a period's entries, in one snapshot with its balances."""
        async with self._pool.connection() as connection:
            with executing():
                async with connection.transaction(isolation="repeatable_read", readonly=True):
                    balances = await connection.fetchrow(_BALANCES, *account, start, until)
                    rows = await connection.fetch(_ENTRIES, *account, start, until, *after, limit)
        if balances is None:
            return None
        opening, closing = (value or 0 for value in balances)
        return Statement(opening, closing, [Entry(*row) for row in rows])
