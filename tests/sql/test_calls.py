"""The open calls of a gateway are found by their index, whatever the tables hold."""

from __future__ import annotations

from uuid import UUID

from creditgate_server.postgres.calls import LIST_CALLS
from creditgate_server.postgres.pool import open_pool
from tests.support.database import Database
from tests.support.server import settings_for


async def test_a_gateways_calls_are_found_by_their_index(database: Database) -> None:
    pool = await open_pool(settings_for(database.url))
    async with pool.connection() as connection:
        rows = await connection.fetch(
            f"EXPLAIN {LIST_CALLS}", list(range(64)), UUID(int=1), None, 0, -1, UUID(int=0), "", 51
        )
    plan = "\n".join(row[0] for row in rows)
    assert "holds_of_gateways" in plan, plan
    assert "Seq Scan on holds" not in plan, plan
    await pool.close(timeout_seconds=3)
