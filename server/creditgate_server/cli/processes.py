"""Several server processes on one port, and the one that looks after them."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from creditgate_server.settings import Settings

_EARLY_SECONDS = 5.0
_RESTART_PAUSE_SECONDS = 1.0
_log = logging.getLogger(__name__)


class PortTakenError(Exception):
    """Somebody else listens where the processes were to."""


class Processes:
    """Starts the processes, starts those again that end, and ends all when told to.

    A process that ends within its first seconds will do so again: then all are ended. The kernel
    spreads connections over the processes; background work is done by the first of them. Should
    this one be killed, they notice and drain by themselves.
    """

    def __init__(self, settings: Settings, environ: Mapping[str, str]) -> None:
        self._settings = settings
        self._environ = environ
        self._running: dict[int, Process] = {}
        self._told = asyncio.Event()
        self._code = 0

    async def run(self) -> int:
        """Serve until SIGTERM or SIGINT; answers the exit code. Raises PortTakenError."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        with reserved(self._settings.listen) as listen:
            indexes = range(1, self._settings.workers + 1)
            await asyncio.gather(*(self._keep(index, listen) for index in indexes))
        return self._code

    def _stop(self) -> None:
        # Told a second time, the processes give up the calls under way.
        self._told.set()
        for process in self._running.values():
            process.terminate()

    async def _keep(self, index: int, listen: str) -> None:
        clock = asyncio.get_running_loop().time
        while not self._told.is_set():
            started = clock()
            code = await self._run_one(index, listen)
            if self._told.is_set():
                return
            if clock() - started < _EARLY_SECONDS:
                _log.error("process %d ended at once with code %d: ending all", index, code)
                self._code = code if code > 0 else 1
                self._stop()
            else:
                _log.error("process %d ended with code %d: starting it again", index, code)
                await asyncio.sleep(_RESTART_PAUSE_SECONDS)

    async def _run_one(self, index: int, listen: str) -> int:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "creditgate_server",
            "serve",
            env=self._environment(index, listen),
            # A terminal's Ctrl-C is for this process, which passes it on once.
            start_new_session=True,
        )
        self._running[index] = process
        if self._told.is_set():
            process.terminate()
        code = await process.wait()
        del self._running[index]
        return code

    def _environment(self, index: int, listen: str) -> Mapping[str, str]:
        works = self._settings.run_workers and index == 1
        return {
            **self._environ,
            "CREDITGATE_LISTEN": listen,
            "CREDITGATE_WORKERS": "1",
            "CREDITGATE_PROCESS_INDEX": str(index),
            "CREDITGATE_RUN_WORKERS": str(works).lower(),
        }


@contextmanager
def reserved(listen: str) -> Iterator[str]:
    """Keep an address for processes that share it; answers it with its port.

    Raises PortTakenError. Sharing a port means that a stranger could share it too and take half of
    the calls; so first somebody who does not share has to get it.
    """
    host, _, port = listen.rpartition(":")
    family, _, _, _, address = socket.getaddrinfo(
        host.strip("[]"), int(port), type=socket.SOCK_STREAM
    )[0]
    try:
        with socket.socket(family) as alone:
            alone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            alone.bind(address)
            address = alone.getsockname()
    except OSError as error:
        raise PortTakenError(
            f"cannot listen on {listen}: {error.strerror} (CREDITGATE_LISTEN)"
        ) from error
    with socket.socket(family) as shared:
        shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        shared.bind(address)
        yield f"{host}:{address[1]}"
