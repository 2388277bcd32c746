"""Sends webhooks: to public addresses, within limits of time and size, without redirects."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self

import httpcore

from creditgate_server.domain.deliveries import Answer, Verdict
from creditgate_server.domain.webhooks import url_problem

from .addresses import (
    AddressRefusedError,
    ResolutionError,
    Resolve,
    SystemResolver,
    open_addresses,
)

_CONNECTIONS_MAX = 256
_CONNECTIONS_IDLE_MAX = 32
_IDLE_SECONDS_MAX = 15.0
_CONNECT_SECONDS_MAX = 5.0
_ADDRESSES_MAX = 4
_ANSWER_BYTES_MAX = 4_096
_GONE = 410
# What can go wrong on the way; anything else is a mistake of ours.
_FAILURES = (
    AddressRefusedError,
    ResolutionError,
    TimeoutError,
    OSError,
    ValueError,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.TimeoutException,
)
_WORDS: tuple[tuple[type[Exception], str], ...] = (
    (AddressRefusedError, "the host's address is not one of the public internet"),
    (ResolutionError, "the host's name stands for no address"),
    (TimeoutError, "no answer in time"),
    (httpcore.TimeoutException, "no answer in time"),
)
# What the library tells of every step is for its own developers.
logging.getLogger("httpcore").setLevel(logging.WARNING)


class Webhooks:
    """Posts to the URLs of tenants. Every attempt ends within `timeout_seconds`."""

    def __init__(
        self,
        *,
        timeout_seconds: float,
        allow_private: bool,
        ca_file: Path | None = None,
        resolve: Resolve | None = None,
    ) -> None:
        self._timeout_seconds = timeout_seconds
        self._allow_private = allow_private
        connect_seconds = min(timeout_seconds, _CONNECT_SECONDS_MAX)
        self._extensions = {"timeout": {"connect": connect_seconds, "pool": timeout_seconds}}
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=_trusting(ca_file),
            max_connections=_CONNECTIONS_MAX,
            max_keepalive_connections=_CONNECTIONS_IDLE_MAX,
            keepalive_expiry=_IDLE_SECONDS_MAX,
            network_backend=_Guarded(resolve or SystemResolver(), allow_private=allow_private),
        )

    async def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send a body and answer what became of it; nothing a receiver does raises."""
        problem = url_problem(url, allow_private=self._allow_private)
        if problem is not None:
            return Answer(Verdict.REJECTED, error=f"the URL {problem}")
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return _judged(await self._exchange(url, headers, body))
        except _FAILURES as error:
            return Answer(Verdict.FAILED, error=_in_words(error))

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    async def _exchange(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """Post, and read so much of the answer that the connection can serve again."""
        given = list(headers.items())
        async with self._pool.stream(
            "POST", url, headers=given, content=body, extensions=self._extensions
        ) as response:
            left = _ANSWER_BYTES_MAX
            async for chunk in response.aiter_stream():
                left -= len(chunk)
                if left < 0:
                    break
            return int(response.status)


class _Guarded(httpcore.AsyncNetworkBackend):
    """Connects to the very addresses that were looked at: a name cannot change in between."""

    def __init__(self, resolve: Resolve, *, allow_private: bool) -> None:
        self._resolve = resolve
        self._allow_private = allow_private
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to one of the host's addresses."""
        async with asyncio.timeout(timeout):
            addresses = await open_addresses(
                host, port, resolve=self._resolve, allow_private=self._allow_private
            )
            failure: Exception = ResolutionError()
            for address in addresses[:_ADDRESSES_MAX]:
                try:
                    stream = await self._inner.connect_tcp(
                        address, port, timeout=timeout, socket_options=socket_options
                    )
                except httpcore.ConnectError as error:
                    failure = error
                else:
                    return _Stream(stream)
            raise failure

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - as above
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Refuse: webhooks go over the network."""
        raise AddressRefusedError

    async def sleep(self, seconds: float) -> None:
        """Wait between the library's own attempts."""
        await asyncio.sleep(seconds)


class _Stream(httpcore.AsyncNetworkStream):
    """A connection that is closed, too, when securing it is given up: the library forgets that."""

    def __init__(self, inner: httpcore.AsyncNetworkStream) -> None:
        self._inner = inner

    async def read(
        self,
        max_bytes: int,
        timeout: float | None = None,  # noqa: ASYNC109 - as above
    ) -> bytes:
        """Receive."""
        return await self._inner.read(max_bytes, timeout)

    async def write(
        self,
        buffer: bytes,
        timeout: float | None = None,  # noqa: ASYNC109 - as above
    ) -> None:
        """Send."""
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        """Close the connection."""
        await self._inner.aclose()

    def get_extra_info(self, info: str) -> Any:
        """Answer what the library asks about the connection."""
        return self._inner.get_extra_info(info)

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - as above
    ) -> httpcore.AsyncNetworkStream:
        """Secure the connection."""
        try:
            return await self._inner.start_tls(ssl_context, server_hostname, timeout)
        except BaseException:
            await self.aclose()
            raise


def _trusting(ca_file: Path | None) -> ssl.SSLContext:
    """Trust the authorities of the system, and those of the file."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context


def _judged(status: int) -> Answer:
    if 200 <= status < 300:  # noqa: PLR2004 - what HTTP calls success
        return Answer(Verdict.DELIVERED, status)
    if status == _GONE:
        return Answer(Verdict.GONE, status, "the receiver says that it is gone")
    return Answer(Verdict.FAILED, status, f"the receiver answered {status}")


def _in_words(error: BaseException) -> str:
    """Say what went wrong, and nothing of what the other side said."""
    for kind, words in _WORDS:
        if isinstance(error, kind):
            return words
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"TLS: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError):
            return "TLS: the connection could not be secured"
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpcore.ConnectError):
        return "nobody listens at the host's address"
    return "the connection broke, or the answer was not HTTP"
