"""Where stories take place: a real server on a database whose clock is set, or the SDK's fake."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from creditgate import AsyncClient
from creditgate.testing import FakeCreditgate
from creditgate_server.domain.account_keys import BUCKETS
from tests.support.clock import DatabaseClock
from tests.support.database import Connection, Database
from tests.support.server import running_server

BEGINNING = "2030-01-01T00:00"


class World:
    """A tenant's client, and the clock that everything goes by."""

    def __init__(self, client: AsyncClient, set_time: Callable[[int], Awaitable[None]]) -> None:
        self.client = client
        self._set_time = set_time

    async def at(self, when: str | datetime) -> None:
        """Let it be this time, UTC."""
        since = instant(when) - datetime.fromtimestamp(0, UTC)
        await self._set_time(since // timedelta(microseconds=1))


def instant(when: str | datetime) -> datetime:
    """A time as written in stories: UTC."""
    if isinstance(when, datetime):
        return when
    return datetime.fromisoformat(when).replace(tzinfo=UTC)


@asynccontextmanager
async def server_world(database: Database, **settings: Any) -> AsyncIterator[World]:
    """A real server; in the end every rule of its ledger must hold."""
    connection = await database.connect()
    clock = DatabaseClock(connection)
    await clock.stop()
    async with (
        running_server(database.url, **({"run_workers": False} | settings)) as server,
        AsyncClient(server.target, api_key=server.key) as client,
    ):
        world = World(client, clock.set_time)
        await world.at(BEGINNING)
        yield world
        assert await _violations(connection) == []
    await connection.close()


@asynccontextmanager
async def fake_world() -> AsyncIterator[World]:
    """The SDK's fake."""
    with FakeCreditgate() as fake:

        async def set_time(now: int) -> None:
            fake.set_time(datetime.fromtimestamp(0, UTC) + timedelta(microseconds=now))

        async with fake.async_client() as client:
            world = World(client, set_time)
            await world.at(BEGINNING)
            yield world


async def _violations(connection: Connection) -> list[str]:
    rows = []
    for bucket in range(BUCKETS):
        rows += await connection.fetch("SELECT * FROM creditgate.verify($1::smallint)", bucket)
    return [f"{row['rule']}: {row['detail']}" for row in rows]
