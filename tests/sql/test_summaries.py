"""A summary is found by keys and indexes, whatever the account has been through."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import pytest

from creditgate_server.domain.account_keys import account_key
from creditgate_server.domain.activity import Span
from creditgate_server.postgres.pool import Pool, open_pool
from creditgate_server.postgres.summaries import SUMMARY, asked
from tests.support.activity import fill
from tests.support.database import Database
from tests.support.server import settings_for

ACCOUNT = account_key(UUID(int=7), "busy")


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    pool = await open_pool(settings_for(database.url))
    yield pool
    await pool.close(timeout_seconds=3)


@pytest.mark.parametrize("span", [None, Span(), Span(last=timedelta(days=90))])
async def test_every_part_is_found_by_an_index(
    database: Database, pool: Pool, span: Span | None
) -> None:
    owner = await database.connect()
    await fill(owner, ACCOUNT, 500)
    await owner.close()
    async with pool.connection() as connection:
        rows = await connection.fetch(f"EXPLAIN {SUMMARY}", *ACCOUNT, *asked(span))
    plan = "\n".join(row[0] for row in rows)
    assert "Seq Scan" not in plan, plan
    # Of sessions those of the period alone, of holds those that are open.
    for index in ("accounts_pkey", "grants_", "holds_open", "conversations_by_start"):
        assert index in plan, plan
    by_start = plan.partition("conversations_by_start")[2]
    assert "started_at >=" in by_start.partition("Index Cond")[2].splitlines()[0], plan
