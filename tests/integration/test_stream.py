"""The Authorize stream and BatchAuthorize."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc
import pytest

from creditgate.v1 import authorization_service_pb2 as pb
from creditgate_server.rpc.stream import UNDER_WAY_MAX
from tests.support.calls import failure, read_failure
from tests.support.server import Brake, Caller, Running, until


@pytest.fixture
async def caller(server: Running) -> AsyncIterator[Caller]:
    async with server.caller() as caller:
        await caller.account(account_id="acme", credits_=100)
        yield caller


def reserve(number: int, amount_micros: int = 1) -> pb.AuthorizeRequest:
    return pb.AuthorizeRequest(
        request_id=str(number),
        reserve=pb.ReserveRequest(
            account_id="acme", hold_id=f"h{number}", amount_micros=amount_micros
        ),
    )


def balance(number: int, account_id: str = "acme") -> pb.AuthorizeRequest:
    return pb.AuthorizeRequest(
        request_id=str(number), get_balance=pb.GetBalanceRequest(account_id=account_id)
    )


def commit(number: int, used_micros: int) -> pb.AuthorizeRequest:
    return pb.AuthorizeRequest(
        request_id=str(number),
        commit=pb.CommitRequest(account_id="acme", hold_id=f"h{number}", used_micros=used_micros),
    )


async def test_many_operations_come_back_by_their_ids_and_half_closing_ends_the_stream(
    caller: Caller,
) -> None:
    def requests() -> Iterator[pb.AuthorizeRequest]:
        for number in range(3000):
            yield reserve(number)

    call = caller.authorization.Authorize(requests(), timeout=60)
    answers = {answer.request_id: answer async for answer in call}
    assert set(answers) == {str(number) for number in range(3000)}
    assert all(answer.reserve.decision == pb.DECISION_GRANTED for answer in answers.values())
    assert await call.code() is grpc.StatusCode.OK
    versions = {answer.reserve.balance.version for answer in answers.values()}
    assert len(versions) == 3000


async def test_each_error_is_the_answer_to_its_own_message(caller: Caller) -> None:
    requests = [
        balance(1),
        balance(2, "nobody"),
        reserve(3, amount_micros=-1),
        pb.AuthorizeRequest(request_id="4"),
        pb.AuthorizeRequest(request_id="no id", get_balance=pb.GetBalanceRequest()),
        commit(5, 1),
        balance(6),
    ]
    call = caller.authorization.Authorize(iter(requests))
    answers = {answer.request_id: answer async for answer in call}
    assert {request_id: answer.error.code for request_id, answer in answers.items()} == {
        "1": 0, "2": 5, "3": 3, "4": 3, "no id": 3, "5": 5, "6": 0,
    }  # fmt: skip
    assert answers["3"].error.message.startswith("reserve.amount_micros: must be 1 to ")
    assert len(answers["2"].error.details) == 1


async def test_a_slow_answer_lets_others_pass(server: Running, caller: Caller) -> None:
    brake = Brake(server)
    call = caller.authorization.Authorize()
    await call.write(reserve(1))
    await call.write(balance(2))
    assert (await call.read()).request_id == "2"
    brake.release()
    assert (await call.read()).request_id == "1"
    await call.done_writing()
    assert await call.read() is grpc.aio.EOF


async def test_no_more_than_1000_are_under_way_and_the_rest_is_not_read(
    server: Running, caller: Caller
) -> None:
    brake = Brake(server)
    count = UNDER_WAY_MAX + 500

    async def requests() -> AsyncIterator[pb.AuthorizeRequest]:
        for number in range(count):
            yield reserve(number)

    call = caller.authorization.Authorize(requests(), timeout=60)
    await until(lambda: brake.held >= UNDER_WAY_MAX)
    await asyncio.sleep(0.2)
    assert brake.held == UNDER_WAY_MAX
    brake.release()
    assert len([answer async for answer in call]) == count


async def test_each_message_has_a_deadline_of_its_own(server: Running, caller: Caller) -> None:
    brake = Brake(server)
    call = caller.authorization.Authorize(timeout=None)
    await call.write(reserve(1))
    await call.write(balance(2))
    assert (await call.read()).get_balance.balance.version > 0
    late = await call.read()
    assert (late.request_id, late.error.code) == ("1", grpc.StatusCode.DEADLINE_EXCEEDED.value[0])
    await call.done_writing()
    assert await call.read() is grpc.aio.EOF
    brake.release()


async def test_a_caller_who_goes_away_leaves_nothing_behind(
    server: Running, caller: Caller
) -> None:
    for _ in range(20):
        call = caller.authorization.Authorize()
        for number in range(20):
            await call.write(reserve(number))
        await call.read()
        call.cancel()
    await until(lambda: not server.app._services.streams._open)
    await until(lambda: not any("_Session" in str(t.get_coro()) for t in asyncio.all_tasks()))


async def test_what_is_no_message_ends_the_stream(caller: Caller) -> None:
    stub: Any = caller.channel.stream_stream("/creditgate.v1.CreditAuthorizationService/Authorize")
    metadata = (("authorization", f"Bearer {caller.key}"),)
    call = stub(iter([b"\xff\xff"]), metadata=metadata)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call.read()
    told = read_failure(caught.value)
    assert told[:3] == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD", ("request",))


async def test_a_draining_server_answers_what_it_read_and_says_go_on_elsewhere(
    server: Running, caller: Caller
) -> None:
    call = caller.authorization.Authorize(timeout=None)
    await call.write(reserve(1))
    assert (await call.read()).request_id == "1"
    started = asyncio.get_running_loop().time()
    await server.app.drain()
    assert asyncio.get_running_loop().time() - started < 1
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call.read()
    assert read_failure(caught.value)[:2] == (grpc.StatusCode.UNAVAILABLE, "NOT_EXECUTED")


async def test_a_batch_answers_all_in_order_one_failing_never_fails_another(
    caller: Caller,
) -> None:
    operations = [
        reserve(1, 10), commit(1, 4), balance(2), reserve(3, -1), balance(4, "nobody"),
        reserve(5, 10), balance(6), commit(7, 1), reserve(1, 11), balance(8),
    ]  # fmt: skip
    answer = await caller.authorization.BatchAuthorize(
        pb.BatchAuthorizeRequest(operations=operations)
    )
    results = answer.results
    assert [result.request_id for result in results] == [o.request_id for o in operations]
    assert [result.error.code for result in results] == [0, 0, 0, 3, 5, 0, 0, 5, 6, 0]
    settled = 100_000_000 - 4
    # A read sees what the operations before it have done, and nothing of those after it.
    seen = [results[at].get_balance.balance for at in (2, 6, 9)]
    assert [(b.settled_micros, b.held_micros) for b in seen] == [
        (settled, 0), (settled, 10), (settled, 10),
    ]  # fmt: skip


async def test_a_batch_of_1000_is_a_few_transactions(server: Running, caller: Caller) -> None:
    brake = Brake(server)
    brake.release()
    request = pb.BatchAuthorizeRequest(operations=[reserve(number) for number in range(1000)])
    answer = await caller.authorization.BatchAuthorize(request)
    assert all(result.reserve.decision == pb.DECISION_GRANTED for result in answer.results)
    assert brake.batches <= 5


async def test_a_batch_whose_deadline_is_over_takes_back_what_has_not_left(
    server: Running, caller: Caller
) -> None:
    brake = Brake(server)
    first = asyncio.ensure_future(
        caller.authorization.BatchAuthorize(pb.BatchAuthorizeRequest(operations=[reserve(1)]))
    )
    await until(lambda: brake.held == 1)
    request = pb.BatchAuthorizeRequest(operations=[reserve(n) for n in range(2, 50)])
    told = await failure(caller.authorization.BatchAuthorize(request, timeout=0.3))
    assert told.code is grpc.StatusCode.DEADLINE_EXCEEDED
    await asyncio.sleep(0.05)
    brake.release()
    await first
    read = await caller.authorization.GetBalance(pb.GetBalanceRequest(account_id="acme"))
    assert read.balance.held_micros == 1
