"""The Authorize stream: operations come and go on one connection, answered as they are done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import NamedTuple

from creditgate.v1 import authorization_service_pb2 as pb

from .call import Call
from .interceptors.errors import unexpected
from .interceptors.message import parse
from .method import STREAM
from .operations import Operations
from .status import Code, RpcError, not_executed

UNDER_WAY_MAX = 1000


class Duplex(NamedTuple):
    """Both directions of a stream."""

    requests: AsyncIterator[bytes]
    write: Callable[[bytes], Awaitable[None]]


class Streams:
    """All open streams of a server."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations
        self._open: set[_Session] = set()
        self._draining = False

    async def authorize(self, duplex: Duplex, call: Call) -> None:
        """Answer the operations of one stream, until its caller ends it. Raises `RpcError`."""
        session = _Session(self._operations, duplex, call)
        self._open.add(session)
        if self._draining:
            session.stop()
        try:
            await session.run()
        finally:
            self._open.discard(session)

    def drain(self) -> None:
        """Read no more from any stream: what was read is answered, then the stream ends."""
        self._draining = True
        for session in self._open:
            session.stop()


class _Session:
    """One stream.

    An operation takes a slot before it is read and gives it back when its answer is written, so a
    caller who does not read its answers is not read from either.
    """

    def __init__(self, operations: Operations, duplex: Duplex, call: Call) -> None:
        self._operations = operations
        self._requests, self._write = duplex
        self._call = call
        self._slots = asyncio.Semaphore(UNDER_WAY_MAX)
        self._answers: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._end: RpcError | None = None
        self._reader = asyncio.create_task(self._read())
        self._reader.add_done_callback(lambda _: self._close_when_idle())

    def stop(self) -> None:
        """Read no more, because the server goes away."""
        self._finish(not_executed("the server goes away: open another stream and go on there"))

    async def run(self) -> None:
        """Write answers in the order in which they are done. Raises `RpcError` at the end."""
        try:
            while (answer := await self._answers.get()) is not None:
                await self._write(answer)
                self._slots.release()
        finally:
            self._reader.cancel()
            for task in self._tasks:
                task.cancel()
        if self._end is not None:
            raise self._end

    async def _read(self) -> None:
        try:
            await self._slots.acquire()
            async for raw in self._requests:
                task = asyncio.create_task(self._answer(raw))
                self._tasks.add(task)
                task.add_done_callback(self._answered)
                await self._slots.acquire()
        except Exception:  # noqa: BLE001 - logged there, and told to the caller
            self._end = self._end or unexpected(STREAM.name)

    async def _answer(self, raw: bytes) -> None:
        try:
            request = parse(STREAM, raw)
        except RpcError as error:
            self._finish(error)
            return
        assert isinstance(request, pb.AuthorizeRequest)
        call = Call(self._call.metadata, remaining_seconds=None)
        response, failure = await self._operations.answer(request, call)
        self._answers.put_nowait(response.SerializeToString())
        if failure is not None and failure.code is Code.UNAUTHENTICATED:
            # The key was revoked, or has expired, since the stream was opened.
            self._finish(failure)

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._close_when_idle()

    def _finish(self, end: RpcError) -> None:
        self._end = self._end or end
        self._reader.cancel()

    def _close_when_idle(self) -> None:
        if self._reader.done() and not self._tasks:
            self._answers.put_nowait(None)
