"""A real server on a database whose clock stands still: where the oracle is compared with it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self, TypeVar
from uuid import UUID

from creditgate_server.domain.account_keys import BUCKETS, account_key
from tests.contract.drivers import GrpcDriver
from tests.support.clock import DatabaseClock
from tests.support.database import Connection, Database
from tests.support.server import Running, running_server

Result = TypeVar("Result")

SWEEP_LIMIT = 1_000


class Stage:
    """Owns an event loop with a server in it, for tests that are not coroutines themselves."""

    driver: GrpcDriver
    connection: Connection
    _server: Running

    def __init__(self, database: Database) -> None:
        self._database = database
        self._runner = asyncio.Runner()
        self._open = AsyncExitStack()

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine to its end in the loop of the server."""
        return self._runner.run(work)

    def __enter__(self) -> Self:
        self.run(self._start())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.run(self._open.aclose())
        self._runner.close()

    @property
    def tenant_id(self) -> UUID:
        """Whose accounts the driver asks about."""
        return self._server.tenant_id

    async def violations(self, account_id: str) -> list[str]:
        """The rules of the ledger that do not hold now, proved in SQL on one account."""
        key = account_key(self._server.tenant_id, account_id)
        rows = await self.connection.fetch(
            "SELECT rule, detail FROM creditgate.verify($1::smallint) WHERE account_key = $2",
            key.bucket,
            key.account_key,
        )
        return [f"{row['rule']}: {row['detail']}" for row in rows]

    async def _start(self) -> None:
        self.connection = await self._database.connect()
        self._open.push_async_callback(self.connection.close)
        clock = DatabaseClock(self.connection)
        await clock.stop()
        server = running_server(
            self._database.url, run_workers=False, drain_timeout_ms=100, lanes=1
        )
        self._server = await self._open.enter_async_context(server)
        self.driver = GrpcDriver(
            self._server.target,
            api_key=self._server.key,
            set_time=clock.set_time,
            sweep=self._sweep,
        )
        self._open.push_async_callback(self.driver.close)

    async def _sweep(self) -> None:
        for bucket in range(BUCKETS):
            await self.connection.execute(
                "SELECT creditgate.expire_holds($1::smallint, $2)", bucket, SWEEP_LIMIT
            )
