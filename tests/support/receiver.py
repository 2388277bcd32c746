"""Receivers of webhooks, on real sockets: good ones, and every kind of bad one."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

Behave = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True)
class Received:
    """One request; header names are in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        read: dict[str, Any] = json.loads(self.body)
        return read

    @property
    def name(self) -> tuple[str, int]:
        """The account and number of the event."""
        data = self.event["data"]
        return data["account_id"], data["number"]


@dataclass
class Receiver:
    """What came, and how the next request is answered."""

    behave: Behave
    port: int = 0
    scheme: str = "http"
    got: list[Received] = field(default_factory=list)
    connections: int = 0

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/hook"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                while request := await read_request(reader):
                    self.got.append(request)
                    await self.behave(writer)
            writer.close()
        finally:
            writer.transport.abort()


async def read_request(reader: asyncio.StreamReader) -> Received | None:
    """Read a request; None when the other side has ended."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    pairs = (line.split(": ", 1) for line in head[1:] if line)
    headers = {name.lower(): value for name, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Received(head[0].split(" ")[1], headers, body)


def status(number: int, *more: str) -> Behave:
    """Answer with a status and nothing else."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {number} Said", "content-length: 0", *more, "", ""]
        writer.write("\r\n".join(lines).encode())
        await writer.drain()

    return behave


def first(*behaviours: Behave) -> Behave:
    """Behave in one way after the other; the last one stays."""
    left = list(behaviours)

    async def behave(writer: asyncio.StreamWriter) -> None:
        now = left.pop(0) if len(left) > 1 else left[0]
        await now(writer)

    return behave


async def hang(_writer: asyncio.StreamWriter) -> None:
    """Take the request and say nothing."""
    await asyncio.sleep(60)


async def drip_headers(writer: asyncio.StreamWriter) -> None:
    """Never come to the end of the headers, a little at a time."""
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"x: y\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)


async def drip_body(writer: asyncio.StreamWriter) -> None:
    """Answer 200, and never come to the end of the body."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 4000\r\n\r\n")
    while True:
        writer.write(b".")
        await writer.drain()
        await asyncio.sleep(0.05)


async def flood(writer: asyncio.StreamWriter) -> None:
    """Answer 200 with a body without end, as fast as it is taken."""
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(b"." * 65_536)
        await writer.drain()


async def drop(writer: asyncio.StreamWriter) -> None:
    """Take the request and hang up."""
    writer.close()


async def babble(writer: asyncio.StreamWriter) -> None:
    """Answer something that is not HTTP."""
    writer.write(b"220 mail.example.com ESMTP\r\n")
    await writer.drain()
    writer.close()


@asynccontextmanager
async def receiving(
    behave: Behave | None = None, *, tls: ssl.SSLContext | None = None, port: int = 0
) -> AsyncIterator[Receiver]:
    """Receive webhooks on a free port; well, unless told otherwise."""
    receiver = Receiver(behave or status(200), scheme="https" if tls else "http")
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(receiver.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", port, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)
