"""Databases that are written in a time of their own, on a server of one's own, before being used.

Everything in a database that decides by time asks `creditgate.clock()`. Here that is replaced, so
that a past can be lived through; which nobody may do to a database that is used. So a draft is a
database that nobody knows, under another name, until its clock has been put back.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import asyncpg

# In quotes, because only the stubs of asyncpg make its classes generic.
_Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

_EPOCH = datetime.fromtimestamp(0, UTC)
_CLOCK = "SELECT pg_get_functiondef('creditgate.clock()'::regprocedure)"
_STOP = """
CREATE SCHEMA creditgate_draft;
CREATE TABLE creditgate_draft.clock (now timestamptz NOT NULL);
INSERT INTO creditgate_draft.clock VALUES (clock_timestamp());
GRANT USAGE ON SCHEMA creditgate_draft TO creditgate_server;
GRANT SELECT ON creditgate_draft.clock TO creditgate_server;
CREATE OR REPLACE FUNCTION creditgate.clock() RETURNS timestamptz
LANGUAGE sql VOLATILE AS $$ SELECT now FROM creditgate_draft.clock $$;
"""
_SET = """
UPDATE creditgate_draft.clock SET now = timestamptz 'epoch' + $1 * interval '1 microsecond'
"""
_DUE = "SELECT min(due_at) FROM creditgate.accounts WHERE due_at < 'infinity'"


class Drafts:
    """The drafts of a PostgreSQL server, by the names they will have.

    `url_of` answers the address of a database for the superuser.
    """

    def __init__(self, url_of: Callable[[str], str]) -> None:
        self._url_of = url_of

    async def is_whole(self, name: str) -> bool:
        """Whether the database is there, and so has been written to its end."""
        async with _connected(self._url_of("postgres")) as connection:
            found = await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name)
        return found is not None

    async def begin(self, name: str) -> str:
        """Make an empty draft and answer its address; what was left of another one is dropped."""
        draft = f"{name}_draft"
        async with _connected(self._url_of("postgres")) as connection:
            await connection.execute(f'DROP DATABASE IF EXISTS "{draft}" WITH (FORCE)')
            await connection.execute(f'CREATE DATABASE "{draft}"')
            # What a crash takes from a draft is dropped with it.
            await connection.execute(f'ALTER DATABASE "{draft}" SET synchronous_commit = off')
        return self._url_of(draft)

    async def finish(self, name: str) -> None:
        """Give a draft, to which nobody is connected, the name it is used by."""
        async with _connected(self._url_of(f"{name}_draft")) as connection:
            # Otherwise the first who read it would be read to by plans for empty tables.
            await connection.execute("VACUUM (ANALYZE)")
        async with _connected(self._url_of("postgres")) as connection:
            await connection.execute(f'ALTER DATABASE "{name}_draft" RESET synchronous_commit')
            # This waits for the disk to have everything that was written before.
            await connection.execute(f'ALTER DATABASE "{name}_draft" RENAME TO "{name}"')


class SetClock:
    """A clock that stands still at the instant it was set to; made by `clock_set`."""

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection

    async def set(self, now: datetime) -> None:
        """Let it be this time."""
        # PostgreSQL multiplies intervals by floats, which count microseconds exactly until 2255.
        await self._connection.execute(_SET, (now - _EPOCH) // timedelta(microseconds=1))

    async def next_due(self) -> datetime | None:
        """Answer when the first thing of all accounts is due that comes by itself."""
        due: datetime | None = await self._connection.fetchval(_DUE)
        return due


@asynccontextmanager
async def clock_set(url: str) -> AsyncIterator[SetClock]:
    """Stop a draft's clock while the body runs, and put it back as it was when that is done.

    After an exception it stays as it is: the draft is of no use any more.
    """
    async with _connected(url) as connection:
        before = await connection.fetchval(_CLOCK)
        await connection.execute(_STOP)
        yield SetClock(connection)
        async with connection.transaction():
            await connection.execute(before)
            await connection.execute("DROP SCHEMA creditgate_draft CASCADE")


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[_Connection]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()
