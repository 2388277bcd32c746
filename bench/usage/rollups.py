"""Catching up with a year of entries, as the worker does it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

from bench.database import Database

_AT_ONCE = 2
_STEP = 5_000
_LEAST = 2_000
_BEHIND = """
SELECT bucket, account_key FROM creditgate.accounts AS a
  LEFT JOIN creditgate.usage_progress AS p USING (bucket, account_key)
 WHERE a.version - coalesce(p.version, 0) >= $1 ORDER BY a.version DESC
"""


@dataclass(frozen=True)
class CaughtUp:
    """How many entries were summed up in how long, and what came of them."""

    entries: int
    seconds: float
    rows: int
    mb: float

    @property
    def per_second(self) -> float:
        return self.entries / self.seconds


async def catch_up(database: Database, say: Callable[[str], None]) -> CaughtUp:
    """Sum up what is to be summed up, by two at once."""
    begun, counts = perf_counter(), [0]
    async with database.connection() as connection:
        behind = iter(await connection.fetch(_BEHIND, _LEAST))

    async def work() -> None:
        async with database.connection() as connection:
            for bucket, key in behind:
                while count := await connection.fetchval(
                    "SELECT creditgate.roll_up($1, $2, $3)", bucket, key, _STEP
                ):
                    counts[0] += count

    await asyncio.gather(*(work() for _ in range(_AT_ONCE)))
    seconds = perf_counter() - begun
    async with database.connection() as connection:
        await connection.execute("VACUUM ANALYZE creditgate.usage_slots, creditgate.usage_progress")
        rows = await connection.fetchval("SELECT count(*) FROM creditgate.usage_slots")
        mb = await connection.fetchval(
            "SELECT pg_total_relation_size('creditgate.usage_slots') / 1e6::float8"
        )
    found = CaughtUp(counts[0], seconds, rows, mb)
    say(f"{found.entries:,} entries rolled up into {rows:,} rows ({mb:.0f} MB) in {seconds:.0f} s")
    return found
