"""The composition root of a serving process: knows everyone, starts and ends them in order."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from typing import Any

from creditgate_server.chores import chores
from creditgate_server.domain.errors import BatchRefusedError, LedgerError
from creditgate_server.domain.links import Links
from creditgate_server.domain.operations import Operation
from creditgate_server.domain.results import Result
from creditgate_server.lanes import Lanes, Op, Res
from creditgate_server.migrate import pending
from creditgate_server.postgres.accounts import PostgresAccounts
from creditgate_server.postgres.activity import PostgresActivities
from creditgate_server.postgres.budgets import PostgresBudgets
from creditgate_server.postgres.calls import PostgresCalls
from creditgate_server.postgres.catalog import PostgresCatalog
from creditgate_server.postgres.conversations import PostgresConversations
from creditgate_server.postgres.endpoints import PostgresEndpoints
from creditgate_server.postgres.events import PostgresEvents
from creditgate_server.postgres.keys import PostgresKeys
from creditgate_server.postgres.ledger import PostgresLedger
from creditgate_server.postgres.packages import PostgresPackages
from creditgate_server.postgres.pool import Pool, open_pool
from creditgate_server.postgres.probe import listen_for_revocations, probe, unsafe_settings
from creditgate_server.postgres.rate_cards import PostgresRateCards
from creditgate_server.postgres.statements import PostgresStatements
from creditgate_server.postgres.summaries import PostgresSummaries
from creditgate_server.postgres.topups import PostgresTopups
from creditgate_server.postgres.usage import PostgresUsages
from creditgate_server.postgres.watches import PostgresWatches
from creditgate_server.rpc.detached import Detached
from creditgate_server.rpc.health import Health, Prober
from creditgate_server.rpc.interceptors.deadline import DeadlineRules
from creditgate_server.rpc.interceptors.gate import Gate
from creditgate_server.rpc.interceptors.rate import Rates
from creditgate_server.rpc.keyring import Keyring
from creditgate_server.rpc.pages import Pages
from creditgate_server.rpc.pipeline import Pipeline
from creditgate_server.rpc.server import BindError, Server, options
from creditgate_server.rpc.services import Services, make_services
from creditgate_server.rpc.targets import Targets
from creditgate_server.rpc.tls import TlsFiles
from creditgate_server.rpc.watch import WatchRules
from creditgate_server.settings import Settings
from creditgate_server.telemetry import Telemetry, current_trace_id
from creditgate_server.topics import Topics
from creditgate_server.workers.loop import Loop

_POOL_CLOSE_SECONDS = 3.0
_START_RETRY_SECONDS = 0.2
_START_RETRY_SECONDS_MAX = 5.0
_SCHEMA_SECONDS_MAX = 10.0
_LISTEN_AGAIN_SECONDS = 1.0
_PARENT_CHECK_SECONDS = 0.5
_WATCH_BACKOFF_SECONDS_MAX = 2.0
_CANCEL_AGAIN_SECONDS = 0.2
# Callers who are refused go elsewhere, or wait a little: then gRPC can be stopped unnoticed.
_REFUSING_SECONDS = 0.1
_LULL_SECONDS_MAX = 0.4

_log = logging.getLogger(__name__)


class StartError(Exception):
    """The server cannot start; the text says why and what would help."""


async def serve(
    settings: Settings, *, telemetry: Telemetry, ready: Callable[[str], None] | None = None
) -> None:
    """Serve until SIGTERM or SIGINT, then drain; a second signal ends the draining.

    `ready` is told the address once calls are let in. Raises `StartError`.
    """
    stop, hurry = asyncio.Event(), asyncio.Event()
    _on_signals(stop, hurry)
    app = App(settings, telemetry, await open_pool(settings))
    watch = asyncio.create_task(_stop_with_parent(settings, stop))
    try:
        if await _unless(stop, app.start()):
            if ready is not None:
                ready(app.address)
            await stop.wait()
            await _unless(hurry, app.drain())
    finally:
        watch.cancel()
        await app.close()


class App:
    """One serving process: `start`, then `drain` and `close`."""

    def __init__(self, settings: Settings, telemetry: Telemetry, pool: Pool) -> None:
        self._settings = settings
        self._pool = pool
        self._shed = telemetry.metrics.served.shed
        self._tasks: list[asyncio.Task[None]] = []
        self.health = Health()
        self.address = settings.listen
        self._keyring = Keyring(
            PostgresKeys(pool),
            pepper=settings.key_pepper,
            ttl_seconds=settings.key_cache_ttl_ms / 1000,
            size=settings.key_cache_size,
        )
        self._gate = Gate(shed=self._shed)
        self._detached = Detached(
            limit=settings.reads_max, at_once=settings.reads_at_once, shed=self._shed
        )
        ledger = PostgresLedger(pool)
        conversations = PostgresConversations(pool)
        self._lanes = self._make_lanes(ledger, telemetry)
        self._conversation_lanes = self._lanes_of(
            telemetry.counting_replies(conversations.converse), telemetry
        )
        self._topics = Topics(PostgresWatches(pool))
        self._services = self._make_services(ledger, conversations, telemetry)
        self._server = self._make_server()
        self._loops = self._make_loops(telemetry)
        telemetry.metrics.watch_lanes(lambda: self._lanes.depth + self._conversation_lanes.depth)
        telemetry.metrics.watch_watches(lambda: self._services.watches.count)
        telemetry.metrics.watch_pool(lambda: (pool.size - pool.idle, pool.idle))

    async def start(self) -> None:
        """Listen, make sure of the database, let calls in. Raises `StartError`."""
        self._bind()
        problem = await self._passing_problem()
        # Not before: who cannot connect yet goes elsewhere, who is refused has to come again.
        await self._server.start()
        _log.info("listening on %s", self.address)
        if problem:
            await self._wait_for_database(problem)
        self._gate.open()
        self.health.set(serving=True)
        prober = Prober(
            lambda: probe(self._pool),
            self.health,
            interval_seconds=self._settings.probe_interval_ms / 1000,
            timeout_seconds=self._settings.statement_timeout_ms / 1000,
        )
        self._begin(prober.run())
        self._begin(self._hear_revocations())
        for loop in self._loops:
            loop.start()

    async def drain(self) -> None:
        """Say NOT_SERVING, refuse what is new, finish what was accepted."""
        settings = self._settings
        self.health.shut()
        _log.info("draining")
        await asyncio.sleep(settings.drain_notice_ms / 1000)
        self._services.drain()
        self._gate.close()
        await asyncio.sleep(_REFUSING_SECONDS)
        await self._server.lull(within_seconds=_LULL_SECONDS_MAX)
        with suppress(TimeoutError):
            async with asyncio.timeout(settings.drain_timeout_ms / 1000 + 1):
                await self._server.stop(grace_seconds=settings.drain_timeout_ms / 1000)
                # Those of callers who have left run to their end, too.
                await self._lanes.drain()
                await self._conversation_lanes.drain()
                await self._detached.drain()

    async def close(self) -> None:
        """End everything that still runs, within a few seconds; also after a failed start."""
        self.health.shut()
        await self._server.stop(grace_seconds=0)
        for loop in self._loops:
            await loop.stop()
        await _end(self._tasks)
        await self._pool.close(timeout_seconds=_POOL_CLOSE_SECONDS)
        _log.info("ended")

    def _make_lanes(self, ledger: PostgresLedger, telemetry: Telemetry) -> Lanes[Operation, Result]:
        return self._lanes_of(telemetry.counting(ledger.apply), telemetry)

    def _lanes_of(
        self, flush: Callable[[list[Op]], Awaitable[Sequence[Res]]], telemetry: Telemetry
    ) -> Lanes[Op, Res]:
        settings = self._settings
        return Lanes(
            flush,
            lanes=settings.lanes,
            batch_max=settings.batch_size_max,
            queue_max=settings.lane_queue_max,
            reserve_queue_max=settings.lane_reserve_queue_max,
            split_on=BatchRefusedError,
            observer=telemetry.batches,
        )

    def _make_loops(self, telemetry: Telemetry) -> Sequence[Loop]:
        """Make what runs beside the calls; only the look at watched accounts always does."""
        settings, observer = self._settings, telemetry.metrics.work
        watch = Loop(
            self._topics.poll,
            name="watch",
            interval_seconds=settings.watch_interval_ms / 1000,
            backoff_seconds_max=_WATCH_BACKOFF_SECONDS_MAX,
            observer=observer,
            sleep=self._topics.pause,
        )
        if not settings.run_workers:
            return (watch,)
        return (watch, *chores(settings, self._pool, observer=observer))

    def _make_services(
        self, ledger: PostgresLedger, conversations: PostgresConversations, telemetry: Telemetry
    ) -> Services:
        settings = self._settings
        rates = Rates(
            per_second=settings.tenant_rate_per_second,
            burst=settings.tenant_burst,
            shed=self._shed,
        )
        rules = DeadlineRules(
            default_seconds=settings.call_deadline_default_ms / 1000,
            max_seconds=settings.call_deadline_max_ms / 1000,
            admin_max_seconds=settings.admin_deadline_max_ms / 1000,
        )
        pipeline = Pipeline(
            observer=telemetry.calls,
            shed=self._shed,
            gate=self._gate,
            rules=rules,
            keyring=self._keyring,
            rates=rates,
        )
        return make_services(
            ledger=ledger,
            accounts=PostgresAccounts(self._pool),
            gateway_calls=PostgresCalls(self._pool),
            catalog=PostgresCatalog(self._pool),
            packages=PostgresPackages(self._pool),
            topups=PostgresTopups(self._pool),
            rate_cards=PostgresRateCards(self._pool),
            budgets=PostgresBudgets(self._pool),
            statements=PostgresStatements(self._pool),
            activities=PostgresActivities(self._pool),
            summaries=PostgresSummaries(self._pool),
            links=Links(settings.key_pepper, base_url=settings.dashboard_base_url),
            usages=PostgresUsages(self._pool),
            exports_max=settings.exports_max,
            topics=self._topics,
            watch_rules=WatchRules(
                watches_max=settings.watches_max,
                tenant_watches_max=settings.tenant_watches_max,
                age_max_seconds=settings.watch_age_max_seconds,
            ),
            events=PostgresEvents(self._pool),
            endpoints=PostgresEndpoints(self._pool),
            targets=Targets(
                pepper=settings.key_pepper,
                allow_private=settings.webhook_allow_private,
                mail=bool(settings.smtp_url),
            ),
            lanes=self._lanes,
            conversations=conversations,
            conversation_lanes=self._conversation_lanes,
            detached=self._detached,
            pages=Pages(settings.key_pepper),
            rates=rates,
            shed=self._shed,
            pipeline=pipeline,
            trace_id=current_trace_id,
        )

    def _make_server(self) -> Server:
        return Server(
            self._services.handlers,
            self.health,
            options=options(
                connection_age_max_seconds=self._settings.connection_age_max_seconds,
                share_port=self._settings.process_index > 0,
            ),
            reflect=self._settings.reflection,
        )

    def _bind(self) -> None:
        settings, tls = self._settings, None
        if settings.tls_cert_file and settings.tls_key_file:
            tls = TlsFiles(
                certificate=settings.tls_cert_file,
                key=settings.tls_key_file,
                client_ca=settings.tls_client_ca_file,
            )
        try:
            port = self._server.bind(settings.listen, tls)
        except BindError as error:
            raise StartError(f"{error} (CREDITGATE_LISTEN)") from None
        self.address = f"{settings.listen.rpartition(':')[0]}:{port}"

    async def _wait_for_database(self, problem: str | None) -> None:
        """Ask again and again, for as long as the settings say."""
        clock = asyncio.get_running_loop().time
        until = clock() + self._settings.database_wait_seconds
        pause = _START_RETRY_SECONDS
        while problem:
            left = until - clock()
            if left <= 0:
                raise StartError(f"the database does not answer: {problem}")
            _log.warning("waiting for the database, %.0f s more at most: %s", left, problem)
            await asyncio.sleep(min(pause, left))
            pause = min(pause * 2, _START_RETRY_SECONDS_MAX)
            problem = await self._passing_problem()

    async def _passing_problem(self) -> str | None:
        """Answer why the database cannot be asked now.

        Raises `StartError` when it lacks tables, or durability.
        """
        try:
            # All at once, so that the first callers find their connections open.
            await asyncio.gather(*(probe(self._pool) for _ in range(self._settings.lanes + 1)))
            unsafe = await unsafe_settings(self._pool)
            async with asyncio.timeout(_SCHEMA_SECONDS_MAX):
                lacking = await pending(self._settings.database_url)
        except Exception as error:  # noqa: BLE001 - what the driver raises is not ours to know
            return f"{type(error).__name__}: {error}"
        if lacking:
            raise StartError(
                f"the database lacks {', '.join(lacking)}: run creditgate-server migrate"
            )
        if unsafe and not self._settings.allow_unsafe_durability:
            raise StartError(
                f"PostgreSQL runs with {', '.join(unsafe)} off and may lose what was acknowledged:"
                " switch on, or set CREDITGATE_ALLOW_UNSAFE_DURABILITY=true where that is no matter"
            )
        return None

    async def _hear_revocations(self) -> None:
        while True:
            try:
                await listen_for_revocations(self._pool, self._keyring.revoked)
            except LedgerError as error:
                _log.warning("revoked keys are not heard of at the moment: %s", error)
            # What was revoked in between, nobody has told.
            self._keyring.forget()
            await asyncio.sleep(_LISTEN_AGAIN_SECONDS)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(work))


def _on_signals(stop: asyncio.Event, hurry: asyncio.Event) -> None:
    def received() -> None:
        (hurry if stop.is_set() else stop).set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, received)


async def _end(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel tasks until they end: a driver whose connection breaks may lose a cancellation."""
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=_CANCEL_AGAIN_SECONDS)


async def _unless(event: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
    """Do the work, and answer True; or give it up when the event comes first."""
    task, waiting = asyncio.create_task(work), asyncio.create_task(event.wait())
    try:
        await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
            return False
        await task
    finally:
        waiting.cancel()
    return True


async def _stop_with_parent(settings: Settings, stop: asyncio.Event) -> None:
    """Stop when whoever started this one among several processes is gone."""
    parent = os.getppid()
    while settings.process_index and not stop.is_set():
        await asyncio.sleep(_PARENT_CHECK_SECONDS)
        if os.getppid() != parent:
            stop.set()
