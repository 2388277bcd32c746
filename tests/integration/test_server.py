"""The server as a whole: a hold's life, its lists, its start, its processes."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from creditgate.v1 import account_service_pb2 as accounts_pb
from creditgate.v1 import authorization_service_pb2 as pb
from creditgate.v1 import hold_pb2
from creditgate_server.app import StartError
from tests.support.calls import ADMINISTRATION, BY_NAME, SELLING, TELLING, good, service_of
from tests.support.database import Database
from tests.support.server import (
    CREDIT,
    Caller,
    ServerProcess,
    new_tenant,
    running_server,
    unstarted_app,
    until,
)


@pytest.fixture
async def caller(database: Database) -> AsyncIterator[Caller]:
    async with running_server(database.url) as server, server.caller() as caller:
        yield caller


async def test_the_life_of_a_hold(caller: Caller) -> None:
    account = await caller.account(credits_=100)
    reserved = await caller.authorization.Reserve(
        pb.ReserveRequest(account_id=account, hold_id="msg-1", amount_micros=5 * CREDIT)
    )
    assert reserved.decision == pb.DECISION_GRANTED
    committed = await caller.authorization.Commit(
        pb.CommitRequest(account_id=account, hold_id="msg-1", used_micros=3_200_000)
    )
    assert committed.charged_micros == 3_200_000
    balance = await caller.authorization.GetBalance(pb.GetBalanceRequest(account_id=account))
    assert (balance.balance.settled_micros, balance.balance.held_micros) == (96_800_000, 0)


async def test_a_hold_says_all_that_was_said_of_it(caller: Caller) -> None:
    await caller.account(account_id="acme")
    request = good(BY_NAME["Reserve"], "acme")
    reserved = await caller.authorization.Reserve(request)
    read = await caller.authorization.GetHold(
        pb.GetHoldRequest(account_id="acme", hold_id=reserved.hold.hold_id)
    )
    assert read.hold == reserved.hold
    assert read.hold.attributes == hold_pb2.Attributes(
        agent="a", model="m", conversation_id="c", call_id="c", user="u", topic="t"
    )
    assert dict(read.hold.labels) == {"team": "blue"}
    lived = read.hold.expires_at.ToDatetime() - read.hold.created_at.ToDatetime()
    assert lived.total_seconds() == 30


async def test_every_administrative_call_answers(caller: Caller) -> None:
    await caller.account(account_id="acme")
    await caller.authorization.Charge(good(BY_NAME["Charge"], "acme", name="paid"))
    refund = accounts_pb.RefundRequest(
        account_id="acme", refund_id="r", hold_id="paid", amount_micros=3
    )
    assert (await caller.accounts.Refund(refund)).hold.refunded_micros == 3
    assert (await caller.accounts.Refund(refund)).replayed
    account = (await caller.accounts.GetAccount(good(BY_NAME["GetAccount"], "acme"))).account
    assert account.balance.settled_micros == 100 * CREDIT - 7
    for method in (*SELLING, *ADMINISTRATION, *TELLING):
        if method.name not in {"CreateAccount", "Refund", "RefuseTopup", "RetryDelivery"}:
            await service_of(caller, method)(good(method, "acme", name="n"))
    account = (await caller.accounts.GetAccount(good(BY_NAME["GetAccount"], "acme"))).account
    refusal = accounts_pb.RefuseTopupRequest(account_id="acme", request_id=account.topup_request_id)
    assert (await caller.accounts.RefuseTopup(refusal)).topup.ended_at.seconds > 0
    statement = await caller.accounts.GetStatement(
        accounts_pb.GetStatementRequest(account_id="acme")
    )
    assert account.balance.settled_micros == statement.closing_micros


async def pages_of(caller: Caller, method: str, size: int, **about: Any) -> list[Any]:
    """Read a list page by page, and check that only the last page is short."""
    read: list[Any] = []
    token = ""
    while True:
        request = BY_NAME[method].request(page_size=size, page_token=token, **about)
        page = await service_of(caller, BY_NAME[method])(request)
        items = list(page.ListFields()[0][1]) if page.ListFields() else []
        read += items
        token = page.next_page_token
        if not token:
            return read
        assert len(items) == size


async def test_lists_are_whole_at_every_page_size(caller: Caller) -> None:
    names = [f"a{number:02}" for number in range(54)]
    for name in names:
        await caller.account(account_id=name, credits_=0)
    await caller.account(account_id="big")
    operations: Any = [
        {"request_id": "1", "reserve": good(BY_NAME["Reserve"], "big", name=f"h{number:02}")}
        for number in range(54)
    ]
    await caller.authorization.BatchAuthorize(pb.BatchAuthorizeRequest(operations=operations))
    for number in range(8):
        await caller.accounts.AddGrant(good(BY_NAME["AddGrant"], "big", name=f"g{number}"))
    for size in (1, 5, 16, 53, 54, 100):
        accounts = await pages_of(caller, "ListAccounts", size)
        assert [account.account_id for account in accounts] == [*names, "big"]
        holds = await pages_of(caller, "ListHolds", size, account_id="big")
        assert [hold.hold_id for hold in holds] == [f"h{number:02}" for number in range(54)]
        grants = await pages_of(caller, "ListGrants", size, account_id="big")
        assert [grant.grant_id for grant in grants] == [
            *(f"g{number}" for number in reversed(range(8))), "first",
        ]  # fmt: skip
    released = hold_pb2.HOLD_STATE_RELEASED
    await caller.authorization.Release(pb.ReleaseRequest(account_id="big", hold_id="h07"))
    holds = await pages_of(caller, "ListHolds", 1, account_id="big", state=released)
    assert [hold.hold_id for hold in holds] == ["h07"]


async def test_a_page_is_never_larger_than_1000(caller: Caller) -> None:
    await caller.account(account_id="acme", credits_=0)
    for size in (0, 2**31 - 1):
        page = await caller.accounts.ListAccounts(accounts_pb.ListAccountsRequest(page_size=size))
        assert len(page.accounts) == 1
        assert not page.next_page_token


async def test_a_page_ends_before_it_is_too_large_to_receive(caller: Caller) -> None:
    labels = {f"{number:064}": "ü" * 256 for number in range(16)}
    names = [f"a{number:03}" for number in range(300)]
    for name in names:
        await caller.accounts.CreateAccount(
            accounts_pb.CreateAccountRequest(account_id=name, labels=labels)
        )
    page = await caller.accounts.ListAccounts(accounts_pb.ListAccountsRequest(page_size=1000))
    assert 200 < len(page.accounts) < 300
    rest = await caller.accounts.ListAccounts(
        accounts_pb.ListAccountsRequest(page_size=1000, page_token=page.next_page_token)
    )
    assert [a.account_id for a in (*page.accounts, *rest.accounts)] == names
    assert not rest.next_page_token


async def test_a_taken_port_is_told(database: Database) -> None:
    async with (
        running_server(database.url) as server,
        unstarted_app(database.url, listen=server.target) as app,
    ):
        with pytest.raises(StartError, match=f"cannot listen on {server.target}: it is taken"):
            await app.start()


async def test_a_database_without_our_schema_is_told(empty_database: Database) -> None:
    connection = await empty_database.connect()
    exists = await connection.fetchval(
        "SELECT true FROM pg_roles WHERE rolname = 'creditgate_server'"
    )
    if not exists:
        await connection.execute("CREATE ROLE creditgate_server NOLOGIN")
    await connection.close()
    async with unstarted_app(empty_database.url) as app:
        with pytest.raises(StartError, match=r"lacks 0001_ledger.*run creditgate-server migrate"):
            await app.start()


async def test_a_database_that_may_forget_is_refused_unless_told_so(database: Database) -> None:
    connection = await database.connect()
    await connection.execute(f"ALTER DATABASE {database.name} SET synchronous_commit = off")
    await connection.close()
    async with unstarted_app(database.url) as app:
        with pytest.raises(StartError, match="synchronous_commit off"):
            await app.start()
    async with running_server(database.url, allow_unsafe_durability=True) as server:
        assert server.app.health.serving


@pytest.mark.faults
async def test_several_processes_share_a_port_and_one_that_dies_is_replaced(
    database: Database, tmp_path: Path
) -> None:
    tenant_id, key = await new_tenant(database.url)
    with ServerProcess(database.url, CREDITGATE_WORKERS="2") as server:
        await server.start(tmp_path).ready()
        await until(lambda: len(children_of(server.process.pid)) == 2)
        first = children_of(server.process.pid)
        async with Caller(server.target, key, tenant_id) as caller:
            await caller.account(account_id="acme")
        await asyncio.sleep(5)
        os.kill(min(first), signal.SIGKILL)
        await until(lambda: len(children_of(server.process.pid) - first) == 1, seconds=20)
        assert await server.terminate(within_seconds=30) == 0, server.read_log()
        await until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in first))
        assert "Traceback" not in server.read_log()


def children_of(pid: int) -> set[int]:
    """Answer the processes a process has started."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return {int(child) for child in text.split()}


async def test_processes_do_not_share_a_port_with_a_stranger(
    database: Database, tmp_path: Path
) -> None:
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        port = stranger.getsockname()[1]
        with ServerProcess(database.url, port=port, CREDITGATE_WORKERS="2") as server:
            server.start(tmp_path)
            assert await asyncio.to_thread(server.process.wait, 20) != 0
            assert f"cannot listen on 127.0.0.1:{port}" in server.read_log()
