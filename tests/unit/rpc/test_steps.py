from __future__ import annotations

import asyncio
import logging
import time
from typing import Any
from uuid import UUID

import pytest

from creditgate_server.domain.errors import (
    BatchRefusedError,
    NotExecutedError,
    OutcomeUnknownError,
)
from creditgate_server.lanes import LaneFullError
from creditgate_server.rpc.call import Call, Handler
from creditgate_server.rpc.detached import Detached
from creditgate_server.rpc.interceptors.deadline import DeadlineRules, bounded
from creditgate_server.rpc.interceptors.errors import translated
from creditgate_server.rpc.interceptors.gate import Gate
from creditgate_server.rpc.interceptors.message import parse
from creditgate_server.rpc.interceptors.rate import Rates
from creditgate_server.rpc.interceptors.telemetry import observed
from creditgate_server.rpc.method import ADMINISTRATION, OPERATIONS
from creditgate_server.rpc.status import Code, RpcError

RESERVE, ADMIN = OPERATIONS[0], ADMINISTRATION[0]
RULES = DeadlineRules(default_seconds=0.2, max_seconds=0.3, admin_max_seconds=0.5)


class Sheds(list[str]):
    def __call__(self, reason: str) -> None:
        self.append(reason)


def call(remaining_seconds: float | None = None) -> Call:
    return Call((), remaining_seconds=remaining_seconds)


def raising(error: BaseException) -> Handler:
    async def handler(_request: Any, _call: Call) -> Any:
        raise error

    return handler


async def forever(_request: Any, _call: Call) -> Any:
    await asyncio.sleep(60)


async def failure_of(handler: Handler, call_: Call | None = None) -> RpcError:
    with pytest.raises(RpcError) as caught:
        await handler(None, call_ or call())
    return caught.value


@pytest.mark.parametrize(
    ("error", "code", "reason", "shed"),
    [
        (LaneFullError(), Code.UNAVAILABLE, "NOT_EXECUTED", ["lane_full"]),
        (NotExecutedError("x"), Code.UNAVAILABLE, "NOT_EXECUTED", []),
        (OutcomeUnknownError("x"), Code.UNAVAILABLE, "OUTCOME_UNKNOWN", []),
        (BatchRefusedError("secret"), Code.INTERNAL, "INTERNAL", []),
        (ZeroDivisionError("secret"), Code.INTERNAL, "INTERNAL", []),
        (TimeoutError("secret"), Code.INTERNAL, "INTERNAL", []),
    ],
)
async def test_each_error_has_its_answer(
    error: Exception, code: Code, reason: str, shed: list[str]
) -> None:
    sheds = Sheds()
    told = await failure_of(translated(RESERVE, raising(error), shed=sheds))
    assert (told.code, told.reason, sheds) == (code, reason, shed)
    assert "secret" not in str(told.status())


async def test_a_bug_is_logged_under_the_id_that_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR):
        told = await failure_of(translated(RESERVE, raising(KeyError("k")), shed=Sheds()))
    assert told.metadata["error_id"] in caplog.text
    assert "KeyError" in caplog.text


async def test_a_cancelled_call_stays_cancelled() -> None:
    with pytest.raises(asyncio.CancelledError):
        await translated(RESERVE, raising(asyncio.CancelledError()), shed=Sheds())(None, call())


@pytest.mark.parametrize(
    ("method", "remaining", "seconds"),
    [(RESERVE, None, 0.2), (RESERVE, 0.05, 0.05), (RESERVE, 9.0, 0.3), (ADMIN, 9.0, 0.5)],
)
async def test_deadlines_are_given_kept_and_capped(
    method: Any, remaining: float | None, seconds: float
) -> None:
    started = time.monotonic()
    told = await failure_of(bounded(method, forever, rules=RULES), call(remaining))
    assert told.code is Code.DEADLINE_EXCEEDED
    assert seconds - 0.01 <= time.monotonic() - started < seconds + 2


async def test_a_call_without_time_is_refused_before_anything_is_done() -> None:
    told = await failure_of(bounded(RESERVE, raising(KeyError()), rules=RULES), call(0.009))
    assert told.code is Code.DEADLINE_EXCEEDED


async def test_anothers_timeout_is_not_the_deadline() -> None:
    with pytest.raises(TimeoutError):
        await bounded(RESERVE, raising(TimeoutError()), rules=RULES)(None, call())


async def test_the_gate_keeps_calls_out_until_it_is_opened() -> None:
    sheds = Sheds()
    gate = Gate(shed=sheds)

    async def answer(_request: Any, _call: Call) -> str:
        return "in"

    handler = gate.step(RESERVE, answer)
    told = await failure_of(handler)
    assert (told.reason, sheds) == ("NOT_EXECUTED", ["starting"])
    gate.open()
    assert await handler(None, call()) == "in"
    gate.close()
    assert (await failure_of(handler)).reason == "NOT_EXECUTED"
    assert sheds == ["starting", "ending"]


async def test_a_tenant_is_kept_to_its_rate_and_told_how_long_to_wait() -> None:
    now, sheds = [0.0], Sheds()
    rates = Rates(per_second=10, burst=3, shed=sheds, clock=lambda: now[0])
    for _ in range(3):
        rates.take(UUID(int=1))
    with pytest.raises(RpcError) as caught:
        rates.take(UUID(int=1))
    assert (caught.value.code, caught.value.reason) == (Code.RESOURCE_EXHAUSTED, "RATE_LIMITED")
    assert caught.value.retry_seconds == pytest.approx(0.1)
    assert sheds == ["rate_limited"]
    rates.take(UUID(int=2))
    now[0] = 0.1
    rates.take(UUID(int=1))
    now[0] = 60.0
    rates.take(UUID(int=1), 1000)
    with pytest.raises(RpcError) as caught:
        rates.take(UUID(int=1))
    assert caught.value.retry_seconds == pytest.approx(99.8)


async def test_without_a_rate_there_is_no_step_and_no_state() -> None:
    rates = Rates(per_second=0, burst=0, shed=Sheds())
    assert rates.step(RESERVE, forever) is forever
    rates.take(UUID(int=1), 10**6)
    assert not rates._buckets


async def test_tenants_remembered_are_bounded() -> None:
    rates = Rates(per_second=1, burst=1, shed=Sheds())
    for number in range(10_050):
        rates.take(UUID(int=number))
    assert len(rates._buckets) == 10_000


async def test_detached_work_outlives_its_caller_and_more_is_shed() -> None:
    sheds, done = Sheds(), []
    gate = asyncio.Event()
    detached = Detached(limit=2, at_once=1, shed=sheds)

    async def work(name: str) -> str:
        await gate.wait()
        done.append(name)
        return name

    first = asyncio.create_task(detached.run(work("first")))
    second = asyncio.create_task(detached.run(work("second")))
    await asyncio.sleep(0.01)
    with pytest.raises(RpcError):
        await detached.run(work("third"))
    assert sheds == ["reads_full"]
    first.cancel()
    second.cancel()
    await asyncio.wait({first, second})
    gate.set()
    await detached.drain()
    assert done == ["first"], "what had not begun was dropped, what had was not"
    assert await detached.run(work("fourth")) == "fourth"


async def test_the_observer_hears_of_every_end() -> None:
    heard: list[tuple[Any, ...]] = []

    class Observer:
        def start(self, method: str, metadata: Any) -> str:
            return f"span of {method}"

        def finish(self, *told: Any) -> None:
            heard.append(told[:4])
            assert told[4] >= 0

    class Answer:
        decision = 3

    async def answer(_request: Any, _call: Call) -> Answer:
        return Answer()

    path = "/creditgate.v1.CreditAuthorizationService/Reserve"
    await observed(RESERVE, answer, observer=Observer())(None, call())
    failing = translated(RESERVE, raising(NotExecutedError("x")), shed=Sheds())
    await failure_of(observed(RESERVE, failing, observer=Observer()))
    with pytest.raises(asyncio.CancelledError):
        await observed(RESERVE, raising(asyncio.CancelledError()), observer=Observer())(
            None, call()
        )
    assert heard == [
        (f"span of {path}", path, "OK", "denied_insufficient_credits"),
        (f"span of {path}", path, "UNAVAILABLE", ""),
        (f"span of {path}", path, "CANCELLED", ""),
    ]


@pytest.mark.parametrize(
    ("request_", "field", "problem"),
    [
        (b"\xff\xff", "request", "must be a creditgate.v1.ReserveRequest"),
        (b"\x0a\x02\xc3\x28", "request", "must be a creditgate.v1.ReserveRequest"),
        (b"\x0a\x80\x80\x04" + b"a" * 65_536, "account_id", "at most 65536 bytes are allowed"),
        (b"\xfa\x07\x80\x80\x04" + b"a" * 65_536, "request", "at most 65536 bytes are allowed"),
    ],
)
def test_what_is_no_message_or_too_large_is_refused(
    request_: bytes, field: str, problem: str
) -> None:
    with pytest.raises(RpcError) as caught:
        parse(RESERVE, request_)
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert caught.value.text.startswith(f"reserve.{field}: {problem}")
