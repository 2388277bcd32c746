"""Several server processes on one port: started together, restarted when one dies, ended together.

The parent serves nothing and knows nothing of gRPC or of the database. The kernel spreads the
connections over the processes, which share the port with SO_REUSEPORT.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from time import monotonic

from creditgate_server.settings import PREFIX, Settings

COMMAND = (sys.executable, "-m", "creditgate_server", "serve")
EXIT_CONFIGURATION = 2
"""How a process says that it is told wrong things, so that starting it again is useless."""

_RESTART_SECONDS = 0.5
_RESTART_SECONDS_MAX = 30.0
_STEADY_SECONDS = 60.0
_KILL_AFTER_SECONDS = 10.0

_log = logging.getLogger(__name__)


class PortTakenError(Exception):
    """The address cannot be listened on."""


async def supervise(settings: Settings, *, command: Sequence[str] = COMMAND) -> int:
    """Run `settings.workers` processes until SIGTERM or SIGINT; answer the exit code.

    Raises `PortTakenError`.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with _reserve(settings.listen) as port:
        address = f"{settings.listen.rpartition(':')[0]}:{port.getsockname()[1]}"
        family = [
            _Process(index, address, command, stop) for index in range(1, settings.workers + 1)
        ]
        codes = await asyncio.gather(*(process.run(settings) for process in family))
    return max(codes)


class _Process:
    """One of the processes, and whoever starts it again."""

    def __init__(
        self, index: int, address: str, command: Sequence[str], stop: asyncio.Event
    ) -> None:
        self._index = index
        self._command = command
        self._stop = stop
        self._environ = os.environ | {
            f"{PREFIX}WORKERS": "1",
            f"{PREFIX}LISTEN": address,
            f"{PREFIX}PROCESS_INDEX": str(index),
        }

    async def run(self, settings: Settings) -> int:
        """Keep a process running until told to stop; answer its last exit code."""
        pause = _RESTART_SECONDS
        while True:
            started = monotonic()
            code = await self._once(settings)
            if self._stop.is_set() or code == EXIT_CONFIGURATION:
                self._stop.set()
                return code
            if monotonic() - started > _STEADY_SECONDS:
                pause = _RESTART_SECONDS
            _log.error("process %d ended with %d, again in %.1f s", self._index, code, pause)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), pause)
                return code
            pause = min(pause * 2, _RESTART_SECONDS_MAX)

    async def _once(self, settings: Settings) -> int:
        process = await asyncio.create_subprocess_exec(
            *self._command,
            env=self._environ,
            start_new_session=True,  # Ctrl-C is for the parent, who passes it on once
        )
        ended = asyncio.create_task(process.wait())
        stopped = asyncio.create_task(self._stop.wait())
        await asyncio.wait({ended, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not ended.done():
            process.terminate()
            drain_seconds = (settings.drain_notice_ms + settings.drain_timeout_ms) / 1000
            await asyncio.wait({ended}, timeout=drain_seconds + _KILL_AFTER_SECONDS)
        if not ended.done():
            _log.error("process %d does not end and is killed", self._index)
            process.kill()
        return await ended


def _reserve(listen: str) -> socket.socket:
    """Hold the port, without listening, so that it stays ours while processes come and go."""
    host, _, number = listen.rpartition(":")
    family, kind, protocol, _, address = _resolve(host.strip("[]"), int(number))
    try:
        # Someone else who shares the port would take a part of the calls: this bind finds them.
        with socket.socket(family, kind, protocol) as alone:
            alone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            alone.bind(address)
        held = socket.socket(family, kind, protocol)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind(address)
    except OSError as error:
        raise PortTakenError(f"cannot listen on {listen}: {error.strerror}") from None
    return held


def _resolve(host: str, port: int) -> tuple[int, int, int, str, tuple[str, int]]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise PortTakenError(f"cannot listen on {host}: {error.strerror}") from None
    return found[0]  # type: ignore[return-value]
