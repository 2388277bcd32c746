"""Many who sum up at once, and who are killed at it: every entry is counted once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import asyncpg
import pytest

from creditgate_server.postgres.pool import Pool, open_pool
from creditgate_server.postgres.usage_sums import PostgresUsageSums
from creditgate_server.workers.roll_up import RollUp
from tests.integration.test_cli_server import answer, runner
from tests.integration.test_delivery_races import plant
from tests.property.seeds import first_seed
from tests.support.database import Connection, Database
from tests.support.figures import Figures
from tests.support.server import settings_for
from tests.support.usage_ledger import UsageLedger

ZONE, BEGAN = "America/New_York", datetime(2025, 10, 20, tzinfo=UTC)
BROKEN = "SELECT detail FROM creditgate.verify($1) WHERE rule = 'usage = ledger'"
COUNTED = """
SELECT sum(holds) FILTER (WHERE unit = 0)::int, sum(holds) FILTER (WHERE unit = 2)::int
  FROM creditgate.usage_slots WHERE bucket = $1 AND account_key = $2 AND grouping = 0
"""
ROLL_UP = "SELECT creditgate.roll_up($1, $2, 7)"
THROUGH = "SELECT version FROM creditgate.usage_progress WHERE bucket = $1 AND account_key = $2"
DAYS = "SELECT DISTINCT slot FROM creditgate.usage_slots WHERE account_key = $1 AND unit = 2"
KILL = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
 WHERE datname = current_database() AND pid <> pg_backend_pid() AND state = 'active'
   AND query LIKE '%roll_up(%'
 ORDER BY random() LIMIT 2
"""


@pytest.fixture
async def owner(database: Database) -> AsyncIterator[Connection]:
    connection = await database.connect()
    yield connection
    await connection.close()


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    pool = await open_pool(settings_for(database.url))
    yield pool
    await pool.close(timeout_seconds=3)


async def made_up(owner: Connection, *, seed: int, entries: int) -> UsageLedger:
    ledger = UsageLedger(owner, chance=random.Random(seed), zone=ZONE, at=BEGAN)
    await ledger.open()
    await ledger.grow(entries)
    return ledger


async def sum_up(database: Database, ledger: UsageLedger, ended: asyncio.Event) -> int:
    """Sum up until all is; answers how often that was broken off."""
    broken_off = 0
    while not ended.is_set():
        connection = await database.connect(role="creditgate_server")
        try:
            while not ended.is_set():
                await connection.fetchval(ROLL_UP, *ledger.account)
                if await connection.fetchval(THROUGH, *ledger.account) == ledger.version:
                    ended.set()
        except (
            asyncpg.PostgresError,
            asyncpg.InterfaceError,
            asyncpg.InternalClientError,
            OSError,
        ):
            broken_off += 1
        finally:
            connection.terminate()
    return broken_off


async def kill(owner: Connection, ended: asyncio.Event) -> None:
    """End the sessions of those who sum up, now and then, wherever they are."""
    for _ in range(12):
        await asyncio.sleep(random.uniform(0, 0.06))
        if not ended.is_set():
            await owner.execute(KILL)


async def test_three_who_are_killed_again_and_again_count_each_entry_once(
    database: Database, owner: Connection, figures: Figures
) -> None:
    broken_off = 0
    for seed in range(first := first_seed(), first + 3):
        ledger = await made_up(owner, seed=seed, entries=300)
        ended = asyncio.Event()
        async with asyncio.timeout(40):
            *counts, _ = await asyncio.gather(
                *(sum_up(database, ledger, ended) for _ in range(3)), kill(owner, ended)
            )
        broken_off += sum(count or 0 for count in counts)
        assert await owner.fetch(BROKEN, ledger.account.bucket) == []
        holds = sum(part.first for part in ledger.parts)
        assert tuple(await owner.fetchrow(COUNTED, *ledger.account) or ()) == (holds, holds)
    assert broken_off > 5
    figures(workers=3, entries=900, broken_off=broken_off, counted_twice=0, missed=0)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("p_account_key FOR UPDATE SKIP LOCKED", "p_account_key"),
        ("p.version, v_through, v_time_zone", "p.version - 3, v_through, v_time_zone"),
    ],
    ids=["not locked", "not from where it was"],
)
async def test_without_the_row_that_says_how_far_entries_are_counted_twice(
    database: Database, owner: Connection, old: str, new: str
) -> None:
    """The negative control of the test above."""
    await plant(owner, "roll_up", old, new)
    ledger = await made_up(owner, seed=first_seed(), entries=300)
    ended = asyncio.Event()
    async with asyncio.timeout(60):
        await asyncio.gather(*(sum_up(database, ledger, ended) for _ in range(3)))
    assert await owner.fetch(BROKEN, ledger.account.bucket) != []


class Figured:
    """Whom a worker tells."""

    def __init__(self) -> None:
        self.entries, self.behind = 0, (0, 0)

    def rolled_up(self, entries: int) -> None:
        self.entries += entries

    def unsummed(self, *, accounts: int, changes: int) -> None:
        self.behind = accounts, changes


async def test_a_worker_sums_up_who_has_enough_and_an_account_that_moves(
    pool: Pool, owner: Connection
) -> None:
    small = await made_up(owner, seed=1, entries=20)
    large = await made_up(owner, seed=2, entries=200)
    sums, told = PostgresUsageSums(pool), Figured()

    async def no_rest(_: float) -> None:
        await asyncio.sleep(0)

    work = RollUp(sums, observer=told, least=100, begin_at=150, limit=50, sleep=no_rest)
    await work()
    assert (told.entries, told.behind) == (200, (1, small.version + large.version))
    assert (await sums.through(small.account), await sums.through(large.account)) == (
        0,
        large.version,
    )
    await work()
    assert (told.entries, told.behind) == (200, (0, small.version))
    for least_size, listed in ((small.version, True), (small.version + 1, False)):
        found = await sums.unsummed(small.account.bucket, least=1, first=least_size)
        assert (small.account in found.accounts) is listed
    # Its days are other ones now: they are summed up anew, and nobody sees the old ones meanwhile.
    move = "UPDATE creditgate.accounts SET time_zone = 'Asia/Kathmandu' WHERE account_key = $1"
    await owner.execute(move, large.account.account_key)
    large.zone = "Asia/Kathmandu"
    await work()
    while told.behind != (0, small.version) or await sums.through(large.account) < large.version:
        await work()
    assert await owner.fetch(BROKEN, large.account.bucket) == []
    days = await owner.fetch(DAYS, large.account.account_key)
    assert {large.slot(row[0], days=True) for row in days} == {
        large.slot(part.at, days=True) for part in large.parts
    }


async def test_sums_that_were_spoiled_are_found_and_rebuilt(
    database: Database, pool: Pool, owner: Connection
) -> None:
    ledgers = [await made_up(owner, seed=seed, entries=60) for seed in (1, 2)]
    for ledger in ledgers:
        while await PostgresUsageSums(pool).roll_up(ledger.account, limit=1_000):
            pass
    spoil = (
        "UPDATE creditgate.usage_slots SET amount_micros = amount_micros - 1 WHERE grouping = 4",
        "DELETE FROM creditgate.usage_slots WHERE unit = 0 AND kind = 3",
        "UPDATE creditgate.usage_slots SET quantity = quantity + 1 WHERE unit = 2",
        "UPDATE creditgate.usage_slots SET holds = holds + 1 WHERE unit = 0",
    )
    run = runner(database.url)
    for each in spoil:
        await owner.execute(each)
        # What was made up breaks other rules, as it has no grants.
        for broken in (2, 0):
            result = await asyncio.to_thread(run, "verify", "--json")
            assert f'"usage = ledger": {broken}' in result.stdout, each
            rebuilt = answer(await asyncio.to_thread(run, "rebuild-usage", "--json"))
            assert rebuilt == {"accounts": 2}
