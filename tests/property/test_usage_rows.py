"""Usage is the ledger's, however much of it has been summed up and by whatever steps."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from typing import Any

import pytest

from creditgate_server.postgres.pool import Pool, open_pool
from tests.property.seeds import first_seed
from tests.support.database import Connection, Database
from tests.support.server import settings_for
from tests.support.usage_ledger import UsageLedger

# Midnights come twice, or not at all, in Havana, on the Azores and in Beirut; Lord Howe sets
# its clock by half an hour.
ZONES = (
    *("UTC", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia"),
    *("America/Havana", "Atlantic/Azores", "Asia/Beirut", "Africa/Cairo"),
)
BEGINNINGS = (
    *(datetime(2025, 3, day, tzinfo=UTC) for day in (6, 28)),
    *(datetime(2025, month, 24, tzinfo=UTC) for month in (4, 9, 10)),
    datetime(2025, 11, 1, tzinfo=UTC),
    datetime(2024, 12, 30, tzinfo=UTC),
)
GROUPINGS = ((None, ""), (4, ""), (5, ""), (6, ""), (7, ""), (8, "team"), (8, "no-such"))
ROWS = "SELECT * FROM creditgate.usage_rows($1, $2, $3, $4, $5, $6, $7, $8, $9)"
ROLL_UP = "SELECT creditgate.roll_up($1, $2, $3)"
MOVE = "UPDATE creditgate.accounts SET time_zone = $3 WHERE bucket = $1 AND account_key = $2"
BROKEN = "SELECT detail FROM creditgate.verify($1) WHERE rule = 'usage = ledger'"
WALKS = 12


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    pool = await open_pool(settings_for(database.url, statement_timeout_ms=20_000))
    yield pool
    await pool.close(timeout_seconds=3)


@pytest.fixture
async def owner(database: Database) -> AsyncIterator[Connection]:
    connection = await database.connect()
    yield connection
    await connection.close()


async def test_any_part_summed_up_and_any_range_is_what_the_entries_say(
    pool: Pool, owner: Connection
) -> None:
    first, asked = first_seed(), 0
    for seed in range(first, first + WALKS):
        chance = random.Random(seed)
        ledger = UsageLedger(
            owner, chance=chance, zone=chance.choice(ZONES), at=chance.choice(BEGINNINGS)
        )
        await ledger.open()
        for _ in range(4):
            await ledger.grow(chance.choice((1, 10, 40)))
            await some_work(pool, owner, ledger, chance)
            for _ in range(8):
                await compare(pool, ledger, chance)
                asked += 1
        while await pool.value(ROLL_UP, *ledger.account, 1_000):
            pass
        assert await pool.rows(BROKEN, ledger.account.bucket) == [], seed
    print(f"walks={WALKS} asked={asked}")  # noqa: T201


async def some_work(
    pool: Pool, owner: Connection, ledger: UsageLedger, chance: random.Random
) -> None:
    """Sum up some of it, all of it or nothing, and sometimes let the account move."""
    if chance.random() < 0.25:
        ledger.zone = chance.choice(ZONES)
        await owner.execute(MOVE, *ledger.account, ledger.zone)
        if chance.random() < 0.5:
            return
    for _ in range(chance.choice((0, 1, 1, 3, 100))):
        if not await pool.value(ROLL_UP, *ledger.account, chance.choice((1, 2, 7, 50))):
            break


async def compare(pool: Pool, ledger: UsageLedger, chance: random.Random) -> None:
    instants = ledger.instants()
    since, until = chance.choice(instants), chance.choice(instants)
    (grouping, key), days = chance.choice(GROUPINGS), chance.random() < 0.6
    words = not days or chance.random() < 0.5
    totals = not words and chance.random() < 0.5
    asked = (since, until, grouping, key, days, totals, words)
    found = await pool.rows(ROWS, *ledger.account, *asked)
    wanted = ledger.usage(since, until, grouping, key, days=days)
    if totals:
        said = added_up((row[1], row[5], *row[6:]) for row in found)
        wanted = added_up((name[1], name[5], *numbers) for name, numbers in wanted.items())
    elif not words:
        said = added_up((ledger.slot(row[0], days=True), *row[1:2], *row[5:]) for row in found)
        wanted = added_up((*name[:2], name[5], *numbers) for name, numbers in wanted.items())
    else:
        said = added_up((ledger.slot(row[0], days=days), *row[1:]) for row in found)
    assert said == wanted, (ledger.zone, *asked)


def added_up(rows: Iterable[tuple[Any, ...]]) -> dict[tuple[Any, ...], tuple[int, int, int]]:
    """Sum up the last three numbers of rows by what comes before them, where they are not 0."""
    sums: defaultdict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0, 0])
    for *name, amount, quantity, holds in rows:
        for place, number in enumerate((amount, quantity, holds)):
            sums[tuple(name)][place] += number
    return {name: (a, q, h) for name, (a, q, h) in sums.items() if a or q or h}
