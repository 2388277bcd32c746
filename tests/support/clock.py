"""The clock of a test's database: it stands still at the instant it was set to.

Everything in the database that decides by time asks `creditgate.clock()`; here that is replaced, so
that a test knows `now` exactly and need not wait for what time does.
"""

from __future__ import annotations

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from tests.support.database import Connection

_INSTALL = """
CREATE SCHEMA creditgate_test;
CREATE TABLE creditgate_test.clock (now timestamptz NOT NULL);
INSERT INTO creditgate_test.clock VALUES (clock_timestamp());
GRANT USAGE ON SCHEMA creditgate_test TO creditgate_server;
GRANT SELECT ON creditgate_test.clock TO creditgate_server;
CREATE OR REPLACE FUNCTION creditgate.clock() RETURNS timestamptz
LANGUAGE sql VOLATILE AS $$ SELECT now FROM creditgate_test.clock $$;
"""
_SET = """
UPDATE creditgate_test.clock SET now = timestamptz 'epoch' + $1 * interval '1 microsecond'
"""

_ADVANCE = "UPDATE creditgate_test.clock SET now = now + $1::float8 * interval '1 second'"


class DatabaseClock:
    """Stops a database's clock and sets it. `connection` is the owner's."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def stop(self) -> None:
        """Replace the clock by one that stands still."""
        await self._connection.execute(_INSTALL)

    async def set_time(self, now: int) -> None:
        """Let it be this instant, in microseconds since 1970."""
        # PostgreSQL multiplies intervals by floats, which count microseconds exactly until 2255.
        await self._connection.execute(_SET, now)

    async def read(self) -> datetime:
        """Answer what time it is."""
        now: datetime = await self._connection.fetchval("SELECT now FROM creditgate_test.clock")
        return now

    async def advance(self, *, seconds: float) -> None:
        """Let time pass."""
        await self._connection.execute(_ADVANCE, float(seconds))


async def set_clock(clock: DatabaseClock, text: str) -> None:
    """Let it be this time, UTC."""
    await clock.set_time(stamp(text).ToMicroseconds())


def stamp(text: str) -> Timestamp:
    """Write a time, UTC, as messages have it."""
    moment = Timestamp()
    moment.FromDatetime(datetime.fromisoformat(text).replace(tzinfo=UTC))
    return moment
