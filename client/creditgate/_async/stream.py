"""Many operations at once on one `Authorize` stream."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from typing import Any

import grpc
from google.protobuf.message import Message

from creditgate._failures import Failure, failure_of_status, read_failure
from creditgate.v1 import authorization_service_pb2 as messages

OPERATIONS = {
    "".join(word.capitalize() for word in field.name.split("_")): field.name
    for field in messages.AuthorizeRequest.DESCRIPTOR.oneofs_by_name["operation"].fields
}
"""The methods that a stream carries, and the fields of their requests and answers."""

# As many as a server takes of one stream; what is more waits here, where it can still be dropped.
UNDER_WAY_MAX = 1_000
# A stream that ends takes with it what it had not read; that goes on on the next one, so often.
STREAMS_MAX = 3

_CODES = {code.value[0]: code for code in grpc.StatusCode}
_ENDED = Failure(grpc.StatusCode.UNAVAILABLE, "the stream ended")
_NOT_SENT = Failure(grpc.StatusCode.UNAVAILABLE, "the stream ended before", reason="NOT_EXECUTED")
_TOO_LATE = Failure(grpc.StatusCode.DEADLINE_EXCEEDED, "no answer in time")
_NOT_SENT_IN_TIME = Failure(
    grpc.StatusCode.DEADLINE_EXCEEDED, "not sent in time", reason="NOT_EXECUTED"
)


class AsyncStream:
    """Sends operations over one stream, which is opened when it is needed, and again when it ends.

    `open_call` makes the stream's call.
    """

    def __init__(self, open_call: Callable[[], Any]) -> None:
        self._open_call = open_call
        self._session: _Session | None = None
        self._numbers = count(1)
        self._slots = asyncio.Semaphore(UNDER_WAY_MAX)

    async def ask(self, method: str, request: Message, *, timeout_seconds: float) -> Any:
        """The answer to one operation, or the `Failure` it ended with."""
        end = asyncio.get_running_loop().time() + timeout_seconds
        try:
            async with asyncio.timeout_at(end):
                await self._slots.acquire()
        except TimeoutError:
            return _NOT_SENT_IN_TIME
        try:
            outcome: Any = _NOT_SENT
            for _ in range(STREAMS_MAX):
                outcome = await self._ask(OPERATIONS[method], request, end)
                if not (isinstance(outcome, Failure) and outcome is _NOT_SENT):
                    break
            return outcome
        finally:
            self._slots.release()

    async def close(self) -> None:
        """End the stream; what is under way fails."""
        if self._session is not None:
            await self._session.close()

    async def _ask(self, name: str, request: Message, end: float) -> Any:
        if self._session is None or self._session.is_over:
            self._session = _Session(self._open_call())
        session, number = self._session, str(next(self._numbers))
        operation = messages.AuthorizeRequest(request_id=number)
        getattr(operation, name).CopyFrom(request)
        try:
            async with asyncio.timeout_at(end):
                answer = await session.ask(operation)
        except TimeoutError:
            return _TOO_LATE
        finally:
            session.forget(number)
        if isinstance(answer, Failure):
            return answer
        if answer.WhichOneof("result") == "error":
            code = _CODES.get(answer.error.code, grpc.StatusCode.UNKNOWN)
            return failure_of_status(answer.error, code=code)
        return getattr(answer, name)


class _Session:
    """One stream from its beginning to its end."""

    def __init__(self, call: Any) -> None:
        self._call = call
        self._waiting: dict[str, asyncio.Future[messages.AuthorizeResponse | Failure]] = {}
        self._outgoing: asyncio.Queue[messages.AuthorizeRequest] = asyncio.Queue()
        self._sent: set[str] = set()
        self._reader = asyncio.create_task(self._read())
        self._writer = asyncio.create_task(self._write())
        self.is_over = False

    async def ask(
        self, operation: messages.AuthorizeRequest
    ) -> messages.AuthorizeResponse | Failure:
        """The answer to an operation, or why the stream ended without one."""
        answered: asyncio.Future[messages.AuthorizeResponse | Failure]
        answered = asyncio.get_running_loop().create_future()
        self._waiting[operation.request_id] = answered
        self._outgoing.put_nowait(operation)
        return await answered

    def forget(self, number: str) -> None:
        """Wait no longer for an answer; what has not been sent yet is not sent any more."""
        self._waiting.pop(number, None)
        self._sent.discard(number)

    async def close(self) -> None:
        """End it."""
        self._call.cancel()
        await asyncio.wait([self._reader, self._writer])

    async def _write(self) -> None:
        """Send what is to be sent. That the stream has ended, its reader says."""
        with suppress(grpc.RpcError, asyncio.InvalidStateError, asyncio.CancelledError):
            while True:
                operation = await self._outgoing.get()
                if operation.request_id in self._waiting:
                    self._sent.add(operation.request_id)
                    await self._call.write(operation)

    async def _read(self) -> None:
        """Hand out answers until the stream ends; then tell all who wait that it did."""
        failure = _ENDED
        try:
            async for answer in self._call:
                answered = self._waiting.get(answer.request_id)
                if answered is not None and not answered.done():
                    answered.set_result(answer)
        except grpc.RpcError as error:
            failure = read_failure(error)
        except asyncio.CancelledError:
            # By the end of the channel, or of the loop: either way there is nobody to go on for.
            failure = _ENDED
        finally:
            self._end(failure)

    def _end(self, failure: Failure) -> None:
        self.is_over = True
        self._writer.cancel()
        self._call.cancel()
        for number, answered in self._unanswered():
            # A server that goes away has answered all it has read.
            unread = failure.not_executed or number not in self._sent
            answered.set_result(_NOT_SENT if unread else failure)

    def _unanswered(self) -> Iterator[tuple[str, asyncio.Future[Any]]]:
        for number, answered in self._waiting.items():
            if not answered.done():
                yield number, answered
