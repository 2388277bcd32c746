"""What is told to those who watch is the same of the fake and of the real server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from creditgate import AccountState, AccountStatus, AsyncClient, Change, Event, HoldMustEnd
from creditgate.testing import FakeCreditgate
from tests.contract.drivers import START
from tests.support.clock import DatabaseClock
from tests.support.database import Database
from tests.support.server import running_server

SECOND = 1_000_000
# Longer than the time after which the real server looks again.
QUIET_SECONDS = 0.3
SetTime = Callable[[int], Awaitable[None]]

STEPS: list[Callable[[AsyncClient], Awaitable[Any]]] = [
    lambda c: c.reserve("acme", hold_id="a", amount=4, ttl_seconds=30),
    lambda c: c.reserve("acme", hold_id="b", amount=2, ttl_seconds=5),
    lambda c: c.extend("acme", hold_id="b", total=3, ttl_seconds=8),
    lambda c: c.commit("acme", hold_id="b", used=3, keep_open=True),
    lambda c: c.commit("acme", hold_id="b", used=3),
    lambda c: c.charge("acme", hold_id="c", amount=3),
    lambda c: c.commit("acme", hold_id="a", used=4),
    lambda c: c.add_grant("acme", grant_id="more", amount=7),
    lambda c: c.update_account("acme", status=AccountStatus.SUSPENDED),
    lambda c: c.update_account("acme", overdraft_limit=2),
]


class Listener:
    """Watches, and remembers what it was told; of states not when they were looked at."""

    def __init__(self, client: AsyncClient) -> None:
        self.told: list[Change] = []
        self._heard = 0
        self.task = asyncio.create_task(self._run(client))

    async def _run(self, client: AsyncClient) -> None:
        async for change in client.watch("acme"):
            if isinstance(change, AccountState):
                balance = replace(change.balance, as_of=datetime.fromtimestamp(0, UTC))
                self.told.append(replace(change, balance=balance))
            else:
                self.told.append(change)

    async def hear(self) -> None:
        """Wait until it was told something new, and then nothing for a while."""
        known = self._heard
        async with asyncio.timeout(10):
            while known == self._heard or len(self.told) > known:
                known = len(self.told)
                await asyncio.sleep(QUIET_SECONDS)
                assert not self.task.done(), self.task.exception()
        self._heard = known


async def story(client: AsyncClient, set_time: SetTime) -> list[Change]:
    """Take the steps, each a second after the one before and once this was told."""
    await set_time(START)
    await client.create_account("acme")
    await client.add_grant("acme", grant_id="first", amount=10)
    listener = Listener(client)
    await listener.hear()
    for number, step in enumerate(STEPS, 1):
        await set_time(START + number * SECOND)
        await step(client)
        await listener.hear()
    listener.task.cancel()
    return listener.told


@pytest.fixture
async def of_the_fake() -> list[Change]:
    with FakeCreditgate() as fake:

        async def set_time(now: int) -> None:
            fake.set_time(datetime.fromtimestamp(0, UTC) + timedelta(microseconds=now))

        async with fake.async_client() as client:
            return await story(client, set_time)


@pytest.fixture
async def of_the_server(database: Database) -> list[Change]:
    connection = await database.connect()
    clock = DatabaseClock(connection)
    await clock.stop()
    async with (
        running_server(database.url, run_workers=False, watch_interval_ms=20) as server,
        AsyncClient(server.target, api_key=server.key) as client,
    ):
        told = await story(client, clock.set_time)
    await connection.close()
    return told


def test_both_tell_the_same(of_the_fake: list[Change], of_the_server: list[Change]) -> None:
    assert of_the_fake == of_the_server
    kinds = {kind: sum(isinstance(each, kind) for each in of_the_server) for kind in KINDS}
    assert kinds == {AccountState: 11, HoldMustEnd: 2, Event: 3}


KINDS = (AccountState, HoldMustEnd, Event)
