"""Summaries on PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from creditgate_server.domain.balances import Balance
from creditgate_server.domain.forecasts import OpenCalls
from creditgate_server.domain.reckoning import SessionSums, SummaryFacts, summarize
from creditgate_server.domain.summaries import (
    CreditSource,
    DayUsage,
    PeriodKind,
    Summary,
    SummaryPeriod,
)

if TYPE_CHECKING:
    from creditgate_server.domain.account_keys import AccountKey
    from creditgate_server.domain.activity import Span

    from .pool import Pool, Record

# One statement, so that all of it is of one instant. Weeks are counted in hours: summer time does
# not make one longer. A call that speaks of several meters costs what its first one does.
SUMMARY = """
WITH p AS MATERIALIZED (
    SELECT a.*, n.now, d.*
      FROM (SELECT creditgate.clock() AS now) AS n
     CROSS JOIN creditgate.accounts AS a
     CROSS JOIN creditgate.summary_period(a, n.now, $3, $4, $5, $6) AS d
     WHERE a.bucket = $1 AND a.account_key = $2
)
SELECT p.account_id, p.created_at, p.settled_micros, p.held_micros, p.overdraft_limit_micros,
       p.version, p.now, p.open_holds,
       p.kind, p.starts_at, p.ends_at, p.time_zone, p.days_left, p.first_day, p.last_day,
       ARRAY(SELECT ((u.slot AT TIME ZONE p.time_zone)::date, -sum(u.amount_micros), sum(u.holds))
               FROM creditgate.usage_rows(
                        p.bucket, p.account_key, p.summed_since, p.until, NULL, NULL, true) AS u
              WHERE u.kind IN (2, 3)
              GROUP BY (u.slot AT TIME ZONE p.time_zone)::date) AS used,
       (SELECT coalesce(-sum(u.amount_micros), 0)
          FROM creditgate.usage_rows(
                   p.bucket, p.account_key, p.now - interval '168 hours', NULL, NULL, NULL,
                   true) AS u
         WHERE u.kind IN (2, 3)) AS recent_micros,
       (SELECT coalesce(-sum(u.amount_micros), 0)
          FROM creditgate.usage_rows(
                   p.bucket, p.account_key, p.now - interval '336 hours',
                   p.now - interval '168 hours', NULL, NULL, true) AS u
         WHERE u.kind IN (2, 3)) AS before_micros,
       ARRAY(SELECT (g.kind,
                     coalesce(sum(g.amount_micros) FILTER (
                         WHERE (p.since IS NULL OR g.effective_at >= p.since)
                           AND (p.until IS NULL OR g.effective_at < p.until)), 0),
                     sum(g.remaining_micros),
                     min(g.expires_at) FILTER (WHERE g.state = 2 AND g.remaining_micros > 0))
               FROM creditgate.grants AS g
              WHERE g.bucket = p.bucket AND g.account_key = p.account_key
                AND CASE WHEN g.state <> 4 THEN g.state > 1
                         ELSE creditgate.has_begun(g, p.version) END
              GROUP BY g.kind ORDER BY g.kind) AS sources,
       ARRAY(SELECT (count(*), c.price, c.size, sum(c.held_micros))
               FROM (SELECT h.held_micros, greatest((w.rate).unit_size, 1) AS size,
                            CASE WHEN (w.rate).tier_from IS NULL
                                 THEN coalesce((w.rate).unit_price_micros, 0)
                                 ELSE creditgate.unit_price_after(w.rate, w.used_quantity)
                                 END AS price
                       FROM creditgate.holds AS h
                      CROSS JOIN LATERAL (
                            SELECT coalesce((h.lines[1]).rate, h.rate) AS rate,
                                   coalesce((h.lines[1]).used_quantity, h.used_quantity)) AS w (
                                       rate, used_quantity)
                      WHERE h.bucket = p.bucket AND h.account_key = p.account_key AND h.state = 1
                        AND creditgate.work_type(
                                (w.rate).meter, h.gateway_id IS NOT NULL) = 'call') AS c
              GROUP BY c.price, c.size) AS calls,
       (SELECT (count(*), coalesce(sum(c.messages), 0), coalesce(sum(c.charged_micros), 0),
                coalesce(sum(CASE WHEN c.ended_at IS NOT NULL THEN c.ended_at
                                  WHEN c.ends_at <= p.now THEN c.ends_at
                                  ELSE c.last_activity_at END - c.started_at), interval '0'))
          FROM creditgate.conversations AS c
         WHERE c.bucket = p.bucket AND c.account_key = p.account_key
           AND c.started_at >= coalesce(p.since, '-infinity')
           AND c.started_at < coalesce(p.until, 'infinity')) AS sums
  FROM p
"""

_MILLISECOND = timedelta(milliseconds=1)


class PostgresSummaries:
    """`domain.summaries.Summaries` on PostgreSQL."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def summary(self, account: AccountKey, *, span: Span | None = None) -> Summary | None:
        """Read what a summary is worked out from, and work it out."""
        rows = await self._pool.rows(SUMMARY, *account, *asked(span))
        return summarize(_facts(rows[0])) if rows else None


def asked(span: Span | None) -> tuple[Any, ...]:
    """Answer how the statement is asked for a span."""
    if span is None:
        return False, None, None, None
    last_ms = None if span.last is None else span.last // _MILLISECOND
    return True, span.start, span.until, last_ms


def _facts(row: Record) -> SummaryFacts:
    count, messages, charged_micros, duration = row["sums"]
    return SummaryFacts(
        account_id=row["account_id"],
        created_at=row["created_at"],
        balance=Balance.read(row, row["now"]),
        open_holds=row["open_holds"],
        period=SummaryPeriod(
            PeriodKind(row["kind"]),
            row["starts_at"],
            row["ends_at"],
            row["time_zone"],
            row["days_left"],
        ),
        first_day=row["first_day"],
        last_day=row["last_day"],
        used=[DayUsage(day, int(consumed), int(holds)) for day, consumed, holds in row["used"]],
        recent_micros=int(row["recent_micros"]),
        before_micros=int(row["before_micros"]),
        sources=_sources(row["sources"]),
        calls=[OpenCalls(number, *map(int, rest)) for number, *rest in row["calls"]],
        sums=SessionSums(count, int(messages), int(charged_micros), duration),
    )


def _sources(rows: Sequence[Record]) -> list[CreditSource]:
    return [CreditSource(kind, int(given), int(left), end) for kind, given, left, end in rows]
