"""Catching up with a year of entries, by the worker itself: two of them, and without its rests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from time import perf_counter

from bench.database import Database
from creditgate_server.domain.account_keys import BUCKETS
from creditgate_server.postgres.usage_sums import PostgresUsageSums
from creditgate_server.workers.roll_up import RollUp

_AT_ONCE = 2


@dataclass(frozen=True)
class CaughtUp:
    """How many entries were summed up in how long, and what came of them.

    `left` is how many changes no sums have: those of accounts that have too few of them.
    """

    entries: int
    seconds: float
    rows: int
    mb: float
    left: int

    @property
    def per_second(self) -> float:
        return self.entries / self.seconds


class _Count:
    """What the workers tell of: how much was done, and what was behind when a round began."""

    def __init__(self) -> None:
        self.entries = 0
        self.accounts = 0
        self.left = 0

    def rolled_up(self, entries: int) -> None:
        self.entries += entries

    def unsummed(self, *, accounts: int, changes: int) -> None:
        self.accounts, self.left = accounts, changes


async def catch_up(database: Database, say: Callable[[str], None]) -> CaughtUp:
    """Sum up all that is to be summed up."""
    begun = perf_counter()
    done = await asyncio.gather(
        *(_work(database, BUCKETS * number // _AT_ONCE) for number in range(_AT_ONCE))
    )
    seconds = perf_counter() - begun
    async with database.connection() as connection:
        await connection.execute("VACUUM ANALYZE creditgate.usage_slots, creditgate.usage_progress")
        await connection.execute("CHECKPOINT")
        rows = await connection.fetchval("SELECT count(*) FROM creditgate.usage_slots")
        mb = await connection.fetchval(
            "SELECT pg_total_relation_size('creditgate.usage_slots') / 1e6::float8"
        )
    entries = sum(each.entries for each in done)
    found = CaughtUp(entries, round(seconds, 1), rows, mb, done[0].left)
    say(f"{entries:,} entries rolled up into {rows:,} rows ({mb:.0f} MB) in {seconds:.0f} s")
    return found


async def _work(database: Database, first: int) -> _Count:
    """Go round until nothing is left, whoever has done it."""
    count = _Count()
    # A worker that fails would only begin anew; what is measured is not to hang on a busy disk.
    async with database.pool(database.settings.with_(statement_timeout_ms=60_000)) as pool:
        rest = partial(asyncio.sleep, 0)
        work = RollUp(
            PostgresUsageSums(pool), observer=count, first=lambda: first, sleep=lambda _: rest()
        )
        await work()
        while count.accounts:
            await work()
    return count
