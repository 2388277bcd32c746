"""The web page of `creditgate-server dev`: a process of its own that ends with this one."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

from creditgate_server.dev.screen import say
from creditgate_server.settings import Settings

_START_SECONDS_MAX = 20.0
_LOOK_SECONDS = 0.05
_END_SECONDS_MAX = 5.0


class Page:
    """A process that serves the web page."""

    def __init__(self, process: Process, settings: Settings) -> None:
        self._process, self._settings = process, settings

    async def words(self) -> str:
        """Wait until it answers, and say where; or that it does not."""
        host, _, port = self._settings.dashboard_listen.rpartition(":")
        with suppress(TimeoutError):
            async with asyncio.timeout(_START_SECONDS_MAX):
                while self._process.returncode is None:
                    with suppress(OSError):
                        _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
                        writer.close()
                        return self._settings.dashboard_base_url
                    await asyncio.sleep(_LOOK_SECONDS)
        return "off: it could not be started"

    async def watch(self) -> None:
        """Say when it has ended, which is no reason for the rest to end."""
        code = await self._process.wait()
        say(f"the web page has ended with code {code}; everything else goes on")


@asynccontextmanager
async def running_page(settings: Settings, environ: Mapping[str, str]) -> AsyncIterator[Page]:
    """Serve the web page, as these settings say, for as long as the block lasts."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "creditgate_server", "dashboard", f"--parent={os.getpid()}"),
        env={**environ, **_environ(settings)},
        # A terminal's Ctrl-C is for this process, which passes it on once.
        start_new_session=True,
    )
    page = Page(process, settings)
    watch = asyncio.create_task(page.watch())
    try:
        yield page
    finally:
        watch.cancel()
        await _end(process)


async def _end(process: Process) -> None:
    with suppress(ProcessLookupError):
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _END_SECONDS_MAX)
        except TimeoutError:
            process.kill()
            await process.wait()


def _environ(settings: Settings) -> Mapping[str, str]:
    """Write what was decided here and not in the environment."""
    return {
        "CREDITGATE_DATABASE_URL": settings.database_url,
        "CREDITGATE_KEY_PEPPER": settings.key_pepper,
        "CREDITGATE_DASHBOARD_LISTEN": settings.dashboard_listen,
        "CREDITGATE_LOG_FORMAT": settings.log_format,
        "CREDITGATE_LOG_LEVEL": settings.log_level,
        "CREDITGATE_DRAIN_TIMEOUT_MS": str(settings.drain_timeout_ms),
    }
