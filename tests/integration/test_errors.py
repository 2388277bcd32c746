"""Every reason there is, as callers meet it."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from creditgate.v1 import account_pb2, hold_pb2
from creditgate.v1 import account_service_pb2 as accounts_pb
from creditgate.v1 import authorization_service_pb2 as pb
from creditgate_server.domain.errors import (
    BatchRefusedError,
    NotExecutedError,
    OutcomeUnknownError,
)
from tests.support.calls import failure
from tests.support.database import Database
from tests.support.figures import Figures
from tests.support.server import CREDIT, Brake, Caller, Running, running_server, until

Code = grpc.StatusCode


@pytest.fixture
async def caller(server: Running) -> AsyncIterator[Caller]:
    async with server.caller() as caller:
        await caller.account(account_id="acme", credits_=10)
        yield caller


def reserve(hold_id: str = "h", amount_micros: int = CREDIT, **more: Any) -> pb.ReserveRequest:
    return pb.ReserveRequest(
        account_id="acme", hold_id=hold_id, amount_micros=amount_micros, **more
    )


def commit(used_micros: int, hold_id: str = "h") -> pb.CommitRequest:
    return pb.CommitRequest(account_id="acme", hold_id=hold_id, used_micros=used_micros)


async def test_a_name_with_another_body_is_refused_and_named(caller: Caller) -> None:
    await caller.authorization.Reserve(reserve())
    for other in (reserve(amount_micros=2 * CREDIT), reserve(labels={"a": "b"})):
        told = await failure(caller.authorization.Reserve(other))
        assert told[:2] == (Code.ALREADY_EXISTS, "NAME_REUSED")
    charge = pb.ChargeRequest(account_id="acme", hold_id="h", amount_micros=CREDIT)
    told = await failure(caller.authorization.Charge(charge))
    assert told[:2] == (Code.ALREADY_EXISTS, "NAME_REUSED")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await caller.authorization.Reserve(reserve(amount_micros=7))
    status, info = rpc_status.from_call(caught.value), error_details_pb2.ErrorInfo()
    assert status is not None
    assert status.details[0].Unpack(info)
    assert dict(info.metadata) == {"account_id": "acme", "hold_id": "h"}
    assert (await caller.authorization.Reserve(reserve())).replayed


async def test_an_ended_hold_says_how_it_ended(caller: Caller) -> None:
    await caller.authorization.Reserve(reserve())
    await caller.authorization.Commit(commit(5))
    told = await failure(caller.authorization.Commit(commit(6)))
    assert told[:2] == (Code.FAILED_PRECONDITION, "HOLD_COMMITTED")
    await caller.authorization.Release(pb.ReleaseRequest(account_id="acme", hold_id="gone"))
    told = await failure(caller.authorization.Reserve(reserve("gone")))
    assert told[:2] == (Code.FAILED_PRECONDITION, "HOLD_RELEASED")
    await caller.authorization.Reserve(reserve("short", ttl={"nanos": 1_000_000}))
    await asyncio.sleep(0.05)
    extend = pb.ExtendRequest(account_id="acme", hold_id="short", amount_micros=2 * CREDIT)
    told = await failure(caller.authorization.Extend(extend))
    assert told[:2] == (Code.FAILED_PRECONDITION, "HOLD_EXPIRED")


async def test_what_is_not_there_is_told_apart_by_reason(caller: Caller) -> None:
    account = pb.GetBalanceRequest(account_id="nobody")
    told = await failure(caller.authorization.GetBalance(account))
    assert told[:2] == (Code.NOT_FOUND, "ACCOUNT_NOT_FOUND")
    told = await failure(caller.authorization.Commit(commit(1, "none")))
    assert told[:2] == (Code.NOT_FOUND, "HOLD_NOT_FOUND")
    grant = accounts_pb.RevokeGrantRequest(account_id="acme", grant_id="none")
    told = await failure(caller.accounts.RevokeGrant(grant))
    assert told[:2] == (Code.NOT_FOUND, "GRANT_NOT_FOUND")


async def test_usage_is_unpriced_but_what_is_not_there_is_said_first(caller: Caller) -> None:
    await caller.authorization.Reserve(reserve())
    usage = hold_pb2.Usage(meter="chat.message", quantity=1)

    def requests(account_id: str, hold_id: str) -> list[tuple[str, Any]]:
        hold: Any = {"account_id": account_id, "hold_id": hold_id}
        return [
            ("Extend", pb.ExtendRequest(**hold, quantity=5)),
            ("Extend", pb.ExtendRequest(**hold, amount_micros=5, used_quantity=5)),
            ("Commit", pb.CommitRequest(**hold, used_quantity=5)),
            ("Reserve", pb.ReserveRequest(**hold, usage=usage)),
            ("Charge", pb.ChargeRequest(**hold, usage=usage)),
            ("Quote", pb.QuoteRequest(account_id=account_id, usage=usage)),
        ]

    async def reasons(account_id: str, hold_id: str) -> list[str]:
        return [
            (await failure(getattr(caller.authorization, method)(request))).reason
            for method, request in requests(account_id, hold_id)
        ]

    assert await reasons("acme", "h") == [
        *["UNPRICED"] * 3,
        *["NAME_REUSED"] * 2,
        "UNPRICED",
    ]
    assert await reasons("nobody", "h") == ["ACCOUNT_NOT_FOUND"] * 6
    assert await reasons("acme", "x") == ["HOLD_NOT_FOUND"] * 3 + ["UNPRICED"] * 3


async def test_accounts_and_refunds_have_their_own(caller: Caller) -> None:
    create = accounts_pb.CreateAccountRequest(account_id="acme", overdraft_limit_micros=1)
    told = await failure(caller.accounts.CreateAccount(create))
    assert told[:2] == (Code.ALREADY_EXISTS, "NAME_REUSED")
    await caller.authorization.Reserve(reserve())
    await caller.authorization.Commit(commit(5))
    refund = accounts_pb.RefundRequest(
        account_id="acme", refund_id="r", hold_id="h", amount_micros=6
    )
    told = await failure(caller.accounts.Refund(refund))
    assert told[:2] == (Code.FAILED_PRECONDITION, "REFUND_EXCEEDS_CHARGE")
    closed = account_pb2.ACCOUNT_STATUS_CLOSED
    await caller.accounts.UpdateAccount(
        accounts_pb.UpdateAccountRequest(account_id="acme", status=closed)
    )
    grant = accounts_pb.AddGrantRequest(
        account_id="acme", grant_id="g", kind=account_pb2.GRANT_KIND_PLAN, amount_micros=1
    )
    told = await failure(caller.accounts.AddGrant(grant))
    assert told[:2] == (Code.FAILED_PRECONDITION, "ACCOUNT_CLOSED")


async def test_more_than_the_range_of_amounts_is_refused(caller: Caller) -> None:
    def grant(number: int) -> accounts_pb.AddGrantRequest:
        kind = account_pb2.GRANT_KIND_PLAN
        return accounts_pb.AddGrantRequest(
            account_id="acme", grant_id=f"g{number}", kind=kind, amount_micros=10**18
        )

    for number in range(3):
        await caller.accounts.AddGrant(grant(number))
    told = await failure(caller.accounts.AddGrant(grant(3)))
    assert told[:2] == (Code.INVALID_ARGUMENT, "OUT_OF_RANGE")


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (NotExecutedError("SQLSTATE 53300"), Code.UNAVAILABLE, "NOT_EXECUTED"),
        (OutcomeUnknownError("lost"), Code.UNAVAILABLE, "OUTCOME_UNKNOWN"),
        (BatchRefusedError("SQLSTATE 23514: accounts_check"), Code.INTERNAL, "INTERNAL"),
        (RuntimeError("secret of the inside"), Code.INTERNAL, "INTERNAL"),
    ],
)
async def test_what_goes_wrong_inside_is_told_without_the_inside(
    server: Running, caller: Caller, error: Exception, code: grpc.StatusCode, reason: str
) -> None:
    async def broken(_: object) -> Any:
        raise error

    server.app._lanes._flush = broken
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await caller.authorization.Reserve(reserve())
    told = caught.value
    status, info = rpc_status.from_call(told), error_details_pb2.ErrorInfo()
    assert status is not None
    assert status.details[0].Unpack(info)
    assert (told.code(), info.reason, info.domain) == (code, reason, "creditgate.v1")
    retries = [d for d in status.details if d.Is(error_details_pb2.RetryInfo.DESCRIPTOR)]
    assert bool(retries) is (reason == "NOT_EXECUTED")
    shown = str(status) + str(told.trailing_metadata())
    assert not re.search("SQLSTATE|secret|accounts_check|Traceback|lost", shown)
    if reason == "INTERNAL":
        assert re.fullmatch("[0-9a-f]{16}", info.metadata["error_id"])


async def test_a_full_lane_sheds_reserves_first_and_fast(
    database: Database, figures: Figures
) -> None:
    limits = {"lanes": 1, "batch_size_max": 1, "lane_queue_max": 8, "lane_reserve_queue_max": 4}
    async with running_server(database.url, **limits) as server, server.caller() as caller:
        await caller.account(account_id="acme", credits_=10)
        await caller.authorization.Reserve(reserve())
        brake = Brake(server)
        waiting = [
            asyncio.ensure_future(caller.authorization.Reserve(reserve(f"w{n}"))) for n in range(5)
        ]
        await until(lambda: brake.held == 5)
        started = time.perf_counter()
        told = await failure(caller.authorization.Reserve(reserve("more")))
        seconds = time.perf_counter() - started
        assert told[:2] == (Code.UNAVAILABLE, "NOT_EXECUTED")
        urgent = asyncio.ensure_future(caller.authorization.Commit(commit(1)))
        await until(lambda: brake.held == 6)
        brake.release()
        assert (await urgent).charged_micros == 1
        assert all(
            answer.decision == pb.DECISION_GRANTED for answer in await asyncio.gather(*waiting)
        )
        figures(shed_ms=seconds * 1000)


async def test_a_deadline_is_kept_and_the_work_is_not_lost(server: Running, caller: Caller) -> None:
    brake = Brake(server)
    for timeout, seconds in ((0.2, 0.2), (None, 2.0)):
        started = time.perf_counter()
        told = await failure(caller.authorization.Reserve(reserve("late"), timeout=timeout))
        assert told.code is Code.DEADLINE_EXCEEDED
        assert seconds - 0.05 < time.perf_counter() - started < seconds + 1
    brake.release()
    answer = await caller.authorization.Reserve(reserve("late"))
    assert answer.replayed
    assert answer.balance.held_micros == CREDIT


async def test_a_cancelled_call_takes_its_operation_back_or_leaves_it_whole(
    server: Running, caller: Caller
) -> None:
    names = [f"c{n}" for n in range(60)]
    calls = [caller.authorization.Reserve(reserve(name, 1)) for name in names]
    for number, call in enumerate(calls):
        await asyncio.sleep(number % 3 / 1000)
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    await server.app._lanes.drain()
    balance = await caller.authorization.GetBalance(pb.GetBalanceRequest(account_id="acme"))
    answers = [await caller.authorization.Reserve(reserve(name, 1)) for name in names]
    assert balance.balance.held_micros == sum(answer.replayed for answer in answers)
    assert answers[-1].balance.held_micros == len(names)
