"""How a client for asyncio sends requests: alone, or over one stream."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import grpc
import grpc.aio

from creditgate._async.stream import OPERATIONS, AsyncStream
from creditgate._base import CHANNEL_OPTIONS, TLS, BaseClient, methods_of
from creditgate._failures import Failure, read_failure
from creditgate._messages.work import Call
from creditgate.v1.authorization_service_pb2_grpc import CreditAuthorizationServiceStub

Answer = TypeVar("Answer")

CHANNEL_CLOSED = Failure(grpc.StatusCode.CANCELLED, "the connection was closed")


class AsyncTransport(BaseClient):
    """The connection of an `AsyncClient`."""

    _channel: grpc.aio.Channel | None = None
    _methods: Mapping[str, Any]
    _stream: AsyncStream

    def __init__(
        self,
        target: str | None = None,
        *,
        api_key: str | None = None,
        tls: TLS | None = None,
        timeout_seconds: float | None = None,
        patience_seconds: float = 15.0,
        journal: Path | str | None = None,
        stream: bool = False,
    ) -> None:
        super().__init__(
            target,
            api_key=api_key,
            tls=tls,
            timeout_seconds=timeout_seconds,
            patience_seconds=patience_seconds,
            journal=journal,
        )
        self._streams = stream

    def _connect(self) -> None:
        """Make the channel, on first use: it belongs to the running event loop."""
        if self._closed:
            raise RuntimeError("this client has been closed")
        if self._channel is None:
            options = CHANNEL_OPTIONS
            if self._tls is None:
                self._channel = grpc.aio.insecure_channel(self.target, options=options)
            else:
                credentials = self._tls.credentials()
                self._channel = grpc.aio.secure_channel(self.target, credentials, options=options)
            self._methods = methods_of(self._channel)
            authorize = CreditAuthorizationServiceStub(self._channel).Authorize
            self._stream = AsyncStream(lambda: authorize(metadata=self._metadata()))

    async def _send(self, call: Call[Answer], *, patience_seconds: float | None = None) -> Answer:
        """Send a request until it is answered, refused, or patience ends."""
        self._connect()
        attempts = self._attempts(
            call.method,
            writes=call.writes,
            patience_seconds=patience_seconds,
            clock=time.monotonic,
        )
        while True:
            timeout = attempts.timeout_seconds(self._attempt_seconds(call.method))
            outcome = await self._attempt(call, timeout)
            if not isinstance(outcome, Failure):
                self._throttle.succeed()
                return call.read(outcome)
            if not self._closed:
                await asyncio.sleep(attempts.delay_after(outcome))
            if self._closed:  # before the failure, or while it was waited
                raise attempts.give_up(outcome)

    async def _disconnect(self) -> None:
        """Close the channel for good."""
        self._closed = True
        if self._channel is not None:
            await self._stream.close()
            await self._channel.close()

    async def _attempt(self, call: Call[Any], timeout_seconds: float) -> Any:
        """Send a request once: the response, or the failure."""
        if self._streams and call.method in OPERATIONS:
            return await self._stream.ask(
                call.method, call.request, timeout_seconds=timeout_seconds
            )
        method = self._methods[call.method]
        sent = method(call.request, timeout=timeout_seconds, metadata=self._metadata())
        return await _outcome(sent)


async def _outcome(sent: Awaitable[Any]) -> Any:
    """The response, or the failure; only the caller's own cancellation is raised."""
    try:
        return await sent
    except grpc.RpcError as error:
        return read_failure(error)
    except asyncio.CancelledError:
        if is_cancelled():
            raise
        return CHANNEL_CLOSED


def is_cancelled() -> bool:
    """Whether a cancellation is the caller's own; else it came from a channel that was closed."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0
