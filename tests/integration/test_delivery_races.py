"""Many who deliver at once, and what keeps them from sending twice, late, or never."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import UUID

import pytest

from creditgate_server.domain.account_keys import AccountKey
from creditgate_server.domain.deliveries import Answer, Places, Task, Verdict, settled
from creditgate_server.postgres.outbox import PostgresOutbox
from creditgate_server.postgres.pool import Pool, open_pool
from creditgate_server.postgres.sweeps import PostgresSweeps
from creditgate_server.workers.deliver_events import DeliverEvents
from tests.support.database import Connection, Database
from tests.support.deliveries import Post, account, put, worker
from tests.support.figures import Figures
from tests.support.happenings import happen
from tests.support.server import settings_for


async def plant(connection: Connection, function: str, old: str, new: str) -> None:
    """Change a function of this database, to see what its old text is good for."""
    text: str = await connection.fetchval(
        "SELECT pg_get_functiondef(oid) FROM pg_proc"
        " WHERE proname = $1 AND pronamespace = 'creditgate'::regnamespace",
        function,
    )
    assert text.count(old) == 1
    await connection.execute(text.replace(old, new))


async def sent_by_many(
    database: Database, connection: Connection, keys: Sequence[AccountKey], *, workers: int = 3
) -> list[tuple[str, str, int]]:
    """Let each account have ten events while many deliver; answer what was sent, in order."""
    pools = [await open_pool(settings_for(database.url)) for _ in range(workers)]
    post = Post()
    deliverers = [worker(each, post) for each in pools]
    ended = asyncio.Event()

    async def run(deliver: DeliverEvents) -> None:
        while True:
            more = await deliver()
            if ended.is_set() and not more:
                return

    running = [asyncio.create_task(run(deliver)) for deliver in deliverers]
    for _ in range(10):
        for key in keys:
            await happen(connection, key)
    ended.set()
    async with asyncio.timeout(60):
        await asyncio.gather(*running)
    for each in pools:
        await each.close(timeout_seconds=3)
    return post.names


async def test_many_workers_send_each_event_once_and_in_order(
    database: Database, pool: Pool, connection: Connection, tenant: UUID, figures: Figures
) -> None:
    keys = [await account(pool, tenant, f"a{number}") for number in range(20)]
    await put(pool, tenant)
    await put(pool, tenant, "second")
    names = await sent_by_many(database, connection, keys)
    assert len(names) == len(set(names)) == 20 * 10 * 2
    order: dict[tuple[str, str], list[int]] = {}
    for line_endpoint, name, number in names:
        order.setdefault((line_endpoint, name), []).append(number)
    assert set(map(tuple, order.values())) == {tuple(range(1, 11))}
    figures(workers=3, events=200, endpoints=2, sent=len(names), twice=0, out_of_order=0)


async def test_without_a_lease_many_workers_send_the_same(
    database: Database, pool: Pool, connection: Connection, tenant: UUID, figures: Figures
) -> None:
    """The negative control of the test above."""
    lease = "p_lease_seconds * interval '1 second'"
    await plant(connection, "take_deliveries", lease, "interval '0'")
    keys = [await account(pool, tenant, f"a{number}") for number in range(20)]
    await put(pool, tenant)
    names = await sent_by_many(database, connection, keys)
    assert len(set(names)) == 200
    assert len(names) > 200
    figures(control="no lease", sent=len(names), twice=len(names) - len(set(names)))


@pytest.mark.parametrize("locked", [True, False], ids=["locked", "control"])
async def test_who_ends_the_first_of_a_line_sees_who_has_just_come_to_it(
    database: Database, pool: Pool, connection: Connection, tenant: UUID, *, locked: bool
) -> None:
    if not locked:
        old = "DO UPDATE SET next_at = excluded.next_at WHERE false"
        await plant(connection, "fan_out", old, "DO NOTHING")
    key = await account(pool, tenant, "a")
    await put(pool, tenant)
    outbox = PostgresOutbox(pool)

    async def take() -> Sequence[Task]:
        return await outbox.take(key.bucket, Places(limit=9, lease_seconds=30))

    await happen(connection, key)
    await outbox.fan_out(key.bucket, limit=10)
    (first,) = await take()
    await happen(connection, key)
    other = await database.connect()
    adding = other.transaction()
    await adding.start()
    await other.execute("SELECT creditgate.fan_out($1, 10)", key.bucket)
    ending = asyncio.create_task(outbox.settle([settled(first, Answer(Verdict.DELIVERED))]))
    await asyncio.sleep(0.1)
    await adding.commit()
    await other.close()
    await ending
    broken = {each.rule for each in await PostgresSweeps(pool).verify()}
    assert broken == (set() if locked else {"what waits for delivery has a line"})
    assert [task.event_no for task in await take()] == ([2] if locked else [])
