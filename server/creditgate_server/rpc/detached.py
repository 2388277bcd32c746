"""Work that runs to its end although its caller is gone, for what does not go through the lanes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from .status import not_executed

Res = TypeVar("Res")

Shed = Callable[[str], None]
"""Told that a call was turned away, and why, in one of a few words."""


class Detached:
    """Runs database work in tasks that outlive their callers.

    At most `limit` are under way, more are turned away; of these, `at_once` have a connection.
    A query that is cancelled in its middle costs a connection, or else the time until a database
    that may not answer at all has confirmed the cancellation.
    """

    def __init__(self, *, limit: int, at_once: int, shed: Shed) -> None:
        self._limit = limit
        self._connections = asyncio.Semaphore(at_once)
        self._shed = shed
        self._waiting = 0
        self._tasks: set[asyncio.Task[Any]] = set()

    async def run(self, work: Coroutine[Any, Any, Res]) -> Res:
        """Answer what the work answers. Raises NOT_EXECUTED when there is too much under way.

        Work that has not begun when its caller leaves is dropped.
        """
        if self._waiting + len(self._tasks) >= self._limit:
            work.close()
            self._shed("reads_full")
            raise not_executed()
        self._waiting += 1
        try:
            await self._connections.acquire()
        except asyncio.CancelledError:
            work.close()
            raise
        finally:
            self._waiting -= 1
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return await asyncio.shield(task)

    async def drain(self) -> None:
        """Wait until nothing is under way."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        self._connections.release()
