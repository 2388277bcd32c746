"""Readers and exporters as processes: they are asked in a line, and answer in one."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

_END_SECONDS_MAX = 30.0


class Asked(Protocol):
    """What a process is asked."""

    def to_json(self) -> str:
        """One line."""
        ...


@dataclass(frozen=True)
class Child:
    """A process that works."""

    process: Process

    @property
    def pid(self) -> int:
        return self.process.pid

    async def answer(self) -> str:
        """Wait until it has done all it was asked, and answer what it says."""
        assert self.process.stdout is not None
        line = await self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process ended ({await self.process.wait()}); see above")
        return line.decode()

    async def end(self) -> str:
        """Tell it to end, and answer what it says."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        async with asyncio.timeout(_END_SECONDS_MAX):
            return await self.answer()


@asynccontextmanager
async def child(module: str, asked: Asked) -> AsyncIterator[Child]:
    """Run a module of the benchmark as a process, and ask it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, stdin=PIPE, stdout=PIPE
    )
    assert process.stdin is not None
    process.stdin.write(f"{asked.to_json()}\n".encode())
    try:
        yield Child(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@asynccontextmanager
async def children(asked: Iterable[tuple[str, Asked]]) -> AsyncIterator[list[Child]]:
    """Run several."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(child(*each)) for each in asked]
