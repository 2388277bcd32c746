"""Plans and add-ons as their callers see them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from creditgate.v1 import account_pb2
from creditgate.v1 import account_service_pb2 as accounts_pb
from creditgate.v1 import authorization_service_pb2 as pb
from creditgate.v1 import catalog_service_pb2 as catalog_pb
from tests.support.calls import failure, good_plan
from tests.support.clock import DatabaseClock, set_clock, stamp
from tests.support.database import Database
from tests.support.server import Caller, running_server

FAILED = grpc.StatusCode.FAILED_PRECONDITION
NOT_FOUND = grpc.StatusCode.NOT_FOUND
NO_LIMITS = catalog_pb.PlanLimits()


@pytest.fixture
async def caller(database: Database) -> AsyncIterator[Caller]:
    async with (
        running_server(database.url, run_workers=False) as server,
        server.caller() as caller,
    ):
        yield caller


async def put(caller: Caller, **changes: Any) -> catalog_pb.PutPlanResponse:
    body = {"limits": NO_LIMITS, "overdraft_limit_micros": 0} | changes
    answer = await caller.catalog.PutPlan(catalog_pb.PutPlanRequest(plan=good_plan(**body)))
    assert isinstance(answer, catalog_pb.PutPlanResponse)
    return answer


async def update(caller: Caller, **changes: Any) -> account_pb2.Account:
    request = accounts_pb.UpdateAccountRequest(account_id="acme", **changes)
    account = (await caller.accounts.UpdateAccount(request)).account
    assert isinstance(account, account_pb2.Account)
    return account


def change(plan_id: str = "pro", version: int = 1, **more: Any) -> accounts_pb.PlanChange:
    return accounts_pb.PlanChange(plan_id=plan_id, version=version, **more)


async def test_a_plan_is_written_version_after_version_and_never_changes(caller: Caller) -> None:
    first = await put(caller)
    assert not first.replayed
    assert first.plan == good_plan(
        limits=NO_LIMITS, overdraft_limit_micros=0, created_at=first.plan.created_at
    )
    again = await put(caller)
    assert again.replayed
    assert again.plan == first.plan

    told = await failure(put(caller, allowance_micros=1))
    assert told[:2] == (grpc.StatusCode.ALREADY_EXISTS, "NAME_REUSED")
    told = await failure(put(caller, version=3))
    assert told[:2] == (FAILED, "VERSION_SKIPPED")

    second = await put(caller, version=2, allowance_micros=1)
    for version, plan in ((0, second.plan), (1, first.plan), (2, second.plan)):
        request = catalog_pb.GetPlanRequest(plan_id="pro", version=version)
        assert (await caller.catalog.GetPlan(request)).plan == plan
    for request in (
        catalog_pb.GetPlanRequest(plan_id="pro", version=3),
        catalog_pb.GetPlanRequest(plan_id="prose"),
    ):
        told = await failure(caller.catalog.GetPlan(request))
        assert told[:2] == (NOT_FOUND, "PLAN_NOT_FOUND")


async def test_who_writes_one_version_at_the_same_time_writes_it_once(caller: Caller) -> None:
    answers = await asyncio.gather(*(put(caller) for _ in range(20)))
    assert sorted(answer.replayed for answer in answers) == [False] + [True] * 19
    others: list[Any] = [put(caller, version=2, welcome_micros=n) for n in range(20)]
    ends = await asyncio.gather(*others, return_exceptions=True)
    assert sum(isinstance(end, catalog_pb.PutPlanResponse) for end in ends) == 1


async def test_plans_are_listed_by_their_latest_versions(caller: Caller) -> None:
    for plan_id, versions in (("a", 1), ("b", 3), ("c", 2)):
        for version in range(1, versions + 1):
            await put(caller, plan_id=plan_id, version=version)
    listed, token = [], ""
    while True:
        request = catalog_pb.ListPlansRequest(page_size=2, page_token=token)
        page = await caller.catalog.ListPlans(request)
        listed += [(plan.plan_id, plan.version) for plan in page.plans]
        token = page.next_page_token
        if not token:
            break
    assert listed == [("a", 1), ("b", 3), ("c", 2)]


async def test_an_account_shows_its_plan_and_its_cycle(
    caller: Caller, clock: DatabaseClock
) -> None:
    await set_clock(clock, "2030-01-31T12:00")
    await put(caller)
    await put(caller, version=2)
    await caller.account(account_id="acme", credits_=0)
    plain = (
        await caller.accounts.GetAccount(accounts_pb.GetAccountRequest(account_id="acme"))
    ).account
    assert (plain.plan_id, plain.plan_version, plain.time_zone) == ("", 0, "UTC")
    assert not plain.HasField("billing_anchor")
    assert not plain.HasField("cycle")

    account = await update(caller, plan=change(), time_zone="America/New_York")
    assert (account.plan_id, account.plan_version) == ("pro", 1)
    assert account.time_zone == "America/New_York"
    assert account.billing_anchor == stamp("2030-01-31T12:00")
    assert account.cycle == account_pb2.Cycle(
        number=0, starts_at=stamp("2030-01-31T12:00"), ends_at=stamp("2030-02-28T12:00")
    )
    assert account.balance.settled_micros == 1005  # the allowance and the welcome
    assert account.overage_policy == account_pb2.OVERAGE_POLICY_DEBT

    later = await update(caller, plan=change(version=2, timing=accounts_pb.PLAN_TIMING_NEXT_CYCLE))
    assert (later.plan_version, later.next_plan_id, later.next_plan_version) == (1, "pro", 2)
    await set_clock(clock, "2030-02-28T12:00")
    turned = await update(caller)
    assert (turned.plan_version, turned.next_plan_id, turned.next_plan_version) == (2, "", 0)
    # In New York, the clock went forward in March.
    assert turned.cycle == account_pb2.Cycle(
        number=1, starts_at=stamp("2030-02-28T12:00"), ends_at=stamp("2030-03-31T11:00")
    )

    moved = await update(caller, billing_anchor=stamp("2030-01-15T00:00"), time_zone="UTC")
    assert moved.cycle == account_pb2.Cycle(
        number=1, starts_at=stamp("2030-02-15T00:00"), ends_at=stamp("2030-03-15T00:00")
    )


async def test_a_plan_that_is_not_there_is_not_found_and_changes_nothing(caller: Caller) -> None:
    await put(caller)
    await caller.account(account_id="acme")
    for wrong in (change(version=2), change("prose")):
        told = await failure(update(caller, plan=wrong, overdraft_limit_micros=5))
        assert told[:2] == (NOT_FOUND, "PLAN_NOT_FOUND")
    account = await update(caller)
    assert (account.plan_id, account.balance.overdraft_limit_micros) == ("", 0)

    await update(caller, status=account_pb2.ACCOUNT_STATUS_CLOSED)
    told = await failure(update(caller, plan=change()))
    assert told[:2] == (FAILED, "ACCOUNT_CLOSED")


async def test_decisions_name_the_limit(caller: Caller) -> None:
    limits = catalog_pb.PlanLimits(
        hold_max_micros=10, hold_ttl_max=Duration(seconds=100), open_holds_max=1
    )
    await put(caller, limits=limits)
    await caller.account(account_id="acme")
    await update(caller, plan=change())

    def named(**body: Any) -> dict[str, Any]:
        return {"account_id": "acme", "hold_id": "h", "amount_micros": 10} | body

    reserve, hot = pb.ReserveRequest, caller.authorization
    long = Duration(seconds=101)
    answers = [
        await hot.Reserve(reserve(**named(amount_micros=11))),
        await hot.Reserve(reserve(**named(ttl=long))),
        await hot.Charge(pb.ChargeRequest(**named(amount_micros=11))),
    ]
    granted = await hot.Reserve(reserve(**named()))
    assert (granted.decision, granted.limit) == (pb.DECISION_GRANTED, "")
    answers += [
        await hot.Reserve(reserve(**named(hold_id="i"))),
        await hot.Extend(pb.ExtendRequest(**named(amount_micros=11))),
        await hot.Extend(pb.ExtendRequest(**named(ttl=long))),
    ]
    assert {answer.decision for answer in answers} == {pb.DECISION_DENIED_LIMIT}
    assert [answer.limit for answer in answers] == [
        "hold_max_micros",
        "hold_ttl_max",
        "hold_max_micros",
        "open_holds_max",
        "hold_max_micros",
        "hold_ttl_max",
    ]


async def test_an_addon_needs_a_cycle_and_comes_until_it_is_cancelled(
    caller: Caller, clock: DatabaseClock
) -> None:
    await set_clock(clock, "2030-01-01T00:00")
    await caller.account(account_id="acme", credits_=0)
    booking = accounts_pb.AddAddonRequest(account_id="acme", addon_id="extra", amount_micros=50)
    told = await failure(caller.accounts.AddAddon(booking))
    assert told[:2] == (FAILED, "NO_CYCLE")

    await put(caller)
    await update(caller, plan=change())
    booked = await caller.accounts.AddAddon(booking)
    assert not booked.replayed
    assert booked.balance.settled_micros == 1055
    assert booked.addon == accounts_pb.Addon(
        addon_id="extra", amount_micros=50, created_at=stamp("2030-01-01T00:00")
    )
    assert (await caller.accounts.AddAddon(booking)).replayed
    booking.amount_micros = 51
    told = await failure(caller.accounts.AddAddon(booking))
    assert told[:2] == (grpc.StatusCode.ALREADY_EXISTS, "NAME_REUSED")

    await set_clock(clock, "2030-02-01T00:00")
    assert (await update(caller)).balance.settled_micros == 5 + 500 + 1000 + 50

    cancel = accounts_pb.CancelAddonRequest(account_id="acme", addon_id="extra")
    cancelled = (await caller.accounts.CancelAddon(cancel)).addon
    assert cancelled.cancelled_at == stamp("2030-02-01T00:00")
    await set_clock(clock, "2030-03-01T00:00")
    assert (await caller.accounts.CancelAddon(cancel)).addon == cancelled
    assert (await update(caller)).balance.settled_micros == 5 + 500 + 1000
    cancel.addon_id = "another"
    told = await failure(caller.accounts.CancelAddon(cancel))
    assert told[:2] == (NOT_FOUND, "ADDON_NOT_FOUND")


async def test_addons_are_listed_in_the_order_of_their_ids(caller: Caller) -> None:
    await caller.account(account_id="acme")
    await put(caller)
    await update(caller, plan=change())
    for addon_id in ("b", "c", "a"):
        await caller.accounts.AddAddon(
            accounts_pb.AddAddonRequest(account_id="acme", addon_id=addon_id, amount_micros=1)
        )
    listed, token = [], ""
    while True:
        request = accounts_pb.ListAddonsRequest(account_id="acme", page_size=2, page_token=token)
        page = await caller.accounts.ListAddons(request)
        listed += [addon.addon_id for addon in page.addons]
        token = page.next_page_token
        if not token:
            break
    assert listed == ["a", "b", "c"]


async def test_the_longest_names_of_what_cycles_make_can_be_used(caller: Caller) -> None:
    await caller.account(account_id="acme", credits_=0)
    await put(caller, welcome_micros=0, allowance_micros=0)
    await update(caller, plan=change())
    booking = accounts_pb.AddAddonRequest(
        account_id="acme", addon_id="a" * 80, amount_micros=1, outlives_cycle=True
    )
    await caller.accounts.AddAddon(booking)
    listed = await caller.accounts.ListGrants(accounts_pb.ListGrantsRequest(account_id="acme"))
    (grant,) = listed.grants
    assert grant.grant_id.startswith("cycle/")
    assert not grant.HasField("expires_at")
    request = accounts_pb.RevokeGrantRequest(account_id="acme", grant_id=grant.grant_id)
    assert (await caller.accounts.RevokeGrant(request)).revoked_micros == 1
