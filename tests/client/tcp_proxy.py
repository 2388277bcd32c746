"""A wire between a client and a server that loses replies and cuts connections."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType
from typing import Self

_READ_BYTES = 65_536


class TcpProxy:
    """Listens on a port of its own and passes everything on to a target, until told else."""

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._host, self._port = host, int(port)
        self._server: asyncio.Server | None = None
        self._links: set[asyncio.StreamWriter] = set()
        self._pumps: set[asyncio.Task[None]] = set()
        self._mute = False

    @property
    def target(self) -> str:
        """Where clients connect."""
        assert self._server is not None
        return f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def lose_replies(self) -> None:
        """Requests still arrive; nothing comes back any more."""
        self._mute = True

    def cut(self) -> None:
        """Cut every connection; new ones work."""
        self._mute = False
        for writer in self._links:
            writer.transport.abort()
        self._links.clear()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    async def _accept(self, near: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        far, server = await asyncio.open_connection(self._host, self._port)
        self._links |= {client, server}
        for reader, writer, replies in ((near, server, False), (far, client, True)):
            pump = asyncio.create_task(self._pump(reader, writer, replies=replies))
            self._pumps.add(pump)
            pump.add_done_callback(self._pumps.discard)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, replies: bool
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(_READ_BYTES):
                if not (replies and self._mute):
                    writer.write(data)
                    await writer.drain()
        writer.transport.abort()
