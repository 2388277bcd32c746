"""What an export takes: time, and memory of the server and of who exports."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from dataclasses import dataclass, field
from statistics import mean
from time import perf_counter

from bench.cpu import resident_mb
from bench.database import Database
from bench.loads import WrongResultError
from bench.stack import Server

_SAMPLE_SECONDS = 0.25
_READ_BYTES = 1 << 16
# What is allocated at first (code, connections, buffers) is no growth.
_WARM_SHARE = 0.2


@dataclass(frozen=True)
class Export:
    """One export: its lines, its time, and what processes had in memory meanwhile, in MB."""

    form: str
    lines: int
    seconds: float
    server_mb: list[float] = field(default_factory=list)
    client_mb: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        return self.lines / self.seconds


def grown_mb(samples: list[float]) -> float:
    """How much more was in memory at the end than once all was warm: means of a tenth each."""
    warm = samples[int(len(samples) * _WARM_SHARE) :]
    tenth = max(len(warm) // 10, 1)
    return mean(warm[-tenth:]) - mean(warm[:tenth])


async def export(
    server: Server, database: Database, form: str, account_id: str, *, limit: int
) -> Export:
    """Export so many of an account's entries with the command line, which writes to a pipe."""
    given = {
        **os.environ,
        "CREDITGATE_TARGET": f"{server.host}:{server.port}",
        "CREDITGATE_API_KEY": database.tenant.api_key,
    }
    command = (
        *(sys.executable, "-m", "creditgate.cli", "activity", account_id),
        *(f"--{form}", "--limit", str(limit)),
    )
    process = await asyncio.create_subprocess_exec(*command, env=given, stdout=PIPE)
    servers, clients = list[float](), list[float]()
    watching = asyncio.create_task(_watch({server.pid: servers, process.pid: clients}))
    begun = perf_counter()
    try:
        lines = await _count_lines(process)
        seconds = perf_counter() - begun
        if code := await process.wait():
            raise WrongResultError(f"the export of {account_id} ended with {code}")
    finally:
        watching.cancel()
        if process.returncode is None:
            process.kill()
            await process.wait()
    return Export(form, lines, seconds, servers, clients)


async def _count_lines(process: Process) -> int:
    assert process.stdout is not None
    lines = 0
    while part := await process.stdout.read(_READ_BYTES):
        lines += part.count(b"\n")
    return lines


async def _watch(samples: dict[int, list[float]]) -> None:
    # The process may have ended before its output was read.
    with suppress(FileNotFoundError, ProcessLookupError):
        while True:
            await asyncio.sleep(_SAMPLE_SECONDS)
            for pid, found in samples.items():
                found.append(resident_mb(pid))
