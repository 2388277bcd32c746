"""Health follows the database and the server's life, and costs the database nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from creditgate_server.app import StartError
from creditgate_server.rpc.health import Health, Prober
from tests.support.calls import BY_NAME, failure, good
from tests.support.database import Database, TestCluster, choose_binaries
from tests.support.figures import Figures
from tests.support.server import Caller, new_tenant, running_server, unstarted_app, until

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVICES = (
    "",
    "creditgate.v1.CreditAuthorizationService",
    "creditgate.v1.AccountService",
    "creditgate.v1.CatalogService",
    "creditgate.v1.EventService",
)
QUICK = {"probe_interval_ms": 50, "statement_timeout_ms": 500, "connect_timeout_ms": 500}


@pytest.fixture
def own_database(pytestconfig: pytest.Config) -> Iterator[Database]:
    """A database on a PostgreSQL server that a test may stop."""
    with TestCluster(choose_binaries(pytestconfig.getoption("--postgres"))) as cluster:
        yield cluster.create()


def check(caller: Caller, service: str = "") -> Any:
    return caller.health.Check(health_pb2.HealthCheckRequest(service=service), timeout=2)


async def test_every_service_is_served_and_an_unknown_one_is_not_found(database: Database) -> None:
    async with running_server(database.url) as server, server.caller() as caller:
        for service in SERVICES:
            assert (await check(caller, service)).status == SERVING
        told = await failure(check(caller, "creditgate.v1.Nothing"))
        assert told.code is grpc.StatusCode.NOT_FOUND
        unknown = caller.health.Watch(health_pb2.HealthCheckRequest(service="nothing"))
        answer = await unknown.read()
        assert answer.status == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
        unknown.cancel()


async def test_health_follows_the_database_down_and_up_again(
    own_database: Database, figures: Figures
) -> None:
    async with running_server(own_database.url, **QUICK) as server, server.caller() as caller:
        await caller.account(account_id="acme")
        watch = caller.health.Watch(health_pb2.HealthCheckRequest())
        assert (await watch.read()).status == SERVING
        own_database.cluster.stop("immediate")
        stopped = time.monotonic()
        assert (await asyncio.wait_for(watch.read(), 5)).status == NOT_SERVING
        assert (await check(caller)).status == NOT_SERVING
        down_seconds = time.monotonic() - stopped
        told = await failure(
            caller.authorization.GetBalance(good(BY_NAME["GetBalance"], "acme"), timeout=2)
        )
        assert told[:2] == (grpc.StatusCode.UNAVAILABLE, "NOT_EXECUTED")
        await asyncio.to_thread(own_database.cluster.start)
        started = time.monotonic()
        assert (await asyncio.wait_for(watch.read(), 5)).status == SERVING
        answer = await caller.authorization.Reserve(good(BY_NAME["Reserve"], "acme"))
        assert answer.decision == 1
        up_seconds = time.monotonic() - started
        assert up_seconds < 5
        watch.cancel()
        figures(not_serving_s=down_seconds, serving_s=up_seconds)


async def test_a_watch_hears_of_the_end_and_does_not_hold_it_up(database: Database) -> None:
    async with running_server(database.url) as server, server.caller() as caller:
        watch = caller.health.Watch(health_pb2.HealthCheckRequest())
        assert (await watch.read()).status == SERVING
        started = time.monotonic()
        await server.app.drain()
        assert (await watch.read()).status == NOT_SERVING
        assert await watch.read() is grpc.aio.EOF
        assert time.monotonic() - started < 2


async def test_a_server_starts_while_its_database_is_away(own_database: Database) -> None:
    tenant_id, key = await new_tenant(own_database.url)
    own_database.cluster.stop("immediate")
    async with unstarted_app(own_database.url, **QUICK) as app:
        starting = asyncio.create_task(app.start())
        await until(lambda: not app.address.endswith(":0"))
        async with Caller(app.address, key, tenant_id) as caller:
            assert (await check(caller)).status == NOT_SERVING
            balance = caller.authorization.GetBalance
            told = await failure(balance(good(BY_NAME["GetBalance"], "acme")))
            assert told[:2] == (grpc.StatusCode.UNAVAILABLE, "NOT_EXECUTED")
            await asyncio.to_thread(own_database.cluster.start)
            await starting
            assert (await check(caller)).status == SERVING
            await caller.account(account_id="acme")


async def test_a_server_waits_for_its_database_no_longer_than_told(
    own_database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    own_database.cluster.stop("immediate")
    async with unstarted_app(own_database.url, database_wait_seconds=1) as app:
        started = time.monotonic()
        with pytest.raises(StartError, match="the database does not answer: "):
            await app.start()
        assert 1 <= time.monotonic() - started < 4
    assert "waiting for the database" in caplog.text


async def test_health_asks_the_database_nothing_itself() -> None:
    looks = 0
    answers = iter([None, OSError("1"), None, OSError("2"), OSError("3"), OSError("4"), None])

    async def probe() -> None:
        nonlocal looks
        looks += 1
        if answer := next(answers):
            raise answer

    health = Health()
    prober = Prober(probe, health, interval_seconds=1, timeout_seconds=1)
    seen = []
    for _ in range(7):
        await prober.look()
        seen.append(health.serving)
    assert seen == [True, True, True, True, False, False, True]
    assert looks == 7
    health.shut()
    health.set(serving=True)
    assert not health.serving


async def test_a_database_that_does_not_answer_at_all_is_a_failure_in_time() -> None:
    async def probe() -> None:
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                await asyncio.sleep(1)
                raise

    health = Health()
    health.set(serving=True)
    prober = Prober(probe, health, interval_seconds=1, timeout_seconds=0.05)
    started = time.monotonic()
    await prober.look()
    await prober.look()
    assert time.monotonic() - started < 0.9
    assert not health.serving
    await asyncio.sleep(1.1)


def list_services(channel: grpc.aio.Channel) -> Any:
    stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    return stub.ServerReflectionInfo(iter([request])).read()


async def test_reflection_describes_the_api(database: Database) -> None:
    async with running_server(database.url) as server, server.caller() as caller:
        answer = await list_services(caller.channel)
    names = {service.name for service in answer.list_services_response.service}
    assert names > set(SERVICES[1:]) | {"grpc.health.v1.Health"}


async def test_reflection_can_be_switched_off(database: Database) -> None:
    async with running_server(database.url, reflection=False) as server, server.caller() as caller:
        told = await failure(list_services(caller.channel))
    assert told.code is grpc.StatusCode.UNIMPLEMENTED
