"""Usage on PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from creditgate_server.domain.activity import Span
from creditgate_server.domain.errors import RangeArchivedError, RangeTooLongError
from creditgate_server.domain.usage import (
    HOURS_BY_NAME_DAYS_MAX,
    Distribution,
    Grouping,
    UsageMeasure,
    UsagePage,
    UsageQuestion,
    UsageRow,
)

if TYPE_CHECKING:
    from creditgate_server.domain.account_keys import AccountKey

    from .pool import Pool

# What further pages are asked until is the time of the last entry: whoever writes waits for the
# account, so what is written later is dated later. These rows have no bound but the one asked for.
ROWS = """
WITH asked AS MATERIALIZED (
    SELECT a.bucket, a.account_key, a.time_zone, s.start, s.until,
           least(s.until, coalesce(last.at + interval '1 microsecond', s.at)) AS fixed_until,
           coalesce($6::text = 'hour' AND $11::smallint IS NOT NULL
                    AND least(s.until, s.at) - greatest(s.start, a.created_at)
                        > $20 * interval '24 hours', false) AS too_long
      FROM (SELECT now.at, coalesce($3::timestamptz, now.at - $5::interval) AS start,
                   $4::timestamptz AS until
              FROM (SELECT creditgate.clock() AS at OFFSET 0) AS now) AS s,
           creditgate.accounts AS a
      LEFT JOIN LATERAL (
           SELECT e.created_at AS at FROM creditgate.all_entries AS e
            WHERE e.bucket = a.bucket AND e.account_key = a.account_key
            ORDER BY e.version DESC LIMIT 1) AS last ON true
     WHERE a.bucket = $1 AND a.account_key = $2
), folded AS (
    SELECT u.slot, CASE WHEN $7 THEN u.type ELSE '' END AS type,
           CASE WHEN $8 THEN u.meter ELSE '' END AS meter,
           CASE WHEN $9 THEN u.model ELSE '' END AS model,
           CASE WHEN $10 THEN u.value ELSE '' END AS value,
           sum(u.amount_micros) AS amount, sum(u.quantity) AS quantity, sum(u.holds) AS holds,
           coalesce(sum(u.amount_micros) FILTER (WHERE u.kind = 3), 0) AS refunded
      FROM asked AS a, creditgate.usage_rows(
               a.bucket, a.account_key, a.start, a.until, $11, $12,
               p_days => $6 IS DISTINCT FROM 'hour',
               p_totals => $6 IS NULL,
               p_words => $7 OR $8 OR $9 OR coalesce($13, $14, $15) IS NOT NULL) AS u
     WHERE NOT a.too_long AND u.kind IN (2, 3) AND ($13::text IS NULL OR u.type = $13)
       AND ($14::text IS NULL OR u.meter = $14) AND ($15::text IS NULL OR u.model = $15)
       AND ($16::text IS NULL OR u.value = $16)
     GROUP BY 1, 2, 3, 4, 5
), summed AS (
    -- Of the rows of one time this asks the calendar once.
    SELECT date_trunc($6, f.slot, a.time_zone) AS stretch,
           date_trunc($6, f.slot AT TIME ZONE a.time_zone) AS shown, min(f.slot) AS first,
           f.type, f.meter, f.model, f.value,
           creditgate.bounded(-sum(f.amount)) AS consumed,
           creditgate.bounded(sum(f.refunded)) AS refunded,
           creditgate.bounded(sum(f.quantity)) AS quantity, sum(f.holds)::bigint AS holds
      FROM asked AS a, folded AS f
     GROUP BY 1, 2, 4, 5, 6, 7
), begun AS (
    SELECT s.*, min(s.first) OVER (PARTITION BY s.stretch, s.shown) AS begun FROM summed AS s
), page AS (
    SELECT b.* FROM begun AS b
     WHERE b.consumed <> 0 OR b.refunded <> 0 OR b.quantity <> 0 OR b.holds <> 0
     ORDER BY CASE WHEN $17 THEN b.consumed END DESC, b.begun, b.type COLLATE "C",
              b.meter COLLATE "C", b.model COLLATE "C", b.value COLLATE "C"
    OFFSET $18 LIMIT $19
), placed AS (
    -- Only the page is numbered: all rows would have to be sorted for it.
    SELECT p.*, $18 + row_number() OVER (
               ORDER BY CASE WHEN $17 THEN p.consumed END DESC, p.begun, p.type COLLATE "C",
                        p.meter COLLATE "C", p.model COLLATE "C", p.value COLLATE "C") AS place
      FROM page AS p
)
SELECT a.start, a.fixed_until, a.too_long, p.place,
       creditgate.stretch_start($6, p.begun, a.time_zone), p.type, p.meter, p.model,
       p.value, p.consumed, p.refunded, p.quantity, p.holds
  FROM asked AS a LEFT JOIN placed AS p ON true ORDER BY p.place
"""

_MEASURED = """
WITH asked AS (
    SELECT a.bucket, a.account_key, now.at,
           coalesce($3::timestamptz, now.at - $5::interval, '-infinity') AS start,
           coalesce($4::timestamptz, 'infinity') AS until,
           coalesce(least($3, now.at - $5::interval, $4) <= r.emptied_at, false) AS lost
      FROM (SELECT creditgate.clock() AS at OFFSET 0) AS now, creditgate.accounts AS a
      LEFT JOIN creditgate.archives AS r ON r.bucket = a.bucket AND r.account_key = a.account_key
     WHERE a.bucket = $1 AND a.account_key = $2
), found AS (
    {values}
), counted AS (
    SELECT width_bucket(f.value, $6::bigint[]) AS bin, count(*) AS count FROM found AS f GROUP BY 1
)
SELECT {lost}, s.count, s.maximum, s.p50, s.p90,
       ARRAY(SELECT c.bin FROM counted AS c ORDER BY c.bin),
       ARRAY(SELECT c.count FROM counted AS c ORDER BY c.bin)
  FROM asked, (
       SELECT count(*), coalesce(max(f.value), 0) AS maximum,
              coalesce(percentile_disc(0.5) WITHIN GROUP (ORDER BY f.value), 0) AS p50,
              coalesce(percentile_disc(0.9) WITHIN GROUP (ORDER BY f.value), 0) AS p90
         FROM found AS f) AS s
"""
# A session that time has ended lasted until then, one that runs until what was last heard of it.
_SESSIONS = """
    SELECT {value} AS value FROM asked AS a JOIN creditgate.conversations AS c
        ON c.bucket = a.bucket AND c.account_key = a.account_key
       AND c.started_at >= a.start AND c.started_at < a.until
"""
_SECONDS = """
    floor(extract(epoch FROM coalesce(
        c.ended_at, CASE WHEN c.ends_at <= a.at THEN c.ends_at ELSE c.last_activity_at END
    ) - c.started_at))::bigint
"""
_CALLS = """
    SELECT h.used_quantity AS value FROM asked AS a JOIN creditgate.all_holds AS h
        ON h.bucket = a.bucket AND h.account_key = a.account_key AND h.gateway_key IS NOT NULL
       AND h.created_at >= a.start AND h.created_at < a.until AND h.charged_micros > 0
"""
_WORDS = (Grouping.TYPE, Grouping.METER, Grouping.MODEL)
# Where the parts of a row lie.
_SPAN, _TOO_LONG, _PLACE, _ROW = slice(2), 2, 3, slice(4, None)
DISTRIBUTIONS = {
    UsageMeasure.SESSION_SECONDS: _MEASURED.format(
        lost="false", values=_SESSIONS.format(value=_SECONDS)
    ),
    UsageMeasure.SESSION_MESSAGES: _MEASURED.format(
        lost="false", values=_SESSIONS.format(value="c.messages")
    ),
    UsageMeasure.CALL_SECONDS: _MEASURED.format(lost="asked.lost", values=_CALLS),
}


class PostgresUsages:
    """`domain.usage.Usages` on PostgreSQL."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def rows(
        self, account: AccountKey, question: UsageQuestion, *, offset: int, limit: int
    ) -> UsagePage | None:
        """Sum up what the ledger has, in one statement."""
        by, naming = question.by, question.naming
        found = await self._pool.rows(
            ROWS,
            *account,
            *question.span,
            question.unit.name.lower() if question.unit else None,
            *(each in by for each in _WORDS),
            naming is not None and naming.grouping in by,
            naming.grouping if naming else None,
            naming.key if naming else "",
            *question.choice,
            question.dearest_first,
            offset,
            limit,
            HOURS_BY_NAME_DAYS_MAX,
        )
        if not found:
            return None
        if found[0][_TOO_LONG]:
            raise RangeTooLongError
        span = Span(*found[0][_SPAN])
        return UsagePage([UsageRow(*row[_ROW]) for row in found if row[_PLACE] is not None], span)

    async def distribution(
        self, account: AccountKey, measure: UsageMeasure, span: Span, *, bounds: Sequence[int]
    ) -> Distribution | None:
        """Measure sessions or calls as they stand, in one statement."""
        found = await self._pool.rows(DISTRIBUTIONS[measure], *account, *span, bounds)
        if not found:
            return None
        lost, *figures, bins, counted = found[0]
        if lost:
            raise RangeArchivedError
        counts = dict(zip(bins, counted, strict=True))
        return Distribution([counts.get(at, 0) for at in range(len(bounds) + 1)], *figures)
