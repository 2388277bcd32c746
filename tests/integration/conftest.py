from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from creditgate_server.postgres.keys import PostgresKeys
from creditgate_server.postgres.pool import Pool, open_pool
from tests.support.clock import DatabaseClock
from tests.support.database import Connection, Database
from tests.support.server import Running, running_server, settings_for


@pytest.fixture
async def clock(database: Database) -> AsyncIterator[DatabaseClock]:
    """The clock of the test's database, standing still."""
    connection = await database.connect()
    clock = DatabaseClock(connection)
    await clock.stop()
    yield clock
    await connection.close()


@pytest.fixture
async def server(database: Database) -> AsyncIterator[Running]:
    """A server of the test's database, with the settings it has by itself."""
    async with running_server(database.url) as server:
        yield server


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    """Connections to the test's database, as a server has them."""
    pool = await open_pool(settings_for(database.url))
    yield pool
    await pool.close(timeout_seconds=3)


@pytest.fixture
async def connection(database: Database) -> AsyncIterator[Connection]:
    """A connection of the owner's."""
    connection = await database.connect()
    yield connection
    await connection.close()


@pytest.fixture
async def tenant(pool: Pool) -> UUID:
    """A tenant of the test's database."""
    made, _ = await PostgresKeys(pool).ensure_tenant("acme")
    return made.tenant_id
