"""Archiving as operators switch it on. Callers do not notice, until an archive is emptied."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from time import perf_counter
from typing import Any

import grpc
import pytest
from click.testing import CliRunner
from google.protobuf.message import Message

import creditgate
from creditgate.v1 import account_service_pb2 as accounts_pb
from creditgate.v1 import authorization_service_pb2 as pb
from creditgate.v1 import usage_pb2
from creditgate.v1 import usage_service_pb2 as usage_pb
from creditgate_server.cli import main
from tests.support.calls import failure
from tests.support.clock import DatabaseClock, set_clock, stamp
from tests.support.database import Connection, Database
from tests.support.server import CREDIT, Caller, Running, running_server

FAILED = grpc.StatusCode.FAILED_PRECONDITION
SECONDS_MAX = 20.0
_LEFT = "SELECT count(*) FROM creditgate.entries"


@pytest.fixture
async def running(database: Database, clock: DatabaseClock) -> AsyncIterator[Running]:
    """A server on an account that was charged on ten days of three months."""
    async with running_server(database.url, run_workers=False) as server:
        async with server.caller() as caller:
            await set_clock(clock, "2030-01-01T10:10")
            await caller.account(account_id="acme", credits_=100)
            for month in (1, 2, 3):
                for day in range(1, 11):
                    await set_clock(clock, f"2030-{month:02}-{day:02}T10:10")
                    await charge(caller, f"{month}-{day}")
        await set_clock(clock, "2031-01-01T10:10")
        yield server


@pytest.fixture
async def caller(running: Running) -> AsyncIterator[Caller]:
    async with running.caller() as caller:
        yield caller


async def charge(caller: Caller, name: str) -> pb.ChargeResponse:
    request = pb.ChargeRequest(account_id="acme", hold_id=name, amount_micros=CREDIT)
    answer = await caller.authorization.Charge(request)
    assert isinstance(answer, pb.ChargeResponse)
    return answer


def since(text: str) -> dict[str, Any]:
    """A beginning, which is a word of Python's, too."""
    return {"from": stamp(text)}


async def seen(caller: Caller) -> list[Message]:
    """What callers can see of the past."""
    account: dict[str, Any] = {"account_id": "acme"}
    whole = usage_pb.GetSummaryRequest(**account, range=usage_pb2.UsageRange())
    return [
        await caller.accounts.GetStatement(accounts_pb.GetStatementRequest(**account)),
        await caller.accounts.ListHolds(accounts_pb.ListHoldsRequest(**account)),
        await caller.usage.ListActivity(usage_pb.ListActivityRequest(**account)),
        await caller.usage.QueryUsage(usage_pb.QueryUsageRequest(**account)),
        await caller.usage.GetSummary(whole),
        await caller.authorization.GetHold(pb.GetHoldRequest(**account, hold_id="1-1")),
    ]


async def refusal(asked: Awaitable[Any]) -> tuple[Any, str]:
    code, reason, *_ = await failure(asked)
    return code, reason


async def archived(database: Database, connection: Connection) -> None:
    """Let the worker of another server archive everything."""
    async with running_server(database.url, run_workers=True, retention_days=90):
        until = perf_counter() + SECONDS_MAX
        while await connection.fetchval(_LEFT):
            assert perf_counter() < until, "it is not archived"
            await asyncio.sleep(0.1)


async def test_nobody_notices_what_a_worker_archives_and_everybody_is_told_of_what_is_emptied(
    database: Database, connection: Connection, caller: Caller
) -> None:
    before = await seen(caller)
    await archived(database, connection)
    assert await seen(caller) == before
    assert (await charge(caller, "1-1")).replayed
    first = accounts_pb.GetStatementRequest(account_id="acme", page_size=5)
    page = await caller.accounts.GetStatement(first)

    command = ["empty-archive", "--before", "2030-02-05", "--yes", "--json"]
    environ = {"CREDITGATE_DATABASE_URL": database.url}
    told = await asyncio.to_thread(CliRunner().invoke, main, command, env=environ)
    assert told.exit_code == 0, told.output
    assert '"accounts": 1' in told.output

    # 1-1 was brought back before: it is not in the archive, and its charge is as it was.
    assert (await charge(caller, "1-1")).replayed
    assert await refusal(charge(caller, "1-2")) == (FAILED, "HOLD_ARCHIVED")
    refund = accounts_pb.RefundRequest(
        account_id="acme", refund_id="r", hold_id="1-2", amount_micros=1
    )
    assert await refusal(caller.accounts.Refund(refund)) == (FAILED, "HOLD_ARCHIVED")
    gone = (FAILED, "RANGE_ARCHIVED")
    first.page_token = page.next_page_token
    assert await refusal(caller.accounts.GetStatement(first)) == gone, "in the midst of its pages"
    for day in ("2030-01-05T00:00", "2030-02-04T10:10"):
        statement = accounts_pb.GetStatementRequest(account_id="acme", **since(day))
        assert await refusal(caller.accounts.GetStatement(statement)) == gone
        wanted = usage_pb.ActivityFilter(**since(day))
        listed = usage_pb.ListActivityRequest(account_id="acme", filter=wanted)
        assert await refusal(caller.usage.ListActivity(listed)) == gone
    within = usage_pb2.UsageRange(**since("2030-01-05T10:11"))
    summary = usage_pb.GetSummaryRequest(account_id="acme", range=within)
    assert await refusal(caller.usage.GetSummary(summary)) == gone

    # What is in the sums can be asked for.
    summary.range.CopyFrom(usage_pb2.UsageRange(**since("2030-01-05")))
    found = (await caller.usage.GetSummary(summary)).summary
    assert found.consumed_micros == 26 * CREDIT
    kept = await caller.accounts.GetStatement(accounts_pb.GetStatementRequest(account_id="acme"))
    assert (kept.opening_micros, kept.closing_micros) == (86 * CREDIT, 70 * CREDIT)
    assert [entry.hold_id for entry in kept.entries][:2] == ["2-5", "2-6"]
    verified = await asyncio.to_thread(CliRunner().invoke, main, ["verify"], env=environ)
    assert verified.exit_code == 0, verified.output


async def test_the_sdk_says_what_is_not_kept(
    database: Database, connection: Connection, running: Running
) -> None:
    await archived(database, connection)
    command = ["empty-archive", "--before", "2030-04-01", "--yes"]
    environ = {"CREDITGATE_DATABASE_URL": database.url}
    told = await asyncio.to_thread(CliRunner().invoke, main, command, env=environ)
    assert "took 61 holds and entries of 1 accounts out" in told.output
    async with creditgate.AsyncClient(running.target, api_key=running.key) as credits_:
        with pytest.raises(creditgate.HoldArchived):
            await credits_.charge("acme", hold_id="1-1", amount=1)
        with pytest.raises(creditgate.HoldEnded):
            async with credits_.hold("acme", hold_id="1-1", amount=1):
                raise AssertionError("nothing is done under a name that was used")
        assert (await credits_.get_balance("acme")).settled == 70
