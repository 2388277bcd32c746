from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.database import Database
from tests.support.stage import Stage


@pytest.fixture(scope="module")
def stage(module_database: Database) -> Iterator[Stage]:
    """A real server whose database's clock stands still."""
    with Stage(module_database) as stage:
        yield stage
