"""How callers ask: over one stream with all others, or each call for itself."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from itertools import count
from typing import Any, NamedTuple

import grpc
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_status import rpc_status

from creditgate.v1 import authorization_service_pb2 as pb
from creditgate.v1 import authorization_service_pb2_grpc as pb_grpc
from creditgate.v1 import conversation_service_pb2_grpc as conversation_grpc

_UNKNOWN = frozenset({1, 2, 4, 8, 13, 14})
"""gRPC's codes after which the same is asked again."""
_AGAIN_SECONDS = 0.05
_OPTIONS = (("grpc.enable_retries", 0), ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 500))  # fmt: skip
_TIMEOUT_SECONDS = 5.0


class RefusedError(Exception):
    """An operation was refused for good; `reason` is the API's word for it, or gRPC's code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _Asked(NamedTuple):
    request: pb.AuthorizeRequest
    answer: asyncio.Future[Any]


class Stream:
    """One Authorize stream, opened again whenever it breaks: what was not answered is sent again.

    `counts` says how often it was opened, and how often something was asked again.
    """

    def __init__(self, channel: grpc.aio.Channel, metadata: tuple[tuple[str, str], ...]) -> None:
        self._stub = pb_grpc.CreditAuthorizationServiceStub(channel)
        self._metadata = metadata
        self._waiting: dict[str, _Asked] = {}
        self._unsent: asyncio.Queue[pb.AuthorizeRequest] = asyncio.Queue()
        self._ids = map(str, count(1))
        self._call: Any = None
        self.counts: Counter[str] = Counter()
        self.under_way_max = 0

    async def ask(self, **operation: Any) -> Any:
        """Carry out one operation, such as `reserve=pb.ReserveRequest(...)`; answer its response.

        Raises `RefusedError`.
        """
        request = pb.AuthorizeRequest(request_id=next(self._ids), **operation)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[request.request_id] = _Asked(request, answer)
        self.under_way_max = max(self.under_way_max, len(self._waiting))
        self._unsent.put_nowait(request)
        return await answer

    def _send(self, request: pb.AuthorizeRequest) -> None:
        self._unsent.put_nowait(request)

    def cut(self) -> None:
        """Break the stream."""
        self._call.cancel()

    async def run(self) -> None:
        """Keep a stream open until this is cancelled."""
        while True:
            self.counts["streams opened"] += 1
            self._unsent = asyncio.Queue()
            for each in self._waiting.values():
                self._unsent.put_nowait(each.request)
            self.counts["asked again"] += len(self._waiting) if self._call else 0
            self._call = self._stub.Authorize(metadata=self._metadata)
            writing = asyncio.create_task(self._write(self._call))
            try:
                await self._read(self._call)
            except asyncio.CancelledError:
                # A call that was cut raises this in its reader, too: only we are told so twice.
                if (task := asyncio.current_task()) is None or task.cancelling():
                    raise
            except grpc.aio.AioRpcError:
                await asyncio.sleep(_AGAIN_SECONDS)
            finally:
                writing.cancel()
                self._call.cancel()

    async def _write(self, call: Any) -> None:
        with suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
            while True:
                await call.write(await self._unsent.get())

    async def _read(self, call: Any) -> None:
        async for response in call:
            asked = self._waiting.pop(response.request_id, None)
            if asked is None:
                self.counts["answered twice"] += 1
            elif response.WhichOneof("result") != "error":
                asked.answer.set_result(getattr(response, response.WhichOneof("result")))
            elif response.error.code in _UNKNOWN:
                self.counts["asked again"] += 1
                self._waiting[response.request_id] = asked
                loop = asyncio.get_running_loop()
                loop.call_later(_AGAIN_SECONDS, self._send, asked.request)
            else:
                asked.answer.set_exception(RefusedError(_reason(response.error)))


class Unary:
    """Calls of their own, each of which may be lost and asked again."""

    def __init__(self, channel: grpc.aio.Channel, metadata: tuple[tuple[str, str], ...]) -> None:
        stub = pb_grpc.CreditAuthorizationServiceStub(channel)
        talks = conversation_grpc.ConversationServiceStub(channel)
        self._calls: dict[str, Any] = {
            "reserve": stub.Reserve, "extend": stub.Extend, "commit": stub.Commit,
            "release": stub.Release, "reserve_message": talks.ReserveMessage,
            "commit_message": talks.CommitMessage, "release_message": talks.ReleaseMessage,
            "close_conversation": talks.CloseConversation,
            "get_conversation": talks.GetConversation,
        }  # fmt: skip
        self._metadata = metadata
        self.counts: Counter[str] = Counter()
        self.under_way_max = self._under_way = 0

    async def ask(self, *, lost_after: float = 0.0, **operation: Any) -> Any:
        """As `Stream.ask`; with `lost_after` it is given up so soon at first, and asked again."""
        ((kind, request),) = operation.items()
        self._under_way += 1
        self.under_way_max = max(self.under_way_max, self._under_way)
        try:
            if lost_after:
                await self._lose(kind, request, lost_after)
            while True:
                try:
                    return await self._call(kind, request)
                except grpc.aio.AioRpcError as error:
                    if error.code().value[0] not in _UNKNOWN:
                        raise RefusedError(_reason_of(error)) from None
                self.counts["asked again"] += 1
                await asyncio.sleep(_AGAIN_SECONDS)
        finally:
            self._under_way -= 1

    async def _lose(self, kind: str, request: Any, seconds: float) -> None:
        call = self._call(kind, request)
        await asyncio.sleep(seconds)
        self.counts["given up"] += call.cancel()

    def _call(self, kind: str, request: Any) -> Any:
        return self._calls[kind](request, metadata=self._metadata, timeout=_TIMEOUT_SECONDS)


@asynccontextmanager
async def stream(target: str, api_key: str) -> AsyncIterator[Stream]:
    """One stream to a server."""
    async with grpc.aio.insecure_channel(target, options=_OPTIONS) as channel:
        line = Stream(channel, _key(api_key))
        running = asyncio.create_task(line.run())
        try:
            yield line
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running


@asynccontextmanager
async def unary(target: str, api_key: str) -> AsyncIterator[Unary]:
    """Calls to a server."""
    async with grpc.aio.insecure_channel(target, options=_OPTIONS) as channel:
        yield Unary(channel, _key(api_key))


def _key(api_key: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {api_key}"),)


def _reason(status: Any) -> str:
    return next(_reasons(status.details), str(status.code))


def _reason_of(error: grpc.aio.AioRpcError) -> str:
    status = rpc_status.from_call(error)
    return error.code().name if status is None else _reason(status)


def _reasons(details: Any) -> Iterator[str]:
    for each in details:
        info = ErrorInfo()
        if each.Unpack(info):
            yield info.reason
