"""Starts everything a developer needs, keeps it running, and ends it in reverse."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NoReturn

from creditgate_server import logs
from creditgate_server.app import App
from creditgate_server.dev.database import Database, running_database
from creditgate_server.dev.demo import Demo, ensure_demo
from creditgate_server.dev.demo_data import Wishes, traffic, with_history
from creditgate_server.dev.folder import LocalFolder
from creditgate_server.dev.history.cast import ACCOUNTS
from creditgate_server.dev.page import running_page
from creditgate_server.dev.screen import Running, say, screen
from creditgate_server.migrate import migrate
from creditgate_server.postgres.errors import connecting
from creditgate_server.postgres.pool import Pool, open_pool
from creditgate_server.settings import Settings
from creditgate_server.telemetry import Address, Options, Telemetry, current_ids

FOLDER = Path(".creditgate")
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LISTEN = Address("127.0.0.1", 50051)
_METRICS = Address("127.0.0.1", 9464)
_PAGE = Address("127.0.0.1", 8080)
_ANY_HOST = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104 - recognised, not bound
# What suits a developer better than the defaults; the environment wins over these.
_DEFAULTS = {
    "CREDITGATE_LOG_FORMAT": "text",
    "CREDITGATE_LOG_LEVEL": "warning",
    "CREDITGATE_DRAIN_NOTICE_MS": "0",
    "CREDITGATE_DRAIN_TIMEOUT_MS": "3000",
    "CREDITGATE_WEBHOOK_ALLOW_PRIVATE": "true",
}


class DevError(Exception):
    """What `dev` was to run cannot run, or has ended; the text says why and what would help."""


async def run(environ: Mapping[str, str], wishes: Wishes | None = None) -> None:
    """Run until SIGINT, SIGTERM or SIGHUP. Raises DevError, and the errors of its parts."""
    told = asyncio.Event()
    for number in _SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    work = asyncio.create_task(_run(environ, wishes or Wishes()))
    waiting = asyncio.create_task(told.wait())
    await asyncio.wait({work, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if not work.done():
        say("\nstopping")
        work.cancel()
        await asyncio.wait({work})
    if not work.cancelled():
        work.result()


async def _run(environ: Mapping[str, str], wishes: Wishes) -> NoReturn:
    folder = LocalFolder(FOLDER)
    _check_free(environ.get("CREDITGATE_LISTEN", ""))
    with folder.locked():
        async with running_database(environ, folder.postgres) as started:
            database = await with_history(started, wishes, pepper=folder.pepper())
            settings = _settings(environ, database, pepper=folder.pepper())
            logs.configure(
                level=settings.log_level, form=settings.log_format, trace_ids=current_ids
            )
            say("bringing its schema up to date")
            with connecting():
                await migrate(database.url)
            async with (
                running_page(settings, environ) as page,
                _serving(settings, environ) as (app, pool, metrics),
            ):
                target = _reachable(app.address)
                demo = await _demo(pool, folder, target=target, pepper=settings.key_pepper)
                shown = _running(
                    target,
                    page=await page.words(),
                    database=database,
                    metrics=metrics,
                    folder=folder,
                    demo=demo,
                )
                say(screen(shown._replace(accounts=ACCOUNTS if wishes.data else ())))
                async with traffic(wishes, target=target, api_key=demo.api_key):
                    raise DevError(await database.ended())


def _check_free(listen: str) -> None:
    """Find out now that the port is taken, rather than when all else has been started."""
    host, _, port = (listen or f"{_LISTEN.host}:{_LISTEN.port}").rpartition(":")
    if not _is_free(Address(host.strip("[]"), int(port))):
        raise DevError(
            f"{host}:{port} is taken, perhaps by another creditgate-server. Stop that, or serve"
            f" somewhere else:\n  creditgate-server dev --listen {host}:{int(port) + 1}"
        )


def _is_free(address: Address) -> bool:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError:
            return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _settings(environ: Mapping[str, str], database: Database, *, pepper: str) -> Settings:
    """Read the settings; what is not set is chosen to suit a developer."""
    metrics = _METRICS if _is_free(_METRICS) else _METRICS._replace(port=0)
    page = _PAGE if _is_free(_PAGE) else _PAGE._replace(port=_free_port())
    chosen = _DEFAULTS | {
        "CREDITGATE_KEY_PEPPER": pepper,
        "CREDITGATE_DASHBOARD_LISTEN": f"{page.host}:{page.port}",
        "CREDITGATE_METRICS_LISTEN": f"{metrics.host}:{metrics.port}",
    }
    given = {name: value for name, value in environ.items() if value.strip()}
    return Settings.from_env({**chosen, **given, "CREDITGATE_DATABASE_URL": database.url})


@asynccontextmanager
async def _serving(
    settings: Settings, environ: Mapping[str, str]
) -> AsyncIterator[tuple[App, Pool, Address | None]]:
    say("starting the server")
    telemetry = Telemetry(Options.resolve(settings, environ=environ))
    pool = await open_pool(settings)
    app = App(settings, telemetry, pool)
    try:
        await app.start()
        try:
            yield app, pool, telemetry.metrics_address
        finally:
            await app.drain()
    finally:
        await app.close()
        await asyncio.to_thread(telemetry.close)


async def _demo(pool: Pool, folder: LocalFolder, *, target: str, pepper: str) -> Demo:
    known = folder.read_env().get("CREDITGATE_API_KEY", "")
    demo = await ensure_demo(pool, api_key=known, pepper=pepper)
    folder.write_env(target=target, api_key=demo.api_key)
    return demo


def _running(
    target: str,
    *,
    page: str,
    database: Database,
    metrics: Address | None,
    folder: LocalFolder,
    demo: Demo,
) -> Running:
    return Running(
        target=target,
        page=page,
        database=database.words,
        metrics=f"http://{metrics.host}:{metrics.port}/metrics" if metrics else "off",
        env_file=str(folder.env),
        api_key=demo.api_key,
        available_micros=demo.available_micros,
    )


def _reachable(address: str) -> str:
    """Turn "every address of this host" into one that can be called."""
    host, _, port = address.rpartition(":")
    return f"{_ANY_HOST.get(host, host)}:{port}"
