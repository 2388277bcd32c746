"""What goes wrong with PostgreSQL, done on purpose; and what to look for afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.support.database import Connection, Database

ROOT = Path(__file__).parents[2]
BUCKETS = 64

# Writes down what becomes of holds, whatever code changes them: each change of state, with the
# database's clock. As owner, because the server's role may not write here.
_WATCH = """
CREATE TABLE public.transitions (
    hold_id text, was smallint, became smallint, expires_at timestamptz, at timestamptz);
CREATE FUNCTION public.watch() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO public.transitions
    VALUES (NEW.hold_id, CASE TG_OP WHEN 'UPDATE' THEN OLD.state END, NEW.state, NEW.expires_at,
            clock_timestamp());
    RETURN NULL;
END $$;
CREATE TRIGGER watch_made AFTER INSERT ON creditgate.holds
    FOR EACH ROW EXECUTE FUNCTION public.watch();
CREATE TRIGGER watch_changed AFTER UPDATE ON creditgate.holds
    FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION public.watch();
"""

_SLOW_COMMIT = """
CREATE FUNCTION public.dawdle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_sleep({seconds});
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER dawdle AFTER INSERT OR UPDATE ON creditgate.holds
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.hold_id LIKE 'slow-%') EXECUTE FUNCTION public.dawdle();
"""

_SERVERS = "datname = current_database() AND application_name = 'creditgate-server'"


class Sessions(NamedTuple):
    """The connections of servers to a database."""

    total: int
    idle_in_transaction: int
    active: int


@asynccontextmanager
async def superuser(database: Database) -> AsyncIterator[Connection]:
    """A connection as the owner of everything."""
    connection = await database.connect()
    try:
        yield connection
    finally:
        await connection.close()


async def watch_transitions(database: Database) -> None:
    """Has each change of a hold's state written to public.transitions."""
    async with superuser(database) as connection:
        await connection.execute(_WATCH)


async def slow_commits(database: Database, *, seconds: float) -> None:
    """Makes the COMMIT of whatever changes a hold named slow-... take so long."""
    async with superuser(database) as connection:
        await connection.execute(_SLOW_COMMIT.format(seconds=seconds))


async def vary(database: Database, file: str, *changes: tuple[str, str]) -> None:
    """Replaces a function of the database by one with a protection taken out.

    `file` is below migrations/functions; each change is (text that is there once, text instead).
    """
    text = (ROOT / "migrations" / "functions" / file).read_text()
    async with superuser(database) as connection:
        await connection.execute(changed(text, *changes, where=file))


def changed(text: str, *changes: tuple[str, str], where: str) -> str:
    """The text with each change made. A change whose text is not there exactly once is an error."""
    for old, new in changes:
        if text.count(old) != 1:
            raise LookupError(f"{where} has this {text.count(old)} times, not once: {old!r}")
        text = text.replace(old, new)
    return text


async def broken_rules(database: Database) -> list[str]:
    """What creditgate.verify finds broken, in all buckets."""
    async with superuser(database) as connection:
        rows = await connection.fetch(
            "SELECT v.rule, v.account_id, v.detail"
            f"  FROM generate_series(0, {BUCKETS - 1}) AS b,"
            "       creditgate.verify(b::smallint) AS v"
        )
    return [f"{row['account_id']}: {row['rule']}: {row['detail']}" for row in rows]


async def sessions(database: Database) -> Sessions:
    """How many connections servers have to a database, and what they do."""
    async with superuser(database) as connection:
        row = await connection.fetchrow(
            "SELECT count(*), count(*) FILTER (WHERE state LIKE 'idle in transaction%'),"
            "       count(*) FILTER (WHERE state = 'active')"
            f"  FROM pg_stat_activity WHERE {_SERVERS}"
        )
    assert row
    return Sessions(*row)


async def settled_sessions(database: Database, *, seconds: float = 5.0) -> Sessions:
    """The same once nothing is under way any more, or the time is over."""
    until = asyncio.get_running_loop().time() + seconds
    while (found := await sessions(database)).active or found.idle_in_transaction:
        if asyncio.get_running_loop().time() > until:
            break
        await asyncio.sleep(0.1)
    return found


@asynccontextmanager
async def locked_table(database: Database, table: str) -> AsyncIterator[None]:
    """Keeps everybody from a table, as a careless migration does."""
    async with superuser(database) as connection, connection.transaction():
        await connection.execute(f"LOCK TABLE creditgate.{table} IN ACCESS EXCLUSIVE MODE")
        yield


@asynccontextmanager
async def locked_account(database: Database, account_id: str) -> AsyncIterator[None]:
    """Keeps everybody from one account."""
    async with superuser(database) as connection, connection.transaction():
        await connection.execute(
            "SELECT FROM creditgate.accounts WHERE account_id = $1 FOR UPDATE", account_id
        )
        yield


@contextmanager
def frozen(postmaster: int) -> Iterator[None]:
    """Stops a PostgreSQL server and all its processes in their tracks, for a while."""
    os.kill(postmaster, signal.SIGSTOP)
    stopped = [postmaster, *children(postmaster)]
    for pid in stopped:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in reversed(stopped):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def children(pid: int) -> list[int]:
    """The processes a process has started."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(stat.read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(stat.parent.name))
    return found


def open_files(pid: int) -> int:
    """How many files and sockets a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))
