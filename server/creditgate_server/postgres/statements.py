"""Statements on PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from creditgate_server.domain.outcomes import Outcome
from creditgate_server.domain.statements import Entry, Period, Place, Statement

from .archives import is_kept

if TYPE_CHECKING:
    from datetime import datetime

    from creditgate_server.domain.account_keys import AccountKey

    from .pool import Pool, Record

# The last versions before the period and in it: even after a clock that was set back, a period is a
# run of versions. Read backwards along the primary key, as far as the period lies in the past.
# Where the archive was emptied they end.
_PERIOD = """
SELECT coalesce((SELECT e.version FROM creditgate.all_entries AS e
                  WHERE e.bucket = a.bucket AND e.account_key = a.account_key
                    AND e.version > k.after_version AND e.created_at < $3
                  ORDER BY e.version DESC, e.line DESC LIMIT 1), k.after_version),
       coalesce((SELECT e.version FROM creditgate.all_entries AS e
                  WHERE e.bucket = a.bucket AND e.account_key = a.account_key
                    AND e.version > k.after_version
                    AND ($4::timestamptz IS NULL OR e.created_at < $4)
                  ORDER BY e.version DESC, e.line DESC LIMIT 1), k.after_version),
       coalesce(least($3, $4) <= r.emptied_at, false)
  FROM creditgate.accounts AS a
  LEFT JOIN creditgate.archives AS r ON r.bucket = a.bucket AND r.account_key = a.account_key,
       LATERAL (SELECT coalesce(r.emptied_version, 0) AS after_version) AS k
 WHERE a.bucket = $1 AND a.account_key = $2
"""

# The balance at a version is that of the last entry until then, or what is carried of those that
# are not kept.
_BALANCE = """
SELECT coalesce((SELECT e.settled_micros FROM creditgate.all_entries AS e
                  WHERE e.bucket = $1 AND e.account_key = $2 AND e.version <= $3
                    AND e.version > creditgate.emptied_version($1, $2)
                  ORDER BY e.version DESC, e.line DESC LIMIT 1),
                (SELECT r.emptied_settled_micros FROM creditgate.archives AS r
                  WHERE r.bucket = $1 AND r.account_key = $2), 0)
"""

_ENTRIES = """
SELECT e.version, e.line, e.kind, e.amount_micros, e.settled_micros, e.hold_id, e.name,
       e.created_at,
       ARRAY(SELECT (g.grant_id, u.micros)
               FROM unnest(e.grant_seqs, e.drawn_micros) WITH ORDINALITY AS u (seq, micros, place)
               JOIN creditgate.grants AS g
                 ON g.bucket = e.bucket AND g.account_key = e.account_key AND g.seq = u.seq
              ORDER BY u.place)
  FROM creditgate.all_entries AS e
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
    ) -> Period | Outcome:
        """Find the versions of a period."""
        return read_period(await self._pool.rows(_PERIOD, *account, start, until))

    async def statement(
        self, account: AccountKey, period: Period, *, after: Place | None, limit: int
    ) -> Statement | None:
        """Read a page of a period's entries, and its balances."""
        opening = await self._balance(account, period.after_version)
        closing = await self._balance(account, period.through_version)
        rows = await self._pool.rows(_ENTRIES, *account, *period, *(after or _FIRST), limit)
        if not await is_kept(self._pool, account, period):
            return None
        return Statement(opening, closing, [Entry(*row) for row in rows])

    async def _balance(self, account: AccountKey, version: int) -> int:
        return int(await self._pool.value(_BALANCE, *account, version))


def read_period(rows: Sequence[Record]) -> Period | Outcome:
    """Read the versions of a range, and whether it is about what is not kept any more."""
    if not rows:
        return Outcome.ACCOUNT_NOT_FOUND
    after_version, through_version, is_gone = rows[0]
    return Outcome.RANGE_ARCHIVED if is_gone else Period(after_version, through_version)
