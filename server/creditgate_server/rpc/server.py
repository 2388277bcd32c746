"""gRPC as the transport: the only module that turns calls of `grpc.aio` into ours, and back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, NoReturn

import grpc
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection

from .call import Call, Handler
from .health import SERVICES, Health
from .method import API_SERVICES, BATCH_BYTES_MAX, Method
from .status import RpcError
from .stream import Duplex
from .tls import TlsFiles

HEALTH = "grpc.health.v1.Health"
_LULL_CHECKS = 3
_LULL_CHECK_SECONDS = 0.001
_DETAILS = "grpc-status-details-bin"
_CODES = {code.value[0]: code for code in grpc.StatusCode}
_STATUS = health_pb2.HealthCheckResponse


class BindError(Exception):
    """The address cannot be listened on; the text says why and what would help."""


def options(*, connection_age_max_seconds: int, share_port: bool) -> Sequence[tuple[str, int]]:
    """List what gRPC is told; where its default would hurt, a comment says how."""
    return (
        # By default a second server on the same port starts and takes half of the calls.
        ("grpc.so_reuseport", int(share_port)),
        # Larger ones end in RESOURCE_EXHAUSTED from the library; ours are refused by name below it.
        ("grpc.max_receive_message_length", BATCH_BYTES_MAX + 4096),
        ("grpc.max_send_message_length", 8 * 1_048_576),
        ("grpc.max_concurrent_streams", 2_048),
        ("grpc.max_metadata_size", 8_192),
        ("grpc.absolute_max_metadata_size", 16_384),
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        # The default of five minutes punishes clients that want to know earlier of a dead link.
        ("grpc.http2.min_ping_interval_without_data_ms", 20_000),
        ("grpc.http2.max_ping_strikes", 2),
        # Spreads callers over servers behind a balancer. There is no grace: streams live on.
        ("grpc.max_connection_age_ms", connection_age_max_seconds * 1000),
        ("grpc.max_connection_idle_ms", 900_000),
    )


class Server:
    """A gRPC server of handlers, health and, where asked, reflection."""

    def __init__(
        self,
        handlers: Mapping[Method, Handler],
        health: Health,
        *,
        options: Sequence[tuple[str, int]],
        reflect: bool,
    ) -> None:
        self._server = grpc.aio.server(options=options)
        table = {
            method.path: _stream(handler) if method.streams else _unary(handler)
            for method, handler in handlers.items()
        }
        table |= _health_handlers(health)
        self._arrivals = _Table(table)
        self._server.add_generic_rpc_handlers((self._arrivals,))
        if reflect:
            names = (*API_SERVICES, HEALTH, reflection.SERVICE_NAME)
            reflection.enable_server_reflection(names, self._server)

    def bind(self, address: str, tls: TlsFiles | None) -> int:
        """Listen on an address and answer the port. Raises `BindError`."""
        try:
            if tls is None:
                return self._server.add_insecure_port(address)
            return self._server.add_secure_port(address, tls.credentials())
        except OSError as error:
            raise BindError(f"cannot serve TLS: {error}") from None
        except RuntimeError:
            problem = "it is taken, or no address of this host, or its TLS files are none"
            raise BindError(f"cannot listen on {address}: {problem}") from None

    async def start(self) -> None:
        """Begin to accept calls."""
        await self._server.start()

    async def stop(self, *, grace_seconds: float) -> None:
        """Accept no more calls, and give those under way that long to end."""
        await self._server.stop(grace_seconds)

    async def lull(self, *, within_seconds: float) -> None:
        """Wait for a moment in which no calls arrive, if there is one in time.

        When gRPC stops, it answers CANCELLED to calls that have arrived and that it has not handed
        to us yet; no client may take this for "not done".
        """
        clock = asyncio.get_running_loop().time
        until, seen, quiet = clock() + within_seconds, -1, 0
        while quiet < _LULL_CHECKS and clock() < until:
            quiet = quiet + 1 if seen == self._arrivals.count else 0
            seen = self._arrivals.count
            await asyncio.sleep(_LULL_CHECK_SECONDS)


class _Table(grpc.GenericRpcHandler):
    def __init__(self, handlers: Mapping[str, Any]) -> None:
        self._handlers = handlers
        self.count = 0

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        self.count += 1
        return self._handlers.get(handler_call_details.method)


def _unary(handler: Handler) -> Any:
    async def serve(request: bytes, context: grpc.aio.ServicerContext[Any, Any]) -> bytes:
        call = Call(context.invocation_metadata() or (), remaining_seconds=context.time_remaining())
        try:
            response = await handler(request, call)
        except RpcError as error:
            await _abort(context, error)
        answer: bytes = response.SerializeToString()
        return answer

    return grpc.unary_unary_rpc_method_handler(serve)


def _stream(handler: Handler) -> Any:
    async def serve(
        requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext[Any, Any]
    ) -> None:
        call = Call(context.invocation_metadata() or (), remaining_seconds=context.time_remaining())
        try:
            await handler(Duplex(requests, context.write), call)
        except RpcError as error:
            await _abort(context, error)

    return grpc.stream_stream_rpc_method_handler(serve)


async def _abort(context: grpc.aio.ServicerContext[Any, Any], error: RpcError) -> NoReturn:
    # Setting a code instead would send headers first, after which no client may retry.
    status = error.status().SerializeToString()
    await context.abort(_CODES[error.code], error.text, ((_DETAILS, status),))


def _health_handlers(health: Health) -> dict[str, Any]:
    """Make Check and Watch; they need no API key."""

    async def check(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
        if request.service not in SERVICES:
            await context.abort(grpc.StatusCode.NOT_FOUND, "there is no such service")
        return _answer(serving=health.serving)

    async def watch(request: Any, _: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[Any]:
        known = request.service in SERVICES
        if not known:
            yield _STATUS(status=_STATUS.SERVICE_UNKNOWN)
        async for serving in health.watch():
            if known:
                yield _answer(serving=serving)

    coders = {
        "request_deserializer": health_pb2.HealthCheckRequest.FromString,
        "response_serializer": _STATUS.SerializeToString,
    }
    return {
        f"/{HEALTH}/Check": grpc.unary_unary_rpc_method_handler(check, **coders),
        f"/{HEALTH}/Watch": grpc.unary_stream_rpc_method_handler(watch, **coders),
    }


def _answer(*, serving: bool) -> Any:
    return _STATUS(status=_STATUS.SERVING if serving else _STATUS.NOT_SERVING)
