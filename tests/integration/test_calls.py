"""Calls over gRPC: whose they are, who may list them, and what a race leaves of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from creditgate.v1 import account_pb2, hold_pb2
from creditgate.v1 import account_service_pb2 as accounts_pb
from creditgate.v1 import authorization_service_pb2 as pb
from creditgate.v1 import catalog_service_pb2 as catalog_pb
from creditgate_server.domain.account_keys import BUCKETS
from creditgate_server.domain.figures import OpenHolds
from creditgate_server.domain.keys import Scope
from creditgate_server.postgres.pool import open_pool
from creditgate_server.postgres.sweeps import PostgresSweeps
from tests.support.calls import Failure, failure, good_rate_card
from tests.support.database import Database
from tests.support.server import CREDIT, Caller, Running, running_server, settings_for
from tests.support.server import new_key as new_key_of

PLAN = "voice"


@pytest.fixture
async def server(database: Database) -> AsyncIterator[Running]:
    async with running_server(database.url, run_workers=False) as server:
        yield server


@pytest.fixture
async def caller(server: Running) -> AsyncIterator[Caller]:
    async with server.caller() as caller:
        rate = hold_pb2.Rate(meter="voice.call", model="*", unit_price_micros=CREDIT)
        card = good_rate_card(rates=[rate])
        await caller.catalog.PutRateCard(catalog_pb.PutRateCardRequest(rate_card=card))
        plan = catalog_pb.Plan(
            plan_id=PLAN,
            version=1,
            welcome_micros=100 * CREDIT,
            rate_card_id=card.rate_card_id,
            call_terms=account_pb2.CallTerms(
                max_duration=Duration(seconds=90), offline_allowance=Duration(seconds=20)
            ),
        )
        await caller.catalog.PutPlan(catalog_pb.PutPlanRequest(plan=plan))
        yield caller


async def customer(caller: Caller, *, version: int = 1) -> str:
    """Open an account of 100 credits, a second of a call costing one, and answer its id."""
    account_id = await caller.account(credits_=0)
    plan = accounts_pb.PlanChange(plan_id=PLAN, version=version, timing=accounts_pb.PLAN_TIMING_NOW)
    change = accounts_pb.UpdateAccountRequest(account_id=account_id, plan=plan)
    await caller.accounts.UpdateAccount(change)
    return account_id


def reserve(
    account_id: str, seconds: int, *, gateway: str = "gw", epoch: int = 1, hold_id: str = ""
) -> pb.ReserveRequest:
    return pb.ReserveRequest(
        account_id=account_id,
        hold_id=hold_id or str(uuid4()),
        usage=hold_pb2.Usage(meter="voice.call", quantity=seconds),
        call=hold_pb2.Call(gateway_id=gateway, gateway_epoch=epoch),
        ttl=Duration(seconds=600),
    )


async def listed(caller: Caller, **asked: Any) -> list[tuple[str, str]]:
    """The calls that a list has, in pages of two: of which accounts, and their names."""
    found, token = [], ""
    while True:
        request = accounts_pb.ListHoldsRequest(page_size=2, page_token=token, **asked)
        page = await caller.accounts.ListHolds(request)
        found += [(hold.account_id, hold.hold_id) for hold in page.holds]
        token = page.next_page_token
        if not token:
            return found


async def test_a_call_is_told_how_long_it_may_go_on(caller: Caller) -> None:
    account_id = await customer(caller)
    asked = reserve(account_id, 60)
    answer = await caller.authorization.Reserve(asked)
    assert answer.hold.call == asked.call
    quota = answer.quota
    assert quota.granted_quantity == 60
    since = quota.funded_until.ToMicroseconds() - answer.balance.as_of.ToMicroseconds()
    assert since == 60_000_000
    assert (quota.renew_before.seconds, quota.warn_before.seconds) == (10, 30)
    assert quota.offline_allowance.seconds == 20
    assert not quota.HasField("final")
    raised = await caller.authorization.Extend(
        pb.ExtendRequest(
            account_id=account_id, hold_id=asked.hold_id, quantity=120, used_quantity=75
        )
    )
    assert raised.quota.granted_quantity == 90
    assert raised.quota.final.reason == pb.FINAL_REASON_MAX_DURATION
    assert raised.quota.final.action == account_pb2.FINAL_ACTION_TERMINATE
    assert raised.quota.renew_before == Duration(seconds=7, nanos=500_000_000)
    shown = await caller.authorization.GetHold(
        pb.GetHoldRequest(account_id=account_id, hold_id=asked.hold_id)
    )
    assert shown.hold.call == asked.call


async def test_the_open_calls_of_a_gateway_are_listed_over_all_accounts(caller: Caller) -> None:
    accounts = [await customer(caller) for _ in range(5)]
    calls = {}
    for place, account_id in enumerate(accounts):
        for epoch in (1, 2):
            request = reserve(account_id, 10, epoch=epoch)
            await caller.authorization.Reserve(request)
            calls[account_id, request.hold_id] = epoch
        await caller.authorization.Reserve(reserve(account_id, 10, gateway="other"))
        if place == 0:
            over = reserve(account_id, 10)
            await caller.authorization.Reserve(over)
            await caller.authorization.Release(
                pb.ReleaseRequest(account_id=account_id, hold_id=over.hold_id)
            )
    assert sorted(await listed(caller, gateway_id="gw")) == sorted(calls)
    earlier = sorted(name for name, epoch in calls.items() if epoch < 2)
    assert sorted(await listed(caller, gateway_id="gw", epoch_below=2)) == earlier
    own = sorted(name for name in calls if name[0] == accounts[1])
    assert sorted(await listed(caller, gateway_id="gw", account_id=accounts[1])) == own
    assert await listed(caller, gateway_id="gw", account_id="nobody") == []
    state = hold_pb2.HOLD_STATE_OPEN
    assert len(await listed(caller, gateway_id="other", state=state)) == len(accounts)


async def test_a_gateway_of_another_tenant_is_another_gateway(
    caller: Caller, database: Database
) -> None:
    await caller.authorization.Reserve(reserve(await customer(caller), 10))
    async with (
        running_server(database.url, run_workers=False) as other,
        other.caller() as stranger,
    ):
        assert await listed(stranger, gateway_id="gw") == []
    assert len(await listed(caller, gateway_id="gw")) == 1


async def test_a_gateway_needs_no_scope_but_its_own_to_list_its_calls(
    server: Running, caller: Caller, database: Database
) -> None:
    account_id = await customer(caller)
    await caller.authorization.Reserve(reserve(account_id, 10))
    key = await new_key_of(database.url, server.tenant_id, Scope.AUTHORIZE)
    async with server.caller(key) as gateway:
        assert len(await listed(gateway, gateway_id="gw")) == 1
        told = await failure(
            gateway.accounts.ListHolds(accounts_pb.ListHoldsRequest(account_id=account_id))
        )
    assert isinstance(told, Failure)
    assert (told.code, told.reason) == (grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING")


async def test_what_calls_may_cost_while_nobody_answers_is_measured(
    caller: Caller, database: Database
) -> None:
    pool = await open_pool(settings_for(database.url))
    sweeps = PostgresSweeps(pool)
    account_id = await customer(caller)
    asked = reserve(account_id, 10)
    await caller.authorization.Reserve(asked)
    await caller.authorization.Reserve(reserve(account_id, 80))

    async def measured() -> tuple[int, int]:
        total = OpenHolds()
        for bucket in range(BUCKETS):
            total = total.merged(await sweeps.open_holds(bucket))
        return total.offline_micros, total.unbounded_calls

    # No call is longer than 90 s.
    assert await measured() == ((20 + 10) * CREDIT, 0)
    await caller.authorization.Extend(
        pb.ExtendRequest(account_id=account_id, hold_id=asked.hold_id, quantity=20)
    )
    assert await measured() == ((0 + 10) * CREDIT, 0), "the credits are used up: it is final"
    await caller.authorization.Release(
        pb.ReleaseRequest(account_id=account_id, hold_id=asked.hold_id)
    )
    assert await measured() == (10 * CREDIT, 0)
    plan = catalog_pb.Plan(
        plan_id=PLAN,
        version=2,
        welcome_micros=100 * CREDIT,
        rate_card_id="std",
        call_terms=account_pb2.CallTerms(on_extend_failure=account_pb2.FAILURE_HANDLING_CONTINUE),
    )
    await caller.catalog.PutPlan(catalog_pb.PutPlanRequest(plan=plan))
    await caller.authorization.Reserve(reserve(await customer(caller, version=2), 10))
    assert await measured() == (10 * CREDIT, 1)
    await pool.close(timeout_seconds=3)
