"""The benchmark's own instruments: figures come from all values, and a stall is not left out."""

from __future__ import annotations

import asyncio
import time
from array import array
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from bench.driver import Driver
from bench.figures import latencies_ms, percentile
from bench.hpack import HeaderWriter, read_headers
from bench.job import Job, Measured
from bench.loads import median_round
from bench.work import reserves as work_of
from bench.work import verdicts
from creditgate.v1 import authorization_service_pb2 as pb

STALL_SECONDS = 0.4


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = [float(each) for each in range(1, 1_001)]
    assert [percentile(values, p) for p in (0.0, 50.0, 99.0, 99.9, 100.0)] == [
        1, 500, 990, 999, 1_000,
    ]  # fmt: skip
    assert latencies_ms(array("d", [0.003, 0.001, 0.002])) == {
        "p50": 2.0, "p99": 3.0, "p99.9": 3.0, "max": 3.0,
    }  # fmt: skip
    assert latencies_ms(array("d")) == {}


def test_of_two_rounds_the_slower_counts() -> None:
    rounds = [
        Measured(calls=calls, seconds=1, latency_ms={}, answered={}) for calls in (30, 10, 20, 40)
    ]
    assert median_round(rounds).calls == 20
    assert median_round(rounds[:2]).calls == 10


def test_headers_are_written_once_and_numbered_afterwards() -> None:
    writer = HeaderWriter([(b"te", b"trailers"), (b"x-long", b"v" * 300)])
    first, second, third = (writer.block(b"/a/B") for _ in range(3))
    assert b"trailers" in first
    assert second == third == bytes((0x83, 0x86, 0x80 | 64, 0x80 | 63, 0x80 | 62))
    other = writer.block(b"/a/C")
    assert b"/a/C" in other
    assert b"trailers" not in other
    # One more was inserted: all numbers have moved by one.
    assert writer.block(b"/a/B") == bytes((0x83, 0x86, 0x80 | 65, 0x80 | 64, 0x80 | 63))


def test_the_headers_of_a_server_that_keeps_no_table_are_read() -> None:
    block = bytes((0x20, 0x88)) + b"\x00\x0bgrpc-status\x0214\x10\x0cgrpc-message\x01x"
    assert read_headers(block) == {b"grpc-status": b"14", b"grpc-message": b"x"}


def test_an_answer_about_another_hold_is_wrong() -> None:
    request = next(work_of(job(port=0), 0))
    answer = pb.ReserveResponse(decision=pb.DECISION_GRANTED)
    answer.hold.hold_id = request.hold_ids[0]
    assert verdicts(request, 0, answer.SerializeToString()) == ["reserve granted"]
    answer.hold.hold_id = "another"
    assert verdicts(request, 0, answer.SerializeToString()) == ["reserve wrong"]
    assert verdicts(request, 14, b"") == ["reserve status 14"]


@pytest.mark.parametrize("rate", [0.0, 100.0], ids=["closed", "open"])
async def test_only_an_open_loop_sees_how_many_a_stall_keeps_waiting(rate: float) -> None:
    async with stalling_server() as port:
        measured = await asyncio.to_thread(Driver(job(port=port, rate=rate)).run)
    assert measured.answered == {"reserve echoed": sum(measured.answered.values())}
    latency = measured.latency_ms["reserve"]
    assert latency["max"] > STALL_SECONDS * 900
    if rate:
        # A fifth of the calls was to begin while nothing was answered.
        assert measured.calls == 200
        assert latency["p99"] > STALL_SECONDS * 800
    else:
        assert latency["p99"] < STALL_SECONDS * 200


def job(**changes: Any) -> Job:
    usual: dict[str, Any] = {"host": "127.0.0.1", "api_key": "key", "work": "reserves"}
    loop = {"names": "x-", "connections": 1, "warm_seconds": 0.5, "seconds": 2.0}
    return Job(**(usual | loop | changes))


@asynccontextmanager
async def stalling_server() -> AsyncIterator[int]:
    """Hands bytes back, and once, a second after the first call, nothing for a while."""
    stalls: list[float] = []

    async def handle(request: bytes, _: Any) -> bytes:
        now = time.monotonic()
        stalls.append(now) if not stalls else None
        if len(stalls) == 1 and now > stalls[0] + 1:
            stalls.append(now)
            time.sleep(STALL_SECONDS)  # noqa: ASYNC251 - all of the server is to stand still
        return request

    class Always(grpc.GenericRpcHandler):
        def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
            return grpc.unary_unary_rpc_method_handler(handle)

    server = grpc.aio.server()
    server.add_generic_rpc_handlers((Always(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield port
    finally:
        await server.stop(0)
