"""The SDK against the real server: lost replies, cut connections, crashes, TLS, traces."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import creditgate
from creditgate_server.domain.keys import Scope
from tests.client.awaits import CancelledAt, cancel_this
from tests.client.tcp_proxy import TcpProxy
from tests.support.certificates import Authority, write
from tests.support.database import Database
from tests.support.server import Running, ServerProcess, new_tenant, running_server

AWAITS_MAX = 60


@pytest.fixture
async def server(database: Database) -> AsyncIterator[Running]:
    async with running_server(database.url) as server:
        yield server


@pytest.fixture
async def credits_(server: Running) -> AsyncIterator[creditgate.AsyncClient]:
    async with creditgate.AsyncClient(server.target, api_key=server.key) as client:
        await client.create_account("acme")
        await client.add_grant("acme", grant_id="first", amount=100)
        yield client


async def test_the_first_minute(credits_: creditgate.AsyncClient) -> None:
    async with credits_.hold("acme", amount="5", hold_id="msg-1") as hold:
        hold.use("3.2")
    assert str(hold.balance.settled) == "96.8"
    assert hold.balance.held == 0
    listed = [each async for each in credits_.list_holds("acme")]
    assert [(each.hold_id, str(each.charged)) for each in listed] == [("msg-1", "3.2")]


@pytest.mark.usefixtures("credits_")
async def test_a_blocking_client_is_the_same(server: Running) -> None:
    def work() -> creditgate.Balance:
        with creditgate.Client(server.target, api_key=server.key) as client:
            with client.hold("acme", amount="5") as hold:
                hold.use("3.2")
            return client.get_balance("acme")

    assert str((await asyncio.to_thread(work)).settled) == "96.8"


async def test_lost_replies_are_resolved(server: Running, credits_: creditgate.AsyncClient) -> None:
    """The server acts, its answer never arrives, the connection breaks: the same names tell."""
    async with (
        TcpProxy(server.target) as wire,
        creditgate.AsyncClient(wire.target, api_key=server.key, timeout_seconds=0.5) as client,
    ):
        for number in range(8):
            name = f"work-{number}"
            await client.get_balance("acme")
            wire.lose_replies()
            restored = asyncio.get_running_loop().call_later(0.1, wire.cut)
            answer = await client.charge("acme", hold_id=name, amount=2)
            restored.cancel()
            assert answer.replayed, "the first attempt was carried out"
    balance = await credits_.get_balance("acme")
    assert balance.settled == 84


@pytest.mark.usefixtures("credits_")
async def test_a_black_hole_is_reported_as_unknown(server: Running) -> None:
    async with (
        TcpProxy(server.target) as wire,
        creditgate.AsyncClient(
            wire.target, api_key=server.key, timeout_seconds=0.2, patience_seconds=0.5
        ) as client,
    ):
        await client.get_balance("acme")
        wire.lose_replies()
        with pytest.raises(creditgate.OutcomeUnknown):
            await client.charge("acme", hold_id="work", amount=2)
        wire.cut()
        assert (await client.charge("acme", hold_id="work", amount=2)).replayed


async def test_cancelled_at_every_await(credits_: creditgate.AsyncClient) -> None:
    async def work(hold_id: str) -> None:
        async with credits_.hold("acme", amount=5, hold_id=hold_id) as hold:
            hold.use(2)
            await asyncio.sleep(0)

    for number in range(AWAITS_MAX):
        waiting = CancelledAt(work(f"work-{number}"), number=number, cancel=cancel_this)
        await asyncio.wait([asyncio.create_task(_await(waiting))])
        if not waiting.reached:
            break
    else:
        pytest.fail("the work waits more often than the test looks")
    holds = [hold async for hold in credits_.list_holds("acme")]
    charged = sum(hold.charged_micros for hold in holds)
    balance = await credits_.get_balance("acme")
    assert {hold.state for hold in holds} == {
        creditgate.HoldState.COMMITTED,
        creditgate.HoldState.RELEASED,
    }
    assert (balance.held_micros, balance.settled_micros) == (0, 100_000_000 - charged)


async def _await(work: CancelledAt) -> None:
    await work


async def test_a_server_killed_in_the_middle_of_a_hold(database: Database, tmp_path: Path) -> None:
    _, key = await new_tenant(database.url)
    with ServerProcess(database.url) as process:
        process.start(tmp_path)
        await process.ready()
        async with creditgate.AsyncClient(process.target, api_key=key) as client:
            await client.create_account("acme")
            await client.add_grant("acme", grant_id="first", amount=100)
            async with client.hold("acme", amount=5) as hold:
                hold.use(2)
                process.kill()
                process.start(tmp_path)
            balance = await client.get_balance("acme")
    assert [balance.settled, balance.held] == [98, 0]


async def test_a_key_without_the_scope_says_so(server: Running, database: Database) -> None:
    _, key = await new_tenant(database.url, scopes=[Scope.READ])
    async with creditgate.AsyncClient(server.target, api_key=key) as client:
        with pytest.raises(creditgate.ScopeMissing, match="scope=admin") as caught:
            await client.create_account("acme")
        assert caught.value.metadata["scope"] == "admin"
    async with creditgate.AsyncClient(server.target, api_key="cg_wrong") as client:
        with pytest.raises(creditgate.Unauthenticated):
            await client.get_balance("acme")


async def test_tls_and_a_client_certificate(database: Database, tmp_path: Path) -> None:
    authority = Authority("ours")
    certificate, key = authority.issue("server")
    mine, my_key = authority.issue("client")
    settings = {
        "tls_cert_file": write(tmp_path, "server.pem", certificate),
        "tls_key_file": write(tmp_path, "server.key", key),
        "tls_client_ca_file": write(tmp_path, "clients.pem", authority.pem),
    }
    tls = creditgate.TLS.from_files(
        root_certificates=write(tmp_path, "roots.pem", authority.pem),
        certificate_chain=write(tmp_path, "mine.pem", mine),
        private_key=write(tmp_path, "mine.key", my_key),
    )
    async with running_server(database.url, **settings) as server:
        async with creditgate.AsyncClient(server.target, api_key=server.key, tls=tls) as client:
            assert (await client.create_account("acme")).account_id == "acme"
        strangers = creditgate.TLS(root_certificates=authority.pem)
        async with creditgate.AsyncClient(
            server.target, api_key=server.key, tls=strangers, patience_seconds=0.5
        ) as client:
            with pytest.raises(creditgate.Unavailable):
                await client.get_balance("acme")
