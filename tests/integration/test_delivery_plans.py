"""What deliveries cost does not grow with what waits, whatever plans were made before."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Awaitable
from statistics import median
from typing import TypeVar
from uuid import UUID

from creditgate_server.domain.account_keys import account_key
from creditgate_server.domain.deliveries import Answer, Places, Verdict, settled
from creditgate_server.postgres.outbox import PostgresOutbox
from creditgate_server.postgres.pool import open_pool
from tests.support.database import Connection, Database
from tests.support.deliveries import account, put
from tests.support.figures import Figures
from tests.support.happenings import happen
from tests.support.server import settings_for

Result = TypeVar("Result")
LINES, EACH = 200, 100


async def test_plans_made_while_there_was_nothing_serve_when_there_is_much(
    database: Database, connection: Connection, tenant: UUID, figures: Figures
) -> None:
    pool = await open_pool(settings_for(database.url))
    outbox, seconds = PostgresOutbox(pool), defaultdict[str, list[float]](list)

    async def timed(what: str, work: Awaitable[Result]) -> Result:
        started = time.perf_counter()
        result = await work
        if result != 0:  # nothing to hand on
            seconds[what].append(time.perf_counter() - started)
        return result

    async def deliver(bucket: int, *, events: int) -> None:
        await timed("fan_out", outbox.fan_out(bucket, limit=events))
        places = Places(32, 30, per_endpoint=32, per_tenant=32)
        tasks = await timed("take", outbox.take(bucket, places))
        done = [settled(task, Answer(Verdict.DELIVERED)) for task in tasks]
        await timed("settle", outbox.settle(done))

    await put(pool, tenant)
    first = await account(pool, tenant, "first")
    for _ in range(8):
        await happen(connection, first)
        await deliver(first.bucket, events=10)
    names = (f"a{number}" for number in range(64 * LINES * 2))
    near = [name for name in names if account_key(tenant, name).bucket == first.bucket][:LINES]
    for name in near:
        await happen(connection, await account(pool, tenant, name), count=EACH)
    seconds.clear()
    for _ in range(6):
        await deliver(first.bucket, events=500)
    while await outbox.fan_out(first.bucket, limit=2_000):
        pass
    for _ in range(6):
        await deliver(first.bucket, events=500)
    waiting = (await timed("backlog", outbox.backlog(first.bucket))).pending
    await timed("due", outbox.due_buckets())
    await pool.close(timeout_seconds=3)
    assert waiting > 19_000
    in_ms = {name: round(median(values) * 1000, 1) for name, values in seconds.items()}
    figures(waiting=waiting, **{f"{name}_ms": value for name, value in in_ms.items()})
    assert max(in_ms.values()) < 100, in_ms
