from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.scenarios.world import World, fake_world, server_world
from tests.support.database import Database


@pytest.fixture(params=["server", "fake"])
def place(request: pytest.FixtureRequest) -> Database | None:
    """Where a story is told: a database, or none. What the fake says must be true of the server."""
    if request.param == "fake":
        return None
    database = request.getfixturevalue("database")
    assert isinstance(database, Database)
    return database


@pytest.fixture
async def world(place: Database | None) -> AsyncIterator[World]:
    async with fake_world() if place is None else server_world(place) as world:
        yield world
