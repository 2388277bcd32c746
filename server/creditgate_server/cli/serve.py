"""`creditgate-server serve` and `creditgate-server work`."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from contextlib import AsyncExitStack

import click

from creditgate_server import logs
from creditgate_server.chores import chores
from creditgate_server.postgres.pool import open_pool
from creditgate_server.settings import Settings
from creditgate_server.telemetry import Options, Telemetry, current_ids

_CLOSE_SECONDS_MAX = 3.0
_log = logging.getLogger(__name__)


@click.command()
@click.option("--listen", metavar="HOST:PORT", help="Where to serve (CREDITGATE_LISTEN).")
@click.option("--workers", metavar="N", help="Processes that share the port (CREDITGATE_WORKERS).")
def serve(*, listen: str | None, workers: str | None) -> None:
    """Serve until told to stop: SIGTERM or Ctrl-C lets the calls under way end first."""
    given = {"CREDITGATE_LISTEN": listen, "CREDITGATE_WORKERS": workers}
    environ = {**os.environ, **{name: value for name, value in given.items() if value}}
    settings = Settings.from_env(environ)
    if settings.workers > 1:
        _serve_shared(settings, environ)
    else:
        _serve_alone(settings, environ)


@click.command()
def work() -> None:
    """Do the background work alone, without serving; any number may run beside servers."""
    settings = Settings.from_env(os.environ)
    logs.configure(level=settings.log_level, form=settings.log_format, trace_ids=current_ids)
    telemetry = Telemetry(Options.resolve(settings, environ=os.environ))
    try:
        asyncio.run(_work(settings, telemetry))
    finally:
        telemetry.close()


def _serve_alone(settings: Settings, environ: dict[str, str]) -> None:
    from creditgate_server.app import StartError
    from creditgate_server.app import serve as serve_until_told

    logs.configure(level=settings.log_level, form=settings.log_format, trace_ids=current_ids)
    telemetry = Telemetry(Options.resolve(settings, environ=environ))
    try:
        asyncio.run(serve_until_told(settings, telemetry=telemetry))
    except StartError as error:
        raise click.ClickException(logs.without_secrets(str(error))) from error
    finally:
        telemetry.close()


def _serve_shared(settings: Settings, environ: dict[str, str]) -> None:
    from creditgate_server.cli.processes import PortTakenError, Processes

    logs.configure(level=settings.log_level, form=settings.log_format, trace_ids=lambda: None)
    try:
        code = asyncio.run(Processes(settings, environ).run())
    except PortTakenError as error:
        raise click.ClickException(str(error)) from error
    if code:
        raise SystemExit(code)


async def _work(settings: Settings, telemetry: Telemetry) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        pool = await open_pool(settings)
        stack.push_async_callback(pool.close, timeout_seconds=_CLOSE_SECONDS_MAX)
        loops = chores(settings, pool, observer=telemetry.metrics.work)
        for loop in loops:
            loop.start()
            stack.push_async_callback(loop.stop)
        _log.info("working")
        await stop.wait()
    _log.info("ended")
