"""Servers and drivers as processes, and one measurement with them."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import perf_counter

from bench.cpu import seconds_by_name
from bench.database import PEPPER, Database
from bench.job import Job, Measured

_START_SECONDS_MAX = 30.0
_STOP_SECONDS_MAX = 20.0
_ANSWER_BYTES_MAX = 1 << 28
# Callers are not asked to connect anew in the middle of a measurement; nothing else is special.
_ENVIRON = {
    "CREDITGATE_LISTEN": "127.0.0.1:0",
    "CREDITGATE_KEY_PEPPER": PEPPER,
    "CREDITGATE_CONNECTION_AGE_MAX_SECONDS": "86400",
    "CREDITGATE_DRAIN_NOTICE_MS": "0",
    "CREDITGATE_LOG_LEVEL": "warning",
}
# One transaction per call queues where lanes would not: its callers are given the time.
PATIENT = {
    "CREDITGATE_ACQUIRE_TIMEOUT_MS": "30000",
    "CREDITGATE_LOCK_TIMEOUT_MS": "30000",
    "CREDITGATE_STATEMENT_TIMEOUT_MS": "30000",
    "CREDITGATE_CALL_DEADLINE_MAX_MS": "30000",
}


@dataclass(frozen=True)
class Server:
    """A server process that serves."""

    pid: int
    host: str
    port: int


@asynccontextmanager
async def running(variant: str, database: Database, **environ: str) -> AsyncIterator[Server]:
    """Run a server of `bench.server` on a database."""
    given = {**os.environ, **_ENVIRON, "CREDITGATE_DATABASE_URL": database.url}
    if variant == "direct":
        given |= PATIENT
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.server", variant, env=given | environ, stdout=PIPE
    )
    try:
        async with asyncio.timeout(_START_SECONDS_MAX):
            address = await _line(process)
        host, _, port = address.rpartition(":")
        yield Server(process.pid, host, int(port))
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(_STOP_SECONDS_MAX):
            await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@dataclass(frozen=True)
class Driven:
    """What a driver said at its end, and the processor seconds used between its two marks."""

    said: str
    seconds: float
    used: dict[str, float]


async def measure(job: Job, pids: Mapping[str, int]) -> Measured:
    """Run a driver, and add what each of the processes, the driver too, used per call."""
    driven = await drive("bench.driver", job.to_json(), pids)
    measured = Measured.from_json(driven.said)
    # What the processes used is seen a little after the driver's marks; as a rate it is the same.
    calls = measured.per_second * driven.seconds
    measured.cpu_us_per_call = {
        name: round(used / max(calls, 1) * 1e6, 1) for name, used in driven.used.items()
    }
    return measured


async def drive(module: str, asked: str, pids: Mapping[str, int]) -> Driven:
    """Run a module as a process that is asked in a line, and answers in one after its two marks."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, stdin=PIPE, stdout=PIPE, limit=_ANSWER_BYTES_MAX
    )
    assert process.stdin is not None
    process.stdin.write(f"{asked}\n".encode())
    try:
        watched = {**pids, "driver": process.pid}
        await _expect(process, "begin")
        before, begun = seconds_by_name(watched), perf_counter()
        await _expect(process, "end")
        after, ended = seconds_by_name(watched), perf_counter()
        said = await _line(process)
        process.stdin.close()
        await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    used = {name: after[name] - before[name] for name in watched}
    return Driven(said, ended - begun, used)


async def _expect(process: Process, line: str) -> None:
    said = await _line(process)
    assert said == line, f"the driver said {said!r} instead of {line!r}"


async def _line(process: Process) -> str:
    assert process.stdout is not None
    line = await process.stdout.readline()
    if not line:
        raise RuntimeError(f"the process ended ({await process.wait()}); its errors are above")
    return line.decode().strip()
