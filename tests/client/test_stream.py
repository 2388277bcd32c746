"""Operations over one stream: the same answers, errors and retries as one by one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import creditgate
from creditgate._async import stream as _async_stream
from creditgate._policy import Throttle
from tests.client.awaits import until
from tests.client.conftest import Fake
from tests.client.tcp_proxy import TcpProxy
from tests.support.database import Database
from tests.support.server import ServerProcess, new_tenant, running_server


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The streams that were opened."""
    opened: list[Any] = []
    begin = _async_stream._Session.__init__

    def counted(self: Any, call: Any) -> None:
        opened.append(self)
        begin(self, call)

    monkeypatch.setattr(_async_stream._Session, "__init__", counted)
    return opened


@pytest.fixture
async def client(fake: Fake) -> AsyncIterator[creditgate.AsyncClient]:
    async with fake.async_client(stream=True, patience_seconds=15) as client:
        yield client


async def test_everything_goes_over_one_stream(
    fake: Fake, client: creditgate.AsyncClient, streams: list[Any]
) -> None:
    async def work(number: int) -> None:
        async with client.hold("acme", amount=1, hold_id=f"work-{number}") as hold:
            hold.use("0.5")
            await hold.report()

    await asyncio.gather(*(work(number) for number in range(50)))
    await client.charge("acme", hold_id="charge", amount=1)
    assert (await client.get_hold("acme", hold_id="work-7")).hold.charged == creditgate.to_credits(
        500_000
    )
    assert (await client.get_balance("acme")).settled == 74
    assert len(streams) == 1
    assert fake.sent().count("Reserve") == 50
    account = await client.get_account("acme")
    assert account.open_holds == 0, "what no stream carries goes by itself"


async def test_errors_are_those_of_the_operation(client: creditgate.AsyncClient) -> None:
    with pytest.raises(creditgate.NotFound):
        await client.get_balance("nobody")
    with pytest.raises(creditgate.InvalidRequest) as caught:
        await client.charge("acme", hold_id="no name", amount=1)
    assert caught.value.field == "hold_id"
    await client.release("acme", hold_id="work")
    with pytest.raises(creditgate.HoldReleased):
        await client.reserve("acme", hold_id="work", amount=1)


async def test_faults_are_bridged_as_ever(fake: Fake, client: creditgate.AsyncClient) -> None:
    fake.refuse(2)
    fake.lose_replies(2)
    answer = await client.charge("acme", hold_id="work", amount=2)
    assert answer.replayed
    assert (await client.get_balance("acme")).settled == 98


async def test_a_stream_that_breaks_is_opened_again(
    fake: Fake, client: creditgate.AsyncClient, streams: list[Any]
) -> None:
    await client.get_balance("acme")
    fake.stop()
    waiting = asyncio.create_task(client.charge("acme", hold_id="work", amount=2))
    await asyncio.sleep(0.1)
    fake.start()
    assert (await waiting).granted
    assert len(streams) > 1
    assert (await client.get_balance("acme")).settled == 98


async def test_a_key_that_is_refused_says_so(fake: Fake) -> None:
    async with fake.async_client(stream=True, api_key="wrong", patience_seconds=0.5) as client:
        with pytest.raises(creditgate.Unauthenticated):
            await client.get_balance("acme")


async def test_nobody_there_is_not_executed() -> None:
    async with creditgate.AsyncClient("127.0.0.1:1", stream=True, patience_seconds=0.3) as client:
        with pytest.raises(creditgate.NotExecuted):
            await client.charge("acme", hold_id="work", amount=2)


async def test_those_who_wait_no_longer_are_forgotten(
    client: creditgate.AsyncClient, streams: list[Any]
) -> None:
    await client.get_balance("acme")
    for _ in range(20):
        task = asyncio.create_task(client.get_balance("acme"))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
    assert (await client.get_balance("acme")).settled == 100
    assert not streams[0]._waiting
    assert not streams[0]._sent
    assert client._stream._slots._value == _async_stream.UNDER_WAY_MAX


async def test_a_black_hole_is_unknown_and_the_names_tell(database: Database) -> None:
    async with (
        running_server(database.url) as server,
        TcpProxy(server.target) as wire,
        creditgate.AsyncClient(
            wire.target, api_key=server.key, timeout_seconds=0.2, patience_seconds=0.5, stream=True
        ) as client,
    ):
        await client.create_account("acme")
        await client.add_grant("acme", grant_id="first", amount=100)
        await client.get_balance("acme")
        wire.lose_replies()
        with pytest.raises(creditgate.OutcomeUnknown):
            await client.charge("acme", hold_id="work", amount=2)
        wire.cut()
        assert (await client.charge("acme", hold_id="work", amount=2)).replayed
        for number in range(5):
            wire.lose_replies()
            cut = asyncio.get_running_loop().call_later(0.1, wire.cut)
            charges = [
                client.charge("acme", hold_id=f"{number}-{each}", amount=1) for each in range(3)
            ]
            assert all(each.granted for each in await asyncio.gather(*charges))
            cut.cancel()
        assert (await client.get_balance("acme")).settled == 83


async def test_a_server_that_goes_away_fails_nothing(database: Database, tmp_path: Path) -> None:
    """Many holds, over and over, while the server is stopped and started, then killed."""
    _, key = await new_tenant(database.url)
    with ServerProcess(database.url) as process:
        process.start(tmp_path)
        await process.ready()
        async with creditgate.AsyncClient(
            process.target, api_key=key, stream=True, patience_seconds=90
        ) as client:
            # However long a server takes to start here, it is waited for.
            client._throttle = Throttle(max_tokens=10_000, token_ratio=1)
            await client.create_account("acme")
            await client.add_grant("acme", grant_id="first", amount=10_000)
            done = 0

            async def work(name: int) -> None:
                nonlocal done
                for number in range(60):
                    hold_id = f"{name}-{number}"
                    await client.reserve("acme", hold_id=hold_id, amount=1)
                    await client.commit("acme", hold_id=hold_id, used="0.5")
                    done += 1

            async with asyncio.TaskGroup() as group:
                for name in range(3):
                    group.create_task(work(name))
                await until(lambda: done > 30)
                await process.terminate()
                process.start(tmp_path)
                await until(lambda: done > 100)
                process.kill()
                process.start(tmp_path)
            balance = await client.get_balance("acme")
    assert done == 180
    assert [balance.settled, balance.held] == [10_000 - 90, 0]
