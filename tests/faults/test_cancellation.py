"""Callers who give up at any moment leave nothing behind (P17)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from random import Random
from typing import Any

import pytest

from tests.support.database import Database
from tests.support.figures import Figures
from tests.support.load import CREDIT, Caller, charge, reserve
from tests.support.postgres_faults import broken_rules, settled_sessions, superuser
from tests.support.server import running_server

ACCOUNTS = 16
AT_ONCE = 48


async def cancel_at_random(caller: Caller, requests: Iterable[Any], random: Random) -> Counter[str]:
    """Sends requests, many at once, and gives each up after 0 to 200 ms; answers what was heard."""
    waiting, heard = iter(requests), Counter[str]()

    async def one() -> None:
        for request in waiting:
            sending = asyncio.create_task(caller.send(request))
            # Most give up early, some late: on machines of any speed some are answered, some not.
            await asyncio.wait({sending}, timeout=0.2 * random.random() ** 4)
            if sending.cancel():
                await asyncio.wait({sending})
            verdict = "CANCELLED" if sending.cancelled() else sending.result().verdict
            heard[verdict] += 1

    await asyncio.gather(*(one() for _ in range(AT_ONCE)))
    return heard


async def calm_tasks(most: int, *, seconds: float = 5.0) -> int:
    """How many tasks there are, once there are few enough or the time is over."""
    until = asyncio.get_running_loop().time() + seconds
    while (tasks := len(asyncio.all_tasks())) > most:
        if asyncio.get_running_loop().time() > until:
            break
        await asyncio.sleep(0.1)
    return tasks


@pytest.mark.parametrize(
    "count",
    [pytest.param(2_000, id="short"), pytest.param(20_000, id="full", marks=pytest.mark.faults)],
)
async def test_a_storm_of_cancelled_calls_leaves_everything_whole(
    database: Database, figures: Figures, count: int
) -> None:
    random = Random(count)
    async with running_server(database.url) as server, Caller(server.target, server.key) as caller:
        for n in range(ACCOUNTS):
            await caller.open_account(f"account-{n}", credit_micros=count * CREDIT)
        requests: list[Any] = []
        for n in range(count):
            account_id, name = f"account-{n % ACCOUNTS}", f"call-{n}"
            wanted = reserve if random.random() < 0.5 else charge
            requests.append(wanted(account_id, name, CREDIT))
        tasks = len(asyncio.all_tasks())
        heard = await cancel_at_random(caller, requests, random)
        left = await settled_sessions(database)
        tasks_after = await calm_tasks(tasks + 5)
        pool = server.app._pool
        connections, busy = pool.size, pool.size - pool.idle

        async with superuser(database) as connection:
            done = await connection.fetchval("SELECT count(*) FROM creditgate.holds")
        again = [await caller.insist(request) for request in requests[:: count // 500]]
    # How many is for the machine to say; too few would prove nothing.
    assert heard["CANCELLED"] > count // 10
    # gRPC itself ends a connection whose calls are given up too fast.
    assert set(heard) <= {"CANCELLED", "GRANTED", "UNAVAILABLE"}
    assert heard["GRANTED"] <= done <= count
    assert {reply.verdict for reply in again} == {"GRANTED"}
    assert busy <= 1, "but for the one that listens for revoked keys, all connections are free"
    assert left.idle_in_transaction == 0
    assert tasks_after <= tasks + 5
    assert await broken_rules(database) == []
    figures(
        calls=count, cancelled=heard["CANCELLED"], answered=heard["GRANTED"], done=done,
        connections=connections, busy=busy, idle_in_txn=0, task_delta=tasks_after - tasks,
    )  # fmt: skip
