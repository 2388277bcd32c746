"""Background work on PostgreSQL: ending what is due, measuring what is open, proving the rules."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from creditgate_server.domain.account_keys import BUCKETS
from creditgate_server.domain.figures import Archived, OpenHolds

from .errors import executing

if TYPE_CHECKING:
    from .pool import Pool

RULES = (
    "settled = sum of entries",
    "settled = grants remaining - debt",
    "held = sum of open holds",
    "ended grants remain only for open holds",
    "each entry continues the balance",
    "no entry is ahead of its account",
    "charged = entries of the hold",
    "nothing due is forgotten",
    "held on a counter = its open holds",
    "spent on a counter = its charges of the period",
    "unpaid = sum of unpaid grants",
    "one top-up at most is under way",
    "events are without gaps",
    "what waits for delivery has a line",
    "what is in the archive is what was moved there",
    "the balance is carried over what left the archive",
    "a hold is in one place",
    "lines cost no more than was used",
    "a session cost what its holds were charged",
    "a session is charged once, with its first message",
    "usage = ledger",
    "every hold has an account",
)
"""The rules `creditgate.verify` proves, by the names it reports them under."""

# Proving a rule reads all of a bucket; it may take longer than any call.
_VERIFY_TIMEOUT_SECONDS = 600.0


_OPEN_HOLDS = """
SELECT count(*), coalesce(sum(held_micros), 0)::bigint,
       coalesce(extract(epoch FROM max(age)), 0)::float8,
       greatest(coalesce(extract(epoch FROM creditgate.clock() - min(expires_at)), 0), 0)::float8,
       least(coalesce(sum(offline_micros), 0), 9223372036854775807)::bigint,
       count(*) FILTER (WHERE gateway_id IS NOT NULL AND offline_micros IS NULL)
  FROM creditgate.open_holds
 WHERE bucket = $1
"""


class Violation(NamedTuple):
    """One account found to break one rule.

    `tenant_id` and `account_id` are None where the account is missing.
    """

    rule: str
    account_key: UUID
    tenant_id: UUID | None
    account_id: str | None
    detail: str


class PostgresSweeps:
    """`domain.ledger.Sweeps` on PostgreSQL, and what the other background loops read."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def due_buckets(self, buckets: Sequence[int]) -> Sequence[int]:
        """Answer those of the buckets in which something is due."""
        due = await self._pool.value("SELECT creditgate.due_buckets($1::smallint[])", buckets)
        return list(due)

    async def expire_due(self, bucket: int, *, limit: int) -> int:
        """End up to about `limit` due things of one bucket."""
        done = await self._pool.value("SELECT creditgate.expire_holds($1, $2)", bucket, limit)
        return int(done)

    async def forget_events(self, bucket: int, *, days: int, limit: int) -> int:
        """Forget up to about `limit` of a bucket's dispatched events that are older than `days`."""
        found = await self._pool.value(
            "SELECT creditgate.forget_events($1, $2, $3)", bucket, days, limit
        )
        return int(found)

    async def archive(self, bucket: int, *, days: int, limit: int) -> Archived:
        """Go on archiving what ended more than `days` ago in a bucket: look at `limit` rows."""
        rows = await self._pool.rows(
            "SELECT p_holds, p_entries, p_more FROM creditgate.archive($1, $2, $3)",
            bucket,
            days,
            limit,
        )
        return Archived(*rows[0])

    async def open_holds(self, bucket: int) -> OpenHolds:
        """Measure the open holds of one bucket."""
        async with self._pool.connection() as connection:
            with executing():
                row = await connection.fetchrow(_OPEN_HOLDS, bucket)
        assert row is not None, "an aggregate has a row"
        return OpenHolds(*row)

    async def verify(
        self, *, rest: float = 0.0, buckets: Iterable[int] = range(BUCKETS)
    ) -> Sequence[Violation]:
        """Prove every rule on every account of some buckets, one by one; answers what is broken.

        After each bucket it rests `rest` times as long as the bucket took.
        """
        found: list[Violation] = []
        for bucket in buckets:
            started = perf_counter()
            found += await self._verify_bucket(bucket)
            await asyncio.sleep(rest * (perf_counter() - started))
        return found

    async def _verify_bucket(self, bucket: int) -> list[Violation]:
        async with self._pool.connection() as connection:
            with executing():
                async with connection.transaction(readonly=True):
                    await connection.execute(
                        "SET LOCAL statement_timeout = 0; SET LOCAL enable_seqscan = on;"
                        "SET LOCAL enable_hashjoin = on; SET LOCAL enable_mergejoin = on;"
                        "SET LOCAL plan_cache_mode = auto"
                    )
                    rows = await connection.fetch(
                        "SELECT rule, account_key, tenant_id, account_id, detail"
                        "  FROM creditgate.verify($1)",
                        bucket,
                        timeout=_VERIFY_TIMEOUT_SECONDS,
                    )
        return [Violation(*row) for row in rows]
