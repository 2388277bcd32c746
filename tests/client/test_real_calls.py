"""Calls against the real server: killed servers, killed gateways, plans' terms, lost links."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import creditgate
from creditgate import CallTerms, FinalReason, HoldState
from creditgate.testing import FakeClock
from tests.client.awaits import until
from tests.client.calls import RATE, answered, entries, price
from tests.client.gateway import FACTOR, FastClock
from tests.client.tcp_proxy import TcpProxy
from tests.support.database import Database
from tests.support.server import Running, ServerProcess, new_tenant, running_server

ROOT = Path(__file__).parents[2]


async def prepared(client: creditgate.AsyncClient, **terms: Any) -> None:
    """An account `acme` with 100 credits that makes calls for 0.05 and 0.01 a second."""
    await client.put_rate_card("voice", version=1, rates=[RATE])
    await client.put_plan("calls", version=1, rate_card_id="voice", call_terms=CallTerms(**terms))
    await client.create_account("acme")
    await client.add_grant("acme", grant_id="first", amount=100)
    await client.update_account("acme", plan="calls@1")


@pytest.fixture
async def server(database: Database) -> AsyncIterator[Running]:
    async with running_server(database.url) as server:
        yield server


async def settled(client: creditgate.AsyncClient) -> tuple[HoldState, int, str]:
    status = await client.get_hold("acme", hold_id="work")
    assert status.balance.held == 0
    return status.hold.state, status.hold.charged_micros, status.hold.termination_cause


async def test_a_server_killed_in_mid_call_is_cut_at_the_right_second(
    database: Database, tmp_path: Path
) -> None:
    _, key = await new_tenant(database.url)
    with ServerProcess(database.url) as process:
        process.start(tmp_path)
        await process.ready()
        async with creditgate.AsyncClient(
            process.target, api_key=key, patience_seconds=0.3, journal=tmp_path / "journal"
        ) as client:
            await prepared(client, offline_allowance_seconds=10)
            async with client.call(
                "acme", call_id="work", meter="voice.call", clock=FastClock()
            ) as call:
                call.answered()
                began = time.monotonic()
                process.kill()
                await asyncio.wait_for(call.wait_cut(), 10)
                lasted = (time.monotonic() - began) * FACTOR
                assert 70 <= lasted < 90
                assert call.seconds == 70
            assert not call.settled
            process.start(tmp_path)
            await process.ready()
            await asyncio.wait_for(until(lambda: not entries(tmp_path / "journal")), 60)
        async with creditgate.AsyncClient(process.target, api_key=key) as client:
            found = await settled(client)
    assert found == (HoldState.COMMITTED, price(70), "unreachable")


@asynccontextmanager
async def gateway(server: Running, journal: Path) -> AsyncIterator[Process]:
    """A gateway that has renewed its call once."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.client.gateway",
        server.target,
        server.key,
        str(journal),
        stdout=PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            assert await process.stdout.readline() == b"answered\n"
            assert await process.stdout.readline() == b"renewed\n"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_a_gateway_that_is_killed_has_its_last_known_seconds_charged(
    server: Running, tmp_path: Path
) -> None:
    async with creditgate.AsyncClient(server.target, api_key=server.key) as client:
        await prepared(client)
        async with gateway(server, tmp_path) as process:
            process.kill()
        assert (await client.get_hold("acme", hold_id="work")).hold.state is HoldState.OPEN
    (kept,) = [json.loads(path.read_text()) for path in entries(tmp_path)]
    used = int(kept["commit"]["usedQuantity"])
    assert used >= 38
    async with creditgate.AsyncClient(
        server.target, api_key=server.key, journal=tmp_path
    ) as client:
        found = await client.reconcile(gateway_id="edge", epoch=2)
        assert [hold.hold_id for hold in found.charged] == ["work"]
        assert await settled(client) == (HoldState.COMMITTED, price(used), "gateway-lost")


async def test_a_gateway_that_is_told_to_end_charges_its_calls(
    server: Running, tmp_path: Path
) -> None:
    async with creditgate.AsyncClient(server.target, api_key=server.key) as client:
        await prepared(client)
        async with gateway(server, tmp_path) as process:
            process.terminate()
            assert process.stdout is not None
            assert await process.stdout.readline() == b"ended\n"
        state, charged, cause = await settled(client)
        assert (state, cause) == (HoldState.COMMITTED, "error:CancelledError")
        assert charged >= price(38)
    assert not entries(tmp_path)


async def test_the_longest_call_and_the_last_credit(server: Running) -> None:
    clock = FakeClock()

    async def minutes(call: creditgate.AsyncCall, seconds: int) -> None:
        for _ in range(seconds):
            clock.advance(seconds=1)
            await answered(call)

    async with creditgate.AsyncClient(server.target, api_key=server.key) as client:
        await prepared(client, max_duration_seconds=100)
        async with client.call("acme", call_id="long", meter="voice.call", clock=clock) as call:
            call.answered()
            await minutes(call, 99)
            assert call.warned
            assert call.final is not None
            assert call.final.reason is FinalReason.MAX_DURATION
            await minutes(call, 9)
            assert call.cut.is_set()
        assert call.hold.charged_micros == price(100)
        assert call.hold.termination_cause == "max-duration"

        await client.charge("acme", hold_id="else", amount="98.30")
        async with client.call("acme", call_id="poor", meter="voice.call", clock=clock) as poor:
            poor.answered()
            await minutes(poor, 70)
            assert poor.cut.is_set()
        assert (poor.hold.charged_micros, poor.seconds) == (price(60), 60)
        assert poor.hold.termination_cause == "credits"
        assert (await client.get_balance("acme")).available_micros == 0


async def test_a_link_that_is_lost_ends_no_call(server: Running) -> None:
    clock = FakeClock()
    async with (
        TcpProxy(server.target) as wire,
        creditgate.AsyncClient(wire.target, api_key=server.key, stream=True) as client,
    ):
        await prepared(client)
        async with client.call("acme", call_id="work", meter="voice.call", clock=clock) as call:
            call.answered()
            for second in range(150):
                if second % 30 == 0:
                    wire.cut()
                clock.advance(seconds=1)
                await answered(call)
            assert not call.cut.is_set()
        assert await settled(client) == (HoldState.COMMITTED, price(150), "hang-up")


async def test_legs_are_charged_and_held_at_once(server: Running) -> None:
    clock = FakeClock()
    async with creditgate.AsyncClient(server.target, api_key=server.key, stream=True) as client:
        await prepared(client)
        async with client.call("acme", call_id="work", meter="voice.call", clock=clock) as call:
            call.answered()
            clock.advance(seconds=30)
            await answered(call)
            before = call.balance.version
            await call.transferred("work/2", cause="to-a-person")
            assert call.balance.settled_micros == 100_000_000 - price(30)
            assert call.balance.held_micros == price(60)
            assert call.balance.version > before
            clock.advance(seconds=20)
            await answered(call)
        assert await settled(client) == (HoldState.COMMITTED, price(30), "to-a-person")
        assert call.hold.charged_micros == price(20)
