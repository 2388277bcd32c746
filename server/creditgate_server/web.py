"""The composition root of the dashboard's process: the web page, on a pool of its own."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

import uvicorn

from creditgate_server.dashboard.app import create_app
from creditgate_server.dashboard.dependencies import Dependencies, Rules
from creditgate_server.domain.links import Links
from creditgate_server.migrate import pending
from creditgate_server.postgres.accounts import PostgresAccounts
from creditgate_server.postgres.activity import PostgresActivities
from creditgate_server.postgres.budgets import PostgresBudgets
from creditgate_server.postgres.calls import PostgresCalls
from creditgate_server.postgres.catalog import PostgresCatalog
from creditgate_server.postgres.conversations import PostgresConversations
from creditgate_server.postgres.directory import PostgresDirectory
from creditgate_server.postgres.events import PostgresEvents
from creditgate_server.postgres.keys import PostgresKeys
from creditgate_server.postgres.pool import Pool, open_pool
from creditgate_server.postgres.statements import PostgresStatements
from creditgate_server.postgres.summaries import PostgresSummaries
from creditgate_server.postgres.usage import PostgresUsages
from creditgate_server.postgres.watches import PostgresWatches
from creditgate_server.settings import Settings

_CLOSE_SECONDS_MAX = 3.0
_SCHEMA_SECONDS_MAX = 10.0
_PARENT_CHECK_SECONDS = 0.5
_REQUESTS_MAX = 2_000
_HEAD_BYTES_MAX = 32_768
_KEEP_ALIVE_SECONDS = 15

_log = logging.getLogger(__name__)


class WebStartError(Exception):
    """The web page cannot be served; the text says why and what would help."""


async def serve(
    settings: Settings,
    *,
    parent: int | None = None,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, or until the process `parent` is no longer ours.

    `ready` is told the address once pages are served. Raises `WebStartError`.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    watch = asyncio.create_task(_stop_without(parent, stop))
    web = Web(settings, await open_web_pool(settings))
    try:
        await web.start()
        if ready is not None:
            ready(web.address)
        await stop.wait()
        await web.drain()
    finally:
        watch.cancel()
        await web.close()


class Web:
    """One process of the dashboard: `start`, then `drain` and `close`."""

    def __init__(self, settings: Settings, pool: Pool) -> None:
        self._settings, self._pool = settings, pool
        self.address = settings.dashboard_listen
        self.app = create_app(dependencies(settings, pool), rules=rules(settings))
        self._server = _Server(_config(settings, self.app))
        self._socket: socket.socket | None = None
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen and answer, also while the database is away. Raises `WebStartError`."""
        await self._check_schema()
        self._socket = _bound(self._settings.dashboard_listen)
        host = self._settings.dashboard_listen.rpartition(":")[0]
        self.address = f"{host}:{self._socket.getsockname()[1]}"
        self._serving = asyncio.create_task(self._server.serve([self._socket]))
        while not self._server.started:
            if self._serving.done():
                raise WebStartError("the web page could not be started") from (
                    self._serving.exception()
                )
            await asyncio.sleep(0.01)
        _log.info("the web page is at %s", self.address)

    async def _check_schema(self) -> None:
        try:
            async with asyncio.timeout(_SCHEMA_SECONDS_MAX):
                lacking = await pending(self._settings.database_url)
        except Exception as error:  # noqa: BLE001 - what the driver raises is not ours to know
            _log.warning("the database does not answer yet: %s", type(error).__name__)
            return
        if lacking:
            raise WebStartError(
                f"the database lacks {', '.join(lacking)}: run creditgate-server migrate"
            )

    async def drain(self) -> None:
        """End the streams, let what was asked be answered, and take nothing more."""
        _log.info("draining")
        self.app.state.lives.drain()
        self._server.should_exit = True
        if self._serving is not None:
            await asyncio.wait({self._serving})

    async def close(self) -> None:
        """End everything that still runs; also after a failed start."""
        self._server.should_exit = self._server.force_exit = True
        if self._serving is not None:
            self.app.state.lives.drain()
            with suppress(Exception):
                await self._serving
        if self._socket is not None:
            self._socket.close()
        await self._pool.close(timeout_seconds=_CLOSE_SECONDS_MAX)
        _log.info("ended")


def dependencies(settings: Settings, pool: Pool) -> Dependencies:
    """Put together what the page reads from."""
    return Dependencies(
        accounts=PostgresAccounts(pool),
        activities=PostgresActivities(pool),
        budgets=PostgresBudgets(pool),
        calls=PostgresCalls(pool),
        catalog=PostgresCatalog(pool),
        conversations=PostgresConversations(pool),
        directory=PostgresDirectory(pool),
        events=PostgresEvents(pool),
        keys=PostgresKeys(pool),
        links=Links(settings.key_pepper, base_url=settings.dashboard_base_url),
        statements=PostgresStatements(pool),
        summaries=PostgresSummaries(pool),
        usages=PostgresUsages(pool),
        watches=PostgresWatches(pool),
        pepper=settings.key_pepper,
        clock=time.time,
    )


def rules(settings: Settings) -> Rules:
    """Read the rules from the settings."""
    return Rules(
        base_url=settings.dashboard_base_url,
        session_idle_seconds=settings.dashboard_session_idle_seconds,
        session_max_seconds=settings.dashboard_session_max_seconds,
        key_cache_seconds=settings.key_cache_ttl_ms / 1000,
        lives_max=settings.dashboard_pages_max,
    )


async def open_web_pool(settings: Settings) -> Pool:
    """Open the pool of the page, smaller than a server's."""
    return await open_pool(replace(settings, pool_size=settings.dashboard_pool_size))


class _Server(uvicorn.Server):
    """Leaves signals to whoever runs it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _config(settings: Settings, app: object) -> uvicorn.Config:
    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        loop="none",
        http="h11",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        # Who is not named here is not believed about whom it asks for.
        proxy_headers=bool(settings.dashboard_proxies),
        forwarded_allow_ips=settings.dashboard_proxies,
        limit_concurrency=_REQUESTS_MAX,
        h11_max_incomplete_event_size=_HEAD_BYTES_MAX,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=max(1, settings.drain_timeout_ms // 1000),
        ssl_certfile=settings.dashboard_tls_cert_file,
        ssl_keyfile=settings.dashboard_tls_key_file,
    )


def _bound(listen: str) -> socket.socket:
    host, _, port = listen.rpartition(":")
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host.strip("[]"), int(port), type=socket.SOCK_STREAM
        )[0]
        bound = socket.socket(family, kind, proto)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(address)
        except OSError:
            bound.close()
            raise
    except OSError as error:
        raise WebStartError(
            f"cannot listen on {listen}: {error.strerror} (CREDITGATE_DASHBOARD_LISTEN)"
        ) from error
    return bound


async def _stop_without(parent: int | None, stop: asyncio.Event) -> None:
    """Stop when whoever started this process is gone."""
    while parent is not None and not stop.is_set():
        if os.getppid() != parent:
            stop.set()
        await asyncio.sleep(_PARENT_CHECK_SECONDS)
