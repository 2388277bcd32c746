"""What the pool does when the database behind it changes."""

from __future__ import annotations

from uuid import uuid4

import pytest

from creditgate_server.domain.accounts import NewAccount
from creditgate_server.domain.errors import NotExecutedError
from creditgate_server.domain.outcomes import Outcome
from creditgate_server.migrate import pending
from creditgate_server.postgres.accounts import PostgresAccounts
from creditgate_server.postgres.pool import open_pool
from creditgate_server.settings import Settings
from tests.support.database import Database


async def test_connections_to_a_primary_that_became_read_only_are_replaced(
    database: Database,
) -> None:
    pool = await open_pool(Settings(database_url=database.url, key_pepper="p" * 32))
    accounts = PostgresAccounts(pool)
    try:
        async with pool.connection() as connection:
            await connection.execute("SET default_transaction_read_only = on")
        with pytest.raises(NotExecutedError, match="25006"):
            await accounts.create_account(uuid4(), NewAccount("one"))
        outcome, _ = await accounts.create_account(uuid4(), NewAccount("one"))
        assert outcome == Outcome.ACCEPTED
    finally:
        await pool.close(timeout_seconds=5)


async def test_a_login_that_owns_nothing_can_serve(database: Database) -> None:
    owner = await database.connect()
    try:
        await owner.execute("CREATE ROLE plain_login LOGIN IN ROLE creditgate_server")
        url = database.cluster.url(database.name, user="plain_login")
        assert await pending(url) == []
        pool = await open_pool(Settings(database_url=url, key_pepper="p" * 32))
        outcome, _ = await PostgresAccounts(pool).create_account(uuid4(), NewAccount("one"))
        assert outcome == Outcome.ACCEPTED
        await pool.close(timeout_seconds=5)
    finally:
        await owner.execute("DROP ROLE plain_login")
        await owner.close()


async def test_the_session_cannot_shed_its_role(database: Database) -> None:
    pool = await open_pool(Settings(database_url=database.url, key_pepper="p" * 32))
    try:
        async with pool.connection() as connection:
            await connection.execute("RESET ROLE")
            assert await connection.fetchval("SELECT current_user") == "creditgate_server"
    finally:
        await pool.close(timeout_seconds=5)
