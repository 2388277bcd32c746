"""WatchAccount tells events: all of them, in their order, also to those who come back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from creditgate.v1 import account_pb2, event_pb2
from creditgate.v1 import account_service_pb2 as accounts_pb
from creditgate.v1 import authorization_service_pb2 as pb
from creditgate.v1 import event_service_pb2 as events_pb
from tests.support.database import Database
from tests.support.figures import Figures
from tests.support.server import CREDIT, Caller, Running, running_server

LOW = event_pb2.EVENT_KIND_BALANCE_LOW
EXHAUSTED = event_pb2.EVENT_KIND_CREDITS_EXHAUSTED
RESUMED = event_pb2.EVENT_KIND_CREDITS_RESUMED
ROUNDS = 40


@pytest.fixture
async def server(database: Database) -> AsyncIterator[Running]:
    async with running_server(database.url, watch_interval_ms=20) as server:
        yield server


@pytest.fixture
async def caller(server: Running) -> AsyncIterator[Caller]:
    async with server.caller() as caller:
        await caller.account(account_id="acme", credits_=1)
        yield caller


def watch(caller: Caller, *, after_version: int = 0) -> Any:
    request = events_pb.WatchAccountRequest(account_id="acme", after_version=after_version)
    return caller.events.WatchAccount(request, timeout=None)


async def change(call: Any) -> Any:
    async with asyncio.timeout(10):
        answer = await call.read()
    assert answer is not grpc.aio.EOF
    return getattr(answer, answer.WhichOneof("change"))


async def spend_all(caller: Caller, number: int) -> None:
    """Take the account's one credit."""
    await caller.authorization.Charge(
        pb.ChargeRequest(account_id="acme", hold_id=f"c-{number}", amount_micros=CREDIT)
    )


async def top_up(caller: Caller, number: int) -> None:
    await caller.accounts.AddGrant(
        accounts_pb.AddGrantRequest(
            account_id="acme",
            grant_id=f"g-{number}",
            kind=account_pb2.GRANT_KIND_PURCHASED,
            amount_micros=CREDIT,
        )
    )


async def test_events_come_before_the_state_they_led_to(caller: Caller) -> None:
    call = watch(caller)
    state = await change(call)
    assert (state.balance.version, state.event_number) == (1, 1)
    await spend_all(caller, 1)
    low, exhausted = await change(call), await change(call)
    assert [(each.number, each.kind) for each in (low, exhausted)] == [(2, LOW), (3, EXHAUSTED)]
    assert (low.account_id, low.event_id) == ("acme", "acme/2")
    assert low.balance_low == event_pb2.BalanceLow(threshold_micros=0)
    state = await change(call)
    assert (state.balance.version, state.event_number) == (2, 3)
    assert low.balance.version == 2
    listed = await caller.events.ListEvents(
        events_pb.ListEventsRequest(account_id="acme", after_number=1)
    )
    assert [*listed.events] == [low, exhausted]


async def test_an_event_that_changes_no_balance_is_told_too(caller: Caller) -> None:
    await caller.authorization.Reserve(
        pb.ReserveRequest(
            account_id="acme", hold_id="h", amount_micros=CREDIT, ttl=Duration(nanos=300_000_000)
        )
    )
    call = watch(caller)
    while (state := await change(call)) and getattr(state, "open_holds", 1):
        continue
    await caller.authorization.Commit(
        pb.CommitRequest(account_id="acme", hold_id="h", used_micros=0)
    )
    late = await change(call)
    assert (late.kind, late.hold_late.hold_id) == (event_pb2.EVENT_KIND_HOLD_LATE, "h")
    assert (await change(call)).event_number == late.number


async def test_who_comes_back_gets_what_it_has_missed(caller: Caller) -> None:
    call = watch(caller)
    left_off = (await change(call)).balance.version
    call.cancel()
    for number in range(3):
        await spend_all(caller, number)
        await top_up(caller, number)
    call = watch(caller, after_version=left_off)
    told = [await change(call) for _ in range(10)]
    kinds = [each.kind for each in told]
    # The first is of the version it has left off at, and so perhaps known.
    assert kinds == [RESUMED, *(LOW, EXHAUSTED, RESUMED) * 3]
    assert (await change(call)).event_number == 10


async def test_no_event_is_lost_or_out_of_order_however_often_one_comes_back(
    database: Database, server: Running, caller: Caller, figures: Figures
) -> None:
    """Watches on two servers that end all the time, while a third caller makes events."""
    async with (
        running_server(database.url, watch_interval_ms=20) as other,
        Caller(other.target, server.key, server.tenant_id) as second,
    ):
        watchers = [Returning((caller, second), seed) for seed in range(6)]
        tasks = [asyncio.create_task(each.run(until=1 + 3 * ROUNDS)) for each in watchers]
        for number in range(ROUNDS):
            await spend_all(caller, number)
            await top_up(second, number)
        async with asyncio.timeout(60):
            await asyncio.gather(*tasks)
    for each in watchers:
        assert each.numbers == [*range(each.began + 1, 2 + 3 * ROUNDS)]
    figures(
        events=3 * ROUNDS, watches=len(watchers), returns=sum(each.returns for each in watchers),
        repeated=sum(each.repeated for each in watchers), lost=0,
    )  # fmt: skip
    assert sum(each.returns for each in watchers) > 20


class Returning:
    """Watches, leaves after a few messages, and comes back to either server."""

    def __init__(self, callers: tuple[Caller, Caller], seed: int) -> None:
        self._callers, self._chance = callers, Random(seed)
        self._version = self._known = self.began = 0
        self.numbers: list[int] = []
        self.returns = self.repeated = 0

    async def run(self, *, until: int) -> None:
        while self._known < until:
            call = watch(self._chance.choice(self._callers), after_version=self._version)
            for _ in range(self._chance.randint(1, 9)):
                self._hear(await change(call))
                if self._known >= until:
                    break
            call.cancel()
            self.returns += 1

    def _hear(self, told: Any) -> None:
        self._version = max(self._version, told.balance.version)
        if isinstance(told, events_pb.AccountState):
            if not self._known:
                self._known = self.began = told.event_number
        elif told.number <= self._known:
            self.repeated += 1
        else:
            assert told.number == self._known + 1
            self._known = told.number
            self.numbers.append(told.number)
