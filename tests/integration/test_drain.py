"""Rolling restarts: servers come and go under load, and nobody who retries sees a failure."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import pytest

import creditgate.v1
from creditgate.v1 import authorization_service_pb2 as pb
from tests.support.calls import failure, read_failure
from tests.support.database import Database
from tests.support.figures import Figures
from tests.support.server import (
    CREDIT,
    Brake,
    Caller,
    ServerProcess,
    new_tenant,
    running_server,
    until,
)

POLICY = Path(creditgate.v1.__file__).with_name("service_config.json").read_text()


class Load:
    """Callers who reserve and commit without pause, and what became of it."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._numbers = iter(range(10**9))
        self.ends: Counter[str] = Counter()
        self.stopped = False

    async def run(self) -> None:
        while not self.stopped:
            await self._one(f"h{next(self._numbers)}")

    async def _one(self, hold_id: str) -> None:
        names: Any = {"account_id": "acme", "hold_id": hold_id}
        hot = self._caller.authorization
        try:
            await self._answer(hot.Reserve, pb.ReserveRequest(**names, amount_micros=2))
            await self._answer(hot.Commit, pb.CommitRequest(**names, used_micros=1))
        except grpc.aio.AioRpcError as error:
            self.ends[f"{error.code().name} {read_failure(error).reason}: {error.details()}"] += 1
        else:
            self.ends["OK"] += 1

    async def _answer(self, method: Callable[[Any], Awaitable[Any]], request: Any) -> None:
        """Ask again what a busy machine has not answered in time: gRPC's policy does not."""
        while True:
            try:
                await method(request)
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.DEADLINE_EXCEEDED or self.stopped:
                    raise
            else:
                return


@pytest.mark.faults
async def test_a_rolling_restart_under_load_fails_nobody_who_retries(
    database: Database, tmp_path: Path, figures: Figures
) -> None:
    tenant_id, key = await new_tenant(database.url)
    rounds = 3
    with ServerProcess(database.url) as one, ServerProcess(database.url) as two:
        for server in (one, two):
            await server.start(tmp_path).ready()
        options = (
            ("grpc.service_config", json.dumps(_with_both(json.loads(POLICY)))),
            ("grpc.min_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 500),
        )
        target = f"ipv4:{one.target},{two.target}"
        async with Caller(target, key, tenant_id, options=options) as caller:
            await caller.account(account_id="acme", credits_=1000)
            load = Load(caller)
            callers = [asyncio.create_task(load.run()) for _ in range(20)]
            for server in (one, two) * rounds:
                await asyncio.sleep(0.5)
                assert await server.terminate() == 0, server.read_log()
                await server.start(tmp_path).ready()
            load.stopped = True
            await asyncio.gather(*callers)
            balance = await caller.authorization.GetBalance(pb.GetBalanceRequest(account_id="acme"))
        failures = sum(load.ends.values()) - load.ends["OK"]
        figures(restarts=2 * rounds, calls=2 * load.ends["OK"], client_failures=failures)
        assert set(load.ends) == {"OK"}
        assert load.ends["OK"] > 200
        assert balance.balance.held_micros == 0
        assert balance.balance.settled_micros == 1000 * CREDIT - load.ends["OK"]


def _with_both(policy: dict[str, object]) -> dict[str, object]:
    return policy | {"loadBalancingConfig": [{"round_robin": {}}]}


async def test_a_draining_server_finishes_what_it_accepted_and_takes_nothing_more(
    database: Database,
) -> None:
    async with (
        running_server(database.url, drain_notice_ms=200) as server,
        server.caller() as caller,
        server.caller() as late,
    ):
        await caller.account(account_id="acme")
        await late.serving()
        brake = Brake(server)
        names: Any = {"account_id": "acme", "amount_micros": 1}
        accepted = asyncio.ensure_future(
            caller.authorization.Reserve(pb.ReserveRequest(hold_id="a", **names))
        )
        await until(lambda: brake.held == 1)
        draining = asyncio.create_task(server.app.drain())
        await asyncio.sleep(0.05)
        assert not await late.serving()
        noticed = asyncio.ensure_future(
            late.authorization.Reserve(pb.ReserveRequest(hold_id="n", **names))
        )
        await until(lambda: brake.held == 2)
        await asyncio.sleep(0.4)
        assert not accepted.done()
        assert not draining.done()
        refused = late.authorization.Reserve(pb.ReserveRequest(hold_id="r", **names))
        assert (await failure(refused)).code is grpc.StatusCode.UNAVAILABLE
        brake.release()
        assert (await accepted).decision == pb.DECISION_GRANTED
        assert (await noticed).decision == pb.DECISION_GRANTED
        await draining


async def test_a_drain_ends_in_its_time_although_a_call_does_not(database: Database) -> None:
    async with (
        running_server(database.url, drain_timeout_ms=300) as server,
        server.caller() as caller,
    ):
        await caller.account(account_id="acme")
        brake = Brake(server)
        request = pb.ReserveRequest(account_id="acme", hold_id="a", amount_micros=1)
        stuck = asyncio.ensure_future(caller.authorization.Reserve(request))
        await until(lambda: brake.held == 1)
        started = time.monotonic()
        await server.app.drain()
        assert 0.3 <= time.monotonic() - started < 2
        await asyncio.wait({stuck})
        assert isinstance(stuck.exception(), grpc.aio.AioRpcError)
        brake.release()


async def test_a_second_signal_ends_a_drain(database: Database, tmp_path: Path) -> None:
    with ServerProcess(database.url, CREDITGATE_DRAIN_NOTICE_MS="60000") as server:
        await server.start(tmp_path).ready()
        server.signal(signal.SIGINT)
        await asyncio.sleep(0.5)
        assert server.process.poll() is None
        started = time.monotonic()
        assert await server.terminate() == 0
        assert time.monotonic() - started < 5
        assert "Traceback" not in server.read_log()


async def test_a_killed_server_loses_nothing_it_acknowledged(
    database: Database, tmp_path: Path
) -> None:
    tenant_id, key = await new_tenant(database.url)
    with ServerProcess(database.url) as server:
        await server.start(tmp_path).ready()
        async with Caller(server.target, key, tenant_id) as caller:
            await caller.account(account_id="acme")
            request = pb.ReserveRequest(account_id="acme", hold_id="a", amount_micros=1)
            await caller.authorization.Reserve(request)
            server.kill()
            await server.start(tmp_path).ready()
            again = await caller.authorization.Reserve(request, wait_for_ready=True)
            assert again.replayed


async def test_a_server_that_waits_for_its_database_ends_when_told(tmp_path: Path) -> None:
    with ServerProcess("postgresql://nobody@127.0.0.1:1/nothing") as server:
        server.start(tmp_path)
        await until(lambda: "waiting for the database" in server.read_log(), seconds=20)
        started = time.monotonic()
        assert await server.terminate() == 0
        assert time.monotonic() - started < 5
        assert "Traceback" not in server.read_log()
