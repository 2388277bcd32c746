"""Real servers for tests: in the test's own loop for speed, or as processes that can be killed."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from uuid import UUID, uuid4

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from creditgate.v1 import account_pb2
from creditgate.v1 import account_service_pb2 as accounts_pb
from creditgate.v1 import account_service_pb2_grpc as accounts_grpc
from creditgate.v1 import authorization_service_pb2_grpc as authorization_grpc
from creditgate.v1 import catalog_service_pb2_grpc as catalog_grpc
from creditgate.v1 import conversation_service_pb2_grpc as conversation_grpc
from creditgate.v1 import event_service_pb2_grpc as events_grpc
from creditgate.v1 import usage_service_pb2_grpc as usage_grpc
from creditgate_server.app import App
from creditgate_server.domain.keys import Scope
from creditgate_server.domain.operations import Operation
from creditgate_server.domain.results import Result
from creditgate_server.postgres.keys import PostgresKeys
from creditgate_server.postgres.pool import open_pool
from creditgate_server.settings import Settings
from creditgate_server.telemetry import Telemetry

PEPPER = "a pepper for tests, long enough to be one"
CREDIT = 1_000_000


@dataclass
class Caller:
    """A tenant's key and a channel to a server: what a caller of the API has."""

    target: str
    key: str = field(repr=False)
    tenant_id: UUID
    options: Sequence[tuple[str, Any]] = ()
    credentials: grpc.ChannelCredentials | None = None
    channel: grpc.aio.Channel = field(init=False)

    def __post_init__(self) -> None:
        if self.credentials is None:
            self.channel = grpc.aio.insecure_channel(self.target, options=self.options)
        else:
            self.channel = grpc.aio.secure_channel(
                self.target, self.credentials, options=self.options
            )
        self.authorization: Any = _Keyed(
            authorization_grpc.CreditAuthorizationServiceStub(self.channel), self.key
        )
        self.accounts: Any = _Keyed(accounts_grpc.AccountServiceStub(self.channel), self.key)
        self.catalog: Any = _Keyed(catalog_grpc.CatalogServiceStub(self.channel), self.key)
        self.events: Any = _Keyed(events_grpc.EventServiceStub(self.channel), self.key)
        self.conversations: Any = _Keyed(
            conversation_grpc.ConversationServiceStub(self.channel), self.key
        )
        self.usage: Any = _Keyed(usage_grpc.UsageServiceStub(self.channel), self.key)
        self.health: Any = health_pb2_grpc.HealthStub(self.channel)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.channel.close()

    async def account(self, *, credits_: int = 100, account_id: str = "") -> str:
        """Open an account with so many credits, and answer its id."""
        account_id = account_id or f"account-{uuid4()}"
        await self.accounts.CreateAccount(accounts_pb.CreateAccountRequest(account_id=account_id))
        if credits_:
            await self.accounts.AddGrant(
                accounts_pb.AddGrantRequest(
                    account_id=account_id,
                    grant_id="first",
                    kind=account_pb2.GRANT_KIND_PURCHASED,
                    amount_micros=credits_ * CREDIT,
                )
            )
        return account_id

    async def serving(self) -> bool:
        """Ask whether the server serves; False also when it does not answer."""
        try:
            answer = await self.health.Check(health_pb2.HealthCheckRequest(), timeout=1)
        except grpc.aio.AioRpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


class _Keyed:
    """A stub whose every call carries an API key, and a deadline no test waits for."""

    def __init__(self, stub: Any, key: str) -> None:
        self._stub = stub
        self._metadata = (("authorization", f"Bearer {key}"),)

    def __getattr__(self, method: str) -> Any:
        call = getattr(self._stub, method)

        def keyed(*request: Any, timeout: float | None = 10, **more: Any) -> Any:
            return call(*request, timeout=timeout, **({"metadata": self._metadata} | more))

        return keyed


@dataclass
class Running:
    """A server in this loop, with a tenant whose key may do everything."""

    app: App
    settings: Settings
    tenant_id: UUID
    key: str = field(repr=False)

    @property
    def target(self) -> str:
        return self.app.address

    def caller(self, key: str | None = None, **more: Any) -> Caller:
        """Make a caller with the tenant's own key, or another."""
        return Caller(self.target, key or self.key, self.tenant_id, **more)


class Brake:
    """Holds all batches of a server back until it is released, and counts them."""

    def __init__(self, server: Running) -> None:
        self._go_on = asyncio.Event()
        self._apply = server.app._lanes._flush
        self._lanes = server.app._lanes
        self._lanes._flush = self._flush
        self.batches = 0
        self.under_way = 0

    @property
    def held(self) -> int:
        """How many operations the server has accepted and not answered."""
        return self.under_way + self._lanes.depth

    def release(self) -> None:
        self._go_on.set()

    async def _flush(self, operations: list[Operation]) -> Sequence[Result]:
        self.batches += 1
        self.under_way += len(operations)
        try:
            await self._go_on.wait()
            return await self._apply(operations)
        finally:
            self.under_way -= len(operations)


async def until(condition: Callable[[], bool], *, seconds: float = 10) -> None:
    """Wait for something that the test cannot await; fail when it does not come."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.01)


def settings_for(database_url: str, **changes: Any) -> Settings:
    """Make the settings of a server on any free port, quick to stop."""
    settings = Settings(database_url=database_url, key_pepper=PEPPER, listen="127.0.0.1:0")
    return settings.with_(**({"drain_notice_ms": 0, "drain_timeout_ms": 5_000} | changes))


@asynccontextmanager
async def unstarted_app(database_url: str, **changes: Any) -> AsyncIterator[App]:
    """Make a server that the test starts; it is closed afterwards."""
    settings = settings_for(database_url, **changes)
    telemetry = Telemetry()
    app = App(settings, telemetry, await open_pool(settings))
    try:
        yield app
    finally:
        await app.close()
        telemetry.close()


@asynccontextmanager
async def running_server(database_url: str, **changes: Any) -> AsyncIterator[Running]:
    """Run a server in this loop."""
    tenant_id, key = await new_tenant(database_url)
    async with unstarted_app(database_url, **changes) as app:
        await app.start()
        yield Running(app, settings_for(database_url, **changes), tenant_id, key)
        await app.drain()


async def new_tenant(database_url: str, scopes: Sequence[Scope] = tuple(Scope)) -> tuple[UUID, str]:
    """Make a tenant and a key of its; answer the tenant's id and the key."""
    async with keys_in(database_url) as keys:
        tenant, _ = await keys.ensure_tenant(f"tenant-{uuid4()}")
        key = await keys.create_key(tenant.tenant_id, pepper=PEPPER, scopes=scopes)
    return tenant.tenant_id, key.text


async def new_key(database_url: str, tenant_id: UUID, *scopes: Scope, **more: Any) -> str:
    """Make another key of a tenant."""
    async with keys_in(database_url) as keys:
        key = await keys.create_key(tenant_id, pepper=PEPPER, scopes=scopes, **more)
    return key.text


@asynccontextmanager
async def keys_in(database_url: str) -> AsyncIterator[PostgresKeys]:
    """Open the tenants and keys of a database."""
    pool = await open_pool(settings_for(database_url))
    try:
        yield PostgresKeys(pool)
    finally:
        await pool.close(timeout_seconds=3)


class ServerProcess:
    """A server as a process of its own, on a port that stays the same when it is started again."""

    def __init__(self, database_url: str, *, port: int | None = None, **environ: str) -> None:
        self.port = port or free_port()
        self.target = f"127.0.0.1:{self.port}"
        self.log = ""
        self._environ = os.environ | {
            "CREDITGATE_DATABASE_URL": database_url,
            "CREDITGATE_KEY_PEPPER": PEPPER,
            "CREDITGATE_LISTEN": self.target,
            "CREDITGATE_DRAIN_NOTICE_MS": "200",
            **environ,
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._output = Path(os.devnull)

    def start(self, folder: Path) -> Self:
        """Start the server; its log goes to a file in `folder`."""
        self._output = folder / f"server-{self.port}.log"
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "creditgate_server", "serve"],
                env=self._environ,
                stdout=output,
                stderr=output,
            )
        return self

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "not started"
        return self._process

    def read_log(self) -> str:
        return self._output.read_text()

    async def ready(self, *, within_seconds: float = 20) -> None:
        """Wait until it serves."""
        until = time.monotonic() + within_seconds
        async with grpc.aio.insecure_channel(self.target) as channel:
            stub: Any = health_pb2_grpc.HealthStub(channel)
            while time.monotonic() < until:
                assert self.process.poll() is None, f"ended: {self.read_log()}"
                try:
                    answer = await stub.Check(
                        health_pb2.HealthCheckRequest(), timeout=1, wait_for_ready=True
                    )
                except grpc.aio.AioRpcError:
                    continue
                if answer.status == health_pb2.HealthCheckResponse.SERVING:
                    return
                await asyncio.sleep(0.05)
        raise AssertionError(f"not ready within {within_seconds} s: {self.read_log()}")

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.kill()
        self.process.wait()

    async def terminate(self, *, within_seconds: float = 20) -> int:
        """End it in order, and answer its exit code."""
        self.process.terminate()
        return await asyncio.to_thread(self.process.wait, within_seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()


def free_port() -> int:
    """Find a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
