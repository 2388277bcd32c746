"""The process that asks about usage, one question after the other.

It reads a `Reading` as a line, and answers how long each question took, once it is told to end by
the end of its input, or has asked what it was to ask.
"""

from __future__ import annotations

import gc
import select
import sys
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from time import perf_counter, sleep
from typing import Any

import grpc

from bench.figures import latencies_ms
from bench.line import Line
from bench.usage.questions import QUESTIONS
from creditgate.v1 import usage_service_pb2_grpc as pb_grpc

_TIMEOUT_SECONDS = 20.0


@dataclass(frozen=True, kw_only=True)
class Reading(Line):
    """Who asks what: each question in turn, about an account drawn from those numbers.

    `times` is how often each; 0 is until the end of the input. `pause_seconds` lie between two.
    """

    target: str
    api_key: str
    names: Sequence[str]
    accounts: Sequence[int]
    times: int = 0
    pause_seconds: float = 0.0
    seed: int = 1


@dataclass(frozen=True, kw_only=True)
class Read(Line):
    """How long each question took, in milliseconds by percentile, and what was refused."""

    latency_ms: dict[str, dict[str, float]] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)


def read(reading: Reading) -> Read:
    """Ask all there is to ask."""
    took: dict[str, array[float]] = {name: array("d") for name in reading.names}
    refused: Counter[str] = Counter()
    options = [("grpc.max_receive_message_length", -1)]
    with grpc.insecure_channel(reading.target, options=options) as channel:
        stub: Any = pb_grpc.UsageServiceStub(channel)
        for number, (name, account_id) in enumerate(_all(reading)):
            method, request = QUESTIONS[name]
            begun = perf_counter()
            try:
                getattr(stub, method)(
                    request(account_id), timeout=_TIMEOUT_SECONDS,
                    metadata=(("authorization", f"Bearer {reading.api_key}"),),
                )  # fmt: skip
            except grpc.RpcError as error:
                refused[f"{name}: {error.code().name}"] += 1
            # The first time all of a connection's statements are yet to be prepared.
            if number >= len(reading.names) or not reading.times:
                took[name].append(perf_counter() - begun)
            sleep(reading.pause_seconds)
    return Read(
        latency_ms={name: _percentiles(each) for name, each in took.items()}, refused=dict(refused)
    )


def _all(reading: Reading) -> Iterator[tuple[str, str]]:
    random, left = Random(reading.seed), (reading.times + 1) * len(reading.names)
    while left if reading.times else not _ended():
        for name in reading.names:
            left -= 1
            yield name, f"account-{random.choice(reading.accounts)}"


def _ended() -> bool:
    return bool(select.select([sys.stdin], [], [], 0)[0])


def _percentiles(seconds: array[float]) -> dict[str, float]:
    if not seconds:
        return {}
    ordered = sorted(seconds)
    p95 = ordered[max(-(-len(ordered) * 95 // 100) - 1, 0)]
    return latencies_ms(seconds) | {"p95": round(p95 * 1e3, 3)}


def main() -> None:
    """Read as the line asks for that comes."""
    reading = Reading.from_json(sys.stdin.readline())
    gc.disable()
    print(read(reading).to_json(), flush=True)


if __name__ == "__main__":
    main()
