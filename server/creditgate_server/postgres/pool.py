"""The connections to PostgreSQL: their role, their limits, and how one is borrowed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

import asyncpg

from creditgate_server.domain.errors import NotExecutedError

from .errors import LOST, connecting, executing

if TYPE_CHECKING:
    from creditgate_server.settings import Settings

# In quotes, because only the stubs of asyncpg make its classes generic.
Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
Record: TypeAlias = "asyncpg.Record"

ROLE = "creditgate_server"
"""The role every statement runs as, whoever the connection logs in as.

It cannot rewrite entries or the schema.
"""


APPLY = "SELECT * FROM creditgate.apply($1::creditgate.operation[], $2::creditgate.metered[])"
"""The hot path's one statement, which every connection learns when it is opened."""

_READ_ONLY = "25006"
_log = logging.getLogger(__name__)


class Pool:
    """A bounded set of connections, opened as they are needed.

    All errors are those of `domain.errors`.
    """

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], *, acquire_timeout_ms: int) -> None:
        self._pool = pool
        self._acquire_timeout_seconds = acquire_timeout_ms / 1000

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Borrow a connection. Raises `NotExecutedError` when none is to be had in time."""
        with connecting():
            connection = await self._pool.acquire(timeout=self._acquire_timeout_seconds)
        try:
            yield connection
        except NotExecutedError as error:
            if getattr(error.__cause__, "sqlstate", None) == _READ_ONLY:
                # The primary has become a standby: only new connections find the new primary.
                await self._pool.expire_connections()
            raise
        finally:
            await self._give_back(connection)

    async def rows(self, sql: str, *values: Any) -> list[Record]:
        """Run one statement, which is a transaction, and answer its rows."""
        async with self.connection() as connection:
            with executing():
                return await connection.fetch(sql, *values)

    async def value(self, sql: str, *values: Any) -> Any:
        """Run one statement, which is a transaction, and answer its one value."""
        async with self.connection() as connection:
            with executing():
                return await connection.fetchval(sql, *values)

    @property
    def size(self) -> int:
        """How many connections are open."""
        return self._pool.get_size()

    @property
    def idle(self) -> int:
        """How many open connections nobody has borrowed."""
        return self._pool.get_idle_size()

    async def _give_back(self, connection: Connection) -> None:
        """Return a connection; one that cannot be returned is ended, and its result stands."""
        try:
            await self._pool.release(connection, timeout=self._acquire_timeout_seconds)
        except (*LOST, asyncpg.PostgresError) as error:
            # The driver has ended it before it raised this.
            _log.info("a connection was ended, not returned: %s", type(error).__name__)

    async def close(self, *, timeout_seconds: float) -> None:
        """Close all connections, giving borrowed ones that long to come back."""
        try:
            await asyncio.wait_for(self._pool.close(), timeout_seconds)
        except TimeoutError:
            self._pool.terminate()


async def open_pool(settings: Settings) -> Pool:
    """Open a pool.

    Connections follow when they are needed, so a database that is away fails calls, not this.
    """
    options = {
        "application_name": "creditgate-server",
        "role": ROLE,
        "search_path": "pg_catalog",
        # Every statement finds its rows by their keys, whatever the statistics of the day say, so
        # it is planned once per connection: planning would take longer than running it.
        "plan_cache_mode": "force_generic_plan",
        "enable_seqscan": "off",
        "enable_hashjoin": "off",
        "enable_mergejoin": "off",
        "jit": "off",
        # Sums over some thousand names are made in memory; in less they would be sorted on disk.
        "work_mem": "16MB",
        "statement_timeout": str(settings.statement_timeout_ms),
        "lock_timeout": str(settings.lock_timeout_ms),
        "idle_in_transaction_session_timeout": "3000",
        "client_connection_check_interval": "1000",
    }
    pool = await asyncpg.create_pool(
        settings.database_url,
        min_size=0,
        max_size=settings.pool_size,
        timeout=settings.connect_timeout_ms / 1000,
        # PostgreSQL's own limit comes first; this one is for a server that does not answer at all.
        command_timeout=settings.statement_timeout_ms / 1000 + 0.5,
        max_inactive_connection_lifetime=300,
        server_settings=options,
        init=_warm,
        reset=_keep,
    )
    return Pool(pool, acquire_timeout_ms=settings.acquire_timeout_ms)


async def _keep(connection: Any) -> None:
    """Give a connection back as it is: nothing we send leaves a state behind.

    A reset would be a second round trip for every batch.
    """


async def _warm(connection: Any) -> None:
    """Let the driver learn the hot path's types now, rather than in the first caller's time."""
    try:
        await connection.fetch(APPLY, [], [])
    except (
        asyncpg.UndefinedFunctionError,
        asyncpg.UndefinedObjectError,
        asyncpg.InvalidSchemaNameError,
    ):
        # Not migrated yet: whoever starts the server is told so by another check.
        return
