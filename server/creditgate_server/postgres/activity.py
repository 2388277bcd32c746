"""Activity on PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from creditgate_server.domain.activity import (
    SCANNED_MAX,
    Activity,
    ActivityPage,
    Choice,
    Span,
)
from creditgate_server.domain.statements import Period, Place

from .archives import is_kept
from .rate_cards import read_line
from .statements import read_period

if TYPE_CHECKING:
    from creditgate_server.domain.account_keys import AccountKey
    from creditgate_server.domain.outcomes import Outcome

    from .pool import Pool, Record

PERIOD = """
SELECT CASE WHEN s.start IS NULL THEN coalesce(r.emptied_version, 0)
            ELSE creditgate.last_version_before(a.bucket, a.account_key, a.version, s.start) END,
       CASE WHEN $4::timestamptz IS NULL THEN a.version
            ELSE creditgate.last_version_before(a.bucket, a.account_key, a.version, $4) END,
       coalesce(least(s.start, $4) <= r.emptied_at, false)
  FROM creditgate.accounts AS a
  LEFT JOIN creditgate.archives AS r ON r.bucket = a.bucket AND r.account_key = a.account_key,
       LATERAL (SELECT coalesce($3::timestamptz, creditgate.clock() - $5::interval)) AS s (start)
 WHERE a.bucket = $1 AND a.account_key = $2
"""

# Entries are found by the primary key, holds by theirs, one by one and only until the page is full.
_PAGE = """
SELECT e.version, e.line, e.kind, e.amount_micros, e.settled_micros, e.created_at, e.hold_id,
       e.name, h.details, (h.rate).meter, h.used_quantity,
       creditgate.reported_model(h.details, h.rate, h.lines), h.lines, h.gateway_id IS NOT NULL
  FROM (SELECT n.* FROM creditgate.all_entries AS n
         WHERE n.bucket = $1 AND n.account_key = $2 AND n.version > $3 AND n.version <= $4
           AND (n.version, n.line) {beyond} ($5::bigint, $6::smallint)
         ORDER BY n.version {order}, n.line {order} LIMIT $7) AS e
  LEFT JOIN LATERAL (
       SELECT s.* FROM creditgate.all_holds AS s
        WHERE s.bucket = e.bucket AND s.account_key = e.account_key AND s.hold_id = e.hold_id
        LIMIT 1) AS h ON true
 WHERE ($9::smallint[] IS NULL OR e.kind = ANY ($9))
   AND ($10::text IS NULL OR (h.rate).meter = $10
        OR EXISTS (SELECT FROM unnest(h.lines) AS l WHERE (l.rate).meter = $10))
   AND ($11::text IS NULL OR creditgate.reported_model(h.details, h.rate, h.lines) = $11)
   AND ($12::jsonb IS NULL OR h.details @> $12)
   AND ($13::text IS NULL OR creditgate.work_type(
            coalesce(((h.lines[1]).rate).meter, (h.rate).meter), h.gateway_id IS NOT NULL) = $13)
 ORDER BY e.version {order}, e.line {order} LIMIT $8
"""
_SCANNED = """
SELECT n.version, n.line FROM creditgate.all_entries AS n
 WHERE n.bucket = $1 AND n.account_key = $2 AND n.version > $3 AND n.version <= $4
   AND (n.version, n.line) {beyond} ($5::bigint, $6::smallint)
 ORDER BY n.version {order}, n.line {order} OFFSET $7 - 1 LIMIT 1
"""
_NEWEST_FIRST = {"beyond": "<", "order": "DESC"}
_OLDEST_FIRST = {"beyond": ">", "order": "ASC"}
PAGES = {True: _PAGE.format(**_NEWEST_FIRST), False: _PAGE.format(**_OLDEST_FIRST)}
SCANS = {True: _SCANNED.format(**_NEWEST_FIRST), False: _SCANNED.format(**_OLDEST_FIRST)}


_LINES = Activity._fields.index("lines")


class PostgresActivities:
    """`domain.activity.Activities` on PostgreSQL."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def period(self, account: AccountKey, span: Span) -> Period | Outcome:
        """Find the versions of a range."""
        return read_period(await self._pool.rows(PERIOD, *account, *span))

    async def page(
        self,
        account: AccountKey,
        period: Period,
        choice: Choice,
        *,
        after: Place | None,
        newest_first: bool,
        limit: int,
    ) -> ActivityPage | None:
        """Read a page of a period's entries."""
        place = after or _before_the_first(period, newest_first=newest_first)
        scan = (*account, *period, *place, max(SCANNED_MAX, limit))
        rows = await self._pool.rows(PAGES[newest_first], *scan, limit, *choice)
        found = [_activity(row) for row in rows]
        # Entries never change and the period is fixed, so the same ones are counted again.
        full = len(found) >= limit
        scanned = [] if full else await self._pool.rows(SCANS[newest_first], *scan)
        if not await is_kept(self._pool, account, period):
            return None
        return ActivityPage(found, Place(*scanned[0]) if scanned else None)


def _before_the_first(period: Period, *, newest_first: bool) -> Place:
    """Answer a place that every entry of the period comes after; lines count from 1."""
    return Place((period.through_version if newest_first else period.after_version) + 1, 0)


def _activity(row: Record) -> Activity:
    found = Activity(*row)
    if found.lines is None:
        return found
    return found._replace(lines=[read_line(line) for line in row[_LINES]])
