from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.clock import DatabaseClock
from tests.support.database import Database


@pytest.fixture
async def clock(database: Database) -> AsyncIterator[DatabaseClock]:
    """The clock of the test's database, standing still."""
    connection = await database.connect()
    clock = DatabaseClock(connection)
    await clock.stop()
    yield clock
    await connection.close()
