"""A wire between servers and PostgreSQL that can be cut at the worst moment, or go dead."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import struct
import tempfile
from collections import deque
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self
from urllib.parse import parse_qs, quote, urlsplit

_READ_BYTES = 65_536
_ARRAY_HEAD_BYTES = 16


class Cut(Enum):
    """When the wire is cut, seen from a call of apply() that makes changes."""

    BEFORE_COMMIT = "PostgreSQL never sees the end of the transaction"
    AFTER_COMMIT = "PostgreSQL commits, and its answer is lost"
    DURING_COMMIT = "the wire is cut some time after the end of the transaction was sent"
    LOST_ROUTE = "the same, but PostgreSQL's side hears nothing of it"
    BACKEND_ENDED = "PostgreSQL ends the connection some time after that"


class _Order(NamedTuple):
    cut: Cut
    delay_seconds: float
    done: asyncio.Future[Cut]


class PostgresProxy:
    """Listens on a socket of its own and passes everything on to PostgreSQL's, until told else."""

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        query = parse_qs(self._parts.query)
        self._port = query["port"][0]
        self._upstream = Path(query["host"][0]) / f".s.PGSQL.{self._port}"
        self._folder = tempfile.TemporaryDirectory(prefix="creditgate-wire-")
        self._open = asyncio.Event()
        self._open.set()
        self._orders: deque[_Order] = deque()
        self._links: set[_Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.delay_seconds = 0.0

    @property
    def url(self) -> str:
        """The address of the same database, over this wire."""
        place = quote(self._folder.name, safe="/")
        return self._parts._replace(query=f"host={place}&port={self._port}").geturl()

    def cut_next(self, cut: Cut, *, delay_seconds: float = 0.0) -> asyncio.Future[Cut]:
        """Cuts the wire at the next change that apply() makes; the future says that it was."""
        done: asyncio.Future[Cut] = asyncio.get_running_loop().create_future()
        self._orders.append(_Order(cut, delay_seconds, done))
        return done

    def stall(self) -> None:
        """Nothing passes any more, in either direction; new connections are taken and not heard."""
        self._open.clear()

    def heal(self) -> None:
        """What was kept back passes, and everything else."""
        self._open.set()

    def heal_for_new(self) -> None:
        """New connections work; those there are stay dead, as after a lost route."""
        for link in self._links:
            link.dead = True
        self._open.set()

    def cut_all(self) -> None:
        """Ends every connection."""
        for link in list(self._links):
            link.end()

    async def passage(self, link: _Link) -> None:
        """Waits until the wire passes anything for a connection; for a dead one, for ever."""
        await self._open.wait()
        if link.dead:
            await asyncio.Event().wait()

    def take_order(self) -> _Order | None:
        return self._orders.popleft() if self._orders else None

    async def __aenter__(self) -> Self:
        path = str(Path(self._folder.name) / f".s.PGSQL.{self._port}")
        self._server = await asyncio.start_unix_server(self._accept, path)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.cut_all()
        self._folder.cleanup()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            upstream = await asyncio.open_unix_connection(str(self._upstream))
        except OSError:
            writer.close()
            return
        link = _Link(self, (reader, writer), upstream)
        self._links.add(link)
        try:
            await link.run()
        except asyncio.CancelledError:
            # The wire is taken down; a stream's own callback would call this an error.
            return
        finally:
            self._links.discard(link)


_Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class _Link:
    """One connection through the wire."""

    def __init__(self, proxy: PostgresProxy, client: _Stream, backend: _Stream) -> None:
        self._proxy = proxy
        self._from_client, self._to_client = client
        self._from_backend, self._to_backend = backend
        self._statements: set[bytes] = set()
        self._changes = False
        self._backend_pid = 0
        self._order: _Order | None = None
        self._answered = asyncio.Event()
        self.dead = False

    async def run(self) -> None:
        pumps = {
            asyncio.create_task(self._pump_client()),
            asyncio.create_task(self._pump_backend()),
        }
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            self.end()

    def end(self) -> None:
        for writer in (self._to_client, self._to_backend):
            with contextlib.suppress(OSError, RuntimeError):
                writer.close()

    async def _pump_client(self) -> None:
        messages = _Messages(typed=False)
        while data := await self._from_client.read(_READ_BYTES):
            for kind, body, raw in messages.feed(data):
                await self._proxy.passage(self)
                if self._ends_change(kind, body) and (order := self._proxy.take_order()):
                    await self._carry_out(order, raw)
                    return
                if kind == b"S" and self._proxy.delay_seconds:
                    await asyncio.sleep(self._proxy.delay_seconds)
                self._to_backend.write(raw)
            await self._to_backend.drain()

    async def _pump_backend(self) -> None:
        messages = _Messages(typed=True)
        while data := await self._from_backend.read(_READ_BYTES):
            await self._proxy.passage(self)
            for kind, body, raw in messages.feed(data):
                if kind == b"K":
                    self._backend_pid = int.from_bytes(body[:4], "big")
                if self._order is None:
                    self._to_client.write(raw)
                elif kind == b"Z":
                    self._answered.set()
            await self._to_client.drain()

    def _ends_change(self, kind: bytes, body: bytes) -> bool:
        """Follows the extended protocol: True at the Sync of an apply() with operations."""
        if kind == b"P":
            name, query, _ = body.split(b"\0", 2)
            if b"creditgate.apply(" in query:
                self._statements.add(name)
        elif kind == b"B":
            self._changes = _statement(body) in self._statements and _has_elements(body)
        elif kind == b"S":
            changes, self._changes = self._changes, False
            return changes
        return False

    async def _carry_out(self, order: _Order, sync: bytes) -> None:
        """Cuts the wire as ordered. Returning ends the connection on both sides."""
        if order.cut is Cut.BEFORE_COMMIT:
            _tell(order)
            return
        if order.cut is not Cut.BACKEND_ENDED:
            self._order = order
        self._to_backend.write(sync)
        await self._to_backend.drain()
        if order.cut is Cut.AFTER_COMMIT:
            await self._answered.wait()
            _tell(order)
            return
        await asyncio.sleep(order.delay_seconds)
        if order.cut is Cut.BACKEND_ENDED:
            os.kill(self._backend_pid, signal.SIGTERM)
            # The other pump ends the connection when PostgreSQL does.
            _tell(order)
            await asyncio.Event().wait()
        _tell(order)
        if order.cut is Cut.LOST_ROUTE:
            self._to_client.close()
            await self._answered.wait()


class _Messages:
    """Cuts PostgreSQL's protocol into messages; a client's first one has no type."""

    def __init__(self, *, typed: bool) -> None:
        self._typed = typed
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
        """The messages that are complete: type, body, and all of their bytes."""
        self._rest += data
        while True:
            head = int(self._typed)
            if len(self._rest) < head + 4:
                return
            (length,) = struct.unpack_from("!i", self._rest, head)
            end = head + length
            if len(self._rest) < end:
                return
            raw, self._rest = self._rest[:end], self._rest[end:]
            self._typed = True
            yield raw[:head], raw[head + 4 :], raw


def _tell(order: _Order) -> None:
    if not order.done.done():
        order.done.set_result(order.cut)


def _statement(bind: bytes) -> bytes:
    return bind.split(b"\0", 2)[1]


def _has_elements(bind: bytes) -> bool:
    """Whether the first parameter of a Bind, a binary array, has any dimension."""
    at = bind.index(b"\0", bind.index(b"\0") + 1) + 1
    (formats,) = struct.unpack_from("!h", bind, at)
    at += 2 + 2 * formats
    count, length = struct.unpack_from("!hi", bind, at)
    if count < 1 or length < _ARRAY_HEAD_BYTES:
        return False
    dimensions, _, _, size = struct.unpack_from("!iiIi", bind, at + 6)
    return bool(dimensions > 0 and size > 0)
