"""What the server's own Python costs per call, step by step, without gRPC and without database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from time import perf_counter
from typing import Any
from uuid import uuid4

from bench.job import Job
from bench.loads import Bench
from bench.section import Row, Section
from bench.server import granted
from bench.work import reserves
from creditgate.v1 import authorization_service_pb2 as pb
from creditgate_server.domain.keys import KeyRecord, Scope, digest_of, new_key
from creditgate_server.domain.operations import Operation
from creditgate_server.domain.results import Result
from creditgate_server.lanes import Lanes
from creditgate_server.rpc import decode, encode
from creditgate_server.rpc.authorization import Authorization
from creditgate_server.rpc.call import Call, Handler
from creditgate_server.rpc.detached import Detached
from creditgate_server.rpc.interceptors.deadline import DeadlineRules
from creditgate_server.rpc.interceptors.gate import Gate
from creditgate_server.rpc.interceptors.rate import Rates
from creditgate_server.rpc.keyring import Keyring
from creditgate_server.rpc.method import OPERATIONS
from creditgate_server.rpc.pages import Pages
from creditgate_server.rpc.pins import Pins
from creditgate_server.rpc.pipeline import Pipeline
from creditgate_server.telemetry import Telemetry, current_trace_id

REPEATS = 7
CALLS = 2_000
_PEPPER = "a pepper for benchmarks, long enough to be one"
_RESERVE = OPERATIONS[0]


async def run(bench: Bench) -> Section:
    steps = await Steps.make()
    found: list[Row] = [
        ("read the message", _best(steps.parse)),
        ("check it, make the operation", _best(steps.decode)),
        ("write the response", _best(steps.encode)),
        ("find the API key", _best(steps.authenticate)),
        ("tell telemetry, not sampled", _best(steps.observe)),
        ("into a lane and back, alone", await _best_async(steps.lane)),
        ("into a lane and back, 64 at a time", await _best_async(steps.lane_of_many, each=64)),
        ("all of a Reserve but gRPC and the ledger", await _best_async(steps.whole)),
    ]
    for what, us in found:
        bench.say(f"{what}: {us} us")
    return Section(
        title="Python per call",
        columns=("step", "us"),
        rows=found,
        notes=[f"The best of {REPEATS} repeats of {CALLS:,} calls each."],
        figures={"steps": dict(found)},
    )


_PINS = Pins(Pages("p" * 32))


class Steps:
    """One Reserve, and everything that handles it."""

    def __init__(self, keyring: Keyring, key_text: str) -> None:
        job = Job(host="", port=0, api_key="", work="reserves", names="hold-")
        self._bytes = next(reserves(job, 0)).message
        self._tenant_id = uuid4()
        self._request = pb.ReserveRequest.FromString(self._bytes)
        self._operation = decode.reserve(self._request, self._tenant_id, _PINS)
        self._result = granted(self._operation, datetime.now(UTC))
        self._keyring = keyring
        self._key_text = key_text
        self._metadata = (("authorization", f"Bearer {key_text}"), ("user-agent", "bench"))
        self._telemetry = Telemetry()
        self._lanes: Lanes[Operation, Result] = Lanes(
            self._flush, lanes=2, batch_max=256, queue_max=4096, reserve_queue_max=2048,
            observer=self._telemetry.batches,
        )  # fmt: skip
        self._handler = self._make_handler()

    @classmethod
    async def make(cls) -> Steps:
        key = new_key()
        digest = digest_of(key.text, pepper=_PEPPER)
        record = KeyRecord(key.key_id, uuid4(), digest, frozenset(Scope), None, None)
        keyring = Keyring(_OneKey(record), pepper=_PEPPER, ttl_seconds=3600, size=10)
        assert await keyring.identify(key.text) is not None, "the key is right"
        return cls(keyring, key.text)

    def parse(self) -> None:
        pb.ReserveRequest.FromString(self._bytes)

    def decode(self) -> None:
        decode.reserve(self._request, self._tenant_id, _PINS)

    def encode(self) -> None:
        encode.reserve(self._request, self._result).SerializeToString()

    def authenticate(self) -> None:
        self._keyring.remembered(self._key_text)

    def observe(self) -> None:
        span = self._telemetry.calls.start(_RESERVE.path, self._metadata)
        self._telemetry.calls.finish(span, _RESERVE.path, "OK", "granted", 0.001)

    async def lane(self) -> None:
        await self._lanes.submit(1, self._operation, urgent=False)

    async def lane_of_many(self) -> None:
        await asyncio.gather(
            *(self._lanes.submit(1, self._operation, urgent=False) for _ in range(64))
        )

    async def whole(self) -> None:
        response = await self._handler(self._bytes, Call(self._metadata, remaining_seconds=5.0))
        response.SerializeToString()

    async def _flush(self, operations: list[Operation]) -> Sequence[Result]:
        return [self._result] * len(operations)

    def _make_handler(self) -> Handler:
        shed: Callable[[str], None] = self._telemetry.metrics.served.shed
        gate = Gate(shed=shed)
        gate.open()
        pipeline = Pipeline(
            observer=self._telemetry.calls,
            shed=shed,
            gate=gate,
            rules=DeadlineRules(2.0, 5.0, 10.0),
            keyring=self._keyring,
            rates=Rates(per_second=0, burst=0, shed=shed),
        )
        ledger: Any = None  # a Reserve asks it through the lanes only
        detached = Detached(limit=1, at_once=1, shed=shed)
        authorization = Authorization(
            ledger, ledger, self._lanes, detached, _PINS, trace_id=current_trace_id
        )
        return pipeline.for_bytes(_RESERVE, authorization.reserve)


class _OneKey:
    def __init__(self, record: KeyRecord) -> None:
        self._record = record

    async def find_key(self, key_id: str) -> KeyRecord | None:
        return self._record if key_id == self._record.key_id else None


def _best(step: Callable[[], None]) -> float:
    def once() -> float:
        begun = perf_counter()
        for _ in range(CALLS):
            step()
        return perf_counter() - begun

    return round(min(once() for _ in range(REPEATS)) / CALLS * 1e6, 2)


async def _best_async(step: Callable[[], Awaitable[None]], *, each: int = 1) -> float:
    taken = []
    for _ in range(REPEATS):
        begun = perf_counter()
        for _ in range(CALLS // each):
            await step()
        taken.append(perf_counter() - begun)
    return round(min(taken) / (CALLS // each * each) * 1e6, 2)
