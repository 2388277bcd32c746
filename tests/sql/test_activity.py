"""Activity is found by primary keys, and in the same few milliseconds wherever it lies."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from functools import partial
from statistics import median
from typing import Any
from uuid import UUID

import pytest

from creditgate_server.domain.account_keys import AccountKey, account_key
from creditgate_server.domain.activity import SCANNED_MAX, Choice, Span
from creditgate_server.domain.statements import Period
from creditgate_server.postgres.activity import PAGES, SCANS, PostgresActivities
from creditgate_server.postgres.pool import Pool, open_pool
from tests.support.activity import BEGAN, SECONDS_APART, fill
from tests.support.database import Database
from tests.support.figures import Figures
from tests.support.server import settings_for

ENTRIES = 1_000_000
ACCOUNT = account_key(UUID(int=7), "busy")
PAGE = 50


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    pool = await open_pool(settings_for(database.url, statement_timeout_ms=60_000))
    yield pool
    await pool.close(timeout_seconds=3)


def scan(account: AccountKey, period: Period, *, newest: bool, size: int) -> tuple[Any, ...]:
    place = ((period.through_version if newest else period.after_version) + 1, 0)
    return (*account, *period, *place, size)


@pytest.mark.parametrize("newest", [True, False])
async def test_a_page_is_found_by_primary_keys_and_not_sorted(
    database: Database, pool: Pool, *, newest: bool
) -> None:
    owner = await database.connect()
    await fill(owner, ACCOUNT, 3_000)
    await owner.close()
    begin = scan(ACCOUNT, Period(0, 4_500), newest=newest, size=SCANNED_MAX)
    async with pool.connection() as connection:
        page = f"EXPLAIN (ANALYZE, BUFFERS) {PAGES[newest]}"
        rows = await connection.fetch(page, *begin, PAGE, *Choice())
        plan = "\n".join(row[0] for row in rows)
        scanned = f"EXPLAIN (ANALYZE, BUFFERS) {SCANS[newest]}"
        last = "\n".join(row[0] for row in await connection.fetch(scanned, *begin))
    for text in (plan, last):
        assert "entries_pkey" in text, text
        # What is merged from both tables comes in order.
        assert "Sort" not in text.replace("Sort Key", ""), text
        assert "Seq Scan" not in text, text
    assert "holds_pkey" in plan, plan
    # It stops as soon as the page is full.
    assert f"rows={PAGE}" in plan.splitlines()[0], plan
    assert f"rows={SCANNED_MAX}.00" not in plan, plan


async def test_the_edges_of_a_range_are_what_a_walk_over_all_entries_finds(
    database: Database, pool: Pool
) -> None:
    owner = await database.connect()
    await fill(owner, ACCOUNT, 101)
    rows = await owner.fetch("SELECT version, created_at FROM creditgate.entries ORDER BY version")
    await owner.close()
    activities = PostgresActivities(pool)
    for seconds in range(-SECONDS_APART, 103 * SECONDS_APART, SECONDS_APART // 2):
        for early in (0, 1):
            at = BEGAN + timedelta(seconds=seconds, microseconds=-early)
            wanted = max((row[0] for row in rows if row[1] < at), default=0)
            assert await activities.period(ACCOUNT, Span(until=at)) == (0, wanted)
            assert await activities.period(ACCOUNT, Span(start=at)) == (wanted, 151)


@pytest.mark.slow
@pytest.mark.timeout(1200)
async def test_pages_of_a_million_entries_take_milliseconds(
    database: Database, pool: Pool, figures: Figures
) -> None:
    owner = await database.connect()
    await fill(owner, ACCOUNT, ENTRIES)
    await owner.close()
    activities = PostgresActivities(pool)
    ends = BEGAN + timedelta(seconds=ENTRIES * SECONDS_APART)
    spans = {
        "all": Span(),
        "middle": Span(BEGAN + timedelta(days=300), BEGAN + timedelta(days=330)),
        "first_week": Span(BEGAN, BEGAN + timedelta(days=7)),
        "last_week": Span(start=ends - timedelta(days=7)),
    }
    told: dict[str, float] = {}
    for name, span in spans.items():
        told[f"{name}_ms"] = await spent(partial(read, activities, span, Choice()))
    some = {
        "model": Choice(model="large"),
        "rare_agent": Choice(details='{"attributes": {"agent": "rare"}}'),
        "nobody": Choice(details='{"attributes": {"agent": "nobody"}}'),
    }
    for name, choice in some.items():
        told[f"{name}_ms"] = await spent(partial(read, activities, Span(), choice))
    figures(**told)
    assert max(told.values()) < 100


async def read(activities: PostgresActivities, span: Span, choice: Choice) -> None:
    period = await activities.period(ACCOUNT, span)
    assert isinstance(period, Period)
    await activities.page(ACCOUNT, period, choice, after=None, newest_first=True, limit=PAGE + 1)


async def spent(work: Callable[[], Awaitable[None]]) -> float:
    """Answer the median of how many milliseconds it takes, once it is known."""
    await work()
    times = []
    for _ in range(15):
        began = time.perf_counter()
        await work()
        times.append((time.perf_counter() - began) * 1000)
    return round(median(times), 2)
