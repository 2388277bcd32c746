"""A watch of the SDK outlives what its server does not: restarts, crashes, cut connections."""

from __future__ import annotations

import asyncio
from pathlib import Path

import creditgate
from creditgate import AccountState
from tests.client.tcp_proxy import TcpProxy
from tests.support.database import Database
from tests.support.figures import Figures
from tests.support.server import Running, ServerProcess, new_tenant, until


class Follower:
    """Follows a watch, and remembers what it was told."""

    def __init__(self, client: creditgate.AsyncClient) -> None:
        self._client = client
        self.states: list[AccountState] = []
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        async for change in self._client.watch("acme"):
            if isinstance(change, AccountState):
                self.states.append(change)

    async def knows(self, version: int) -> None:
        """Wait until it knows a version."""
        await until(lambda: self._task.done() or self.version >= version, seconds=20)
        assert not self._task.done(), self._task.exception()

    @property
    def version(self) -> int:
        return self.states[-1].balance.version if self.states else -1

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])


async def test_a_cut_connection_is_not_noticed(server: Running) -> None:
    async with (
        TcpProxy(server.target) as wire,
        creditgate.AsyncClient(server.target, api_key=server.key) as works,
        creditgate.AsyncClient(wire.target, api_key=server.key) as watches,
    ):
        await works.create_account("acme")
        await works.add_grant("acme", grant_id="first", amount=100)
        follower = Follower(watches)
        await follower.knows(1)
        for number in range(5):
            wire.cut()
            charged = await works.charge("acme", hold_id=f"c-{number}", amount=1)
            await follower.knows(charged.balance.version)
        told = [each.balance.version for each in follower.states]
        assert told == sorted(set(told)), "nothing is told twice"
        await follower.stop()


async def test_restarts_and_crashes_are_not_noticed(
    database: Database, tmp_path: Path, figures: Figures
) -> None:
    _, key = await new_tenant(database.url)
    with ServerProcess(database.url) as one, ServerProcess(database.url) as two:
        for server in (one, two):
            await server.start(tmp_path).ready()
        target = f"ipv4:{one.target},{two.target}"
        async with creditgate.AsyncClient(target, api_key=key) as client:
            await client.create_account("acme")
            await client.add_grant("acme", grant_id="first", amount=100)
            followers = [Follower(client) for _ in range(10)]
            for number, server in enumerate((one, two, one)):
                if number == 1:
                    server.kill()
                else:
                    assert await server.terminate() == 0, server.read_log()
                charged = await client.charge("acme", hold_id=f"c-{number}", amount=1)
                await asyncio.gather(*(each.knows(charged.balance.version) for each in followers))
                await server.start(tmp_path).ready()
            figures(restarts=2, crashes=1, watches=len(followers), lost=0)
            for each in followers:
                await each.stop()
