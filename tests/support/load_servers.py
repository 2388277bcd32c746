"""Several real server processes on one database, and callers spread over them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from uuid import UUID

from tests.support.database import Database
from tests.support.load import Caller
from tests.support.server import ServerProcess, new_tenant


@dataclass
class Fleet:
    """Servers of one database, with a tenant's key that may do everything."""

    servers: Sequence[ServerProcess]
    api_key: str
    tenant_id: UUID
    folder: Path
    _stack: AsyncExitStack

    @property
    def targets(self) -> list[str]:
        return [server.target for server in self.servers]

    async def callers(self, count: int = 2) -> list[Caller]:
        """Connections of their own, by turns to each of the servers, closed with the fleet."""
        callers = [Caller(target, self.api_key) for target in islice(cycle(self.targets), count)]
        for caller in callers:
            self._stack.push_async_callback(caller.close)
        return callers

    async def restart(self, server: ServerProcess) -> None:
        """Starts a server that has ended and waits until it serves."""
        server.start(self.folder)
        await server.ready()


@asynccontextmanager
async def fleet(
    database: Database,
    folder: Path,
    *,
    urls: Sequence[str] = (),
    count: int = 2,
    **environ: str,
) -> AsyncIterator[Fleet]:
    """Runs servers as processes until the end; `urls` gives each its own way to the database.

    `environ` holds settings by the names of their fields, for all of the servers.
    """
    settings = {f"CREDITGATE_{name.upper()}": value for name, value in environ.items()}
    settings.setdefault("CREDITGATE_LOG_LEVEL", os.environ.get("CREDITGATE_LOG_LEVEL", "warning"))
    tenant_id, key = await new_tenant(database.url)
    async with AsyncExitStack() as stack:
        servers = [
            stack.enter_context(ServerProcess(url, port=None, **settings))
            for url in urls or [database.url] * count
        ]
        for server in servers:
            server.start(folder)
        await asyncio.gather(*(server.ready() for server in servers))
        yield Fleet(servers, key, tenant_id, folder, stack)
