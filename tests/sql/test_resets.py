"""Cycles that turn: by several at once, after being away for long, and to the last micro-credit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from time import perf_counter
from typing import Any

import pytest
import pytest_asyncio

from creditgate_server.domain.grants import GrantKind
from creditgate_server.postgres.pool import Pool, open_pool
from creditgate_server.postgres.sweeps import PostgresSweeps
from creditgate_server.settings import Settings
from tests.contract.drivers import START
from tests.oracle.answers import GrantView
from tests.oracle.subscriber import Plan
from tests.support.database import Database
from tests.support.direct import DirectLedger
from tests.support.figures import Figures
from tests.support.pair import SETTINGS, Pair, Pairs

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECOND = 1_000_000
DAY = 86_400 * SECOND


ACCOUNTS, ROUNDS = 40, 5


@pytest_asyncio.fixture(loop_scope="module")
async def pools(pairs: Pairs, module_database: Database) -> AsyncIterator[list[Pool]]:
    """The connections of two servers."""
    other = await open_pool(Settings(database_url=module_database.url, **SETTINGS))
    yield [pairs.pool, other]
    await other.close(timeout_seconds=5)


async def test_two_servers_with_their_sweepers_race_for_every_reset(
    pair: Pair, pools: list[Pool], figures: Figures
) -> None:
    """Each operation needs the new allowance; whoever is first turns the cycle, nobody else."""
    plan = Plan("day", allowance=10, unit="DAY", rollover_max=4)
    names = [f"account-{number}" for number in range(ACCOUNTS)]
    servers = [DirectLedger(pool, tenant_id=pair.direct.tenant_id) for pool in pools]
    sweeps = [PostgresSweeps(pool) for pool in pools]
    await pair.set_time(START)
    await pair.put_plan(plan)
    for name in names:
        await pair.ask("create_account", name)
        await pair.ask("update_account", name, plan=plan.name)
    for number in range(1, ROUNDS + 1):
        await pair.set_time(START + number * DAY)
        arguments = [{"hold_id": f"hold-{number}-{server}", "amount": 3} for server in (0, 1)]
        asked = [
            server.ask("charge", name, each)
            for name in names
            for server, each in zip(servers, arguments, strict=True)
        ]
        swept = [each.expire_due(bucket, limit=100) for each in sweeps for bucket in range(64)]
        answers, _ = await asyncio.gather(asyncio.gather(*asked), asyncio.gather(*swept))
        assert {each.outcome for each in answers} == {"GRANTED"}
        for name in names:
            for each in arguments:
                pair.model.charge(pair.now, name, **each)
    counts = [await allowances(pair, name) for name in names]
    await pair.check()
    double, missed = (
        sum(max(sign * (count - ROUNDS - 1), 0) for count in counts) for sign in (1, -1)
    )
    figures(resets=ACCOUNTS * ROUNDS, double=double, missed=missed)
    assert (double, missed) == (0, 0)


async def allowances(pair: Pair, account_id: str) -> int:
    """How often an account got its allowance."""
    grants = await pair.direct.list_grants(account_id)
    return sum(grant.kind == GrantKind.PLAN.name for grant in grants.grants)


AWAY: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "nothing else": [],
    "an open hold that covers some": [
        ("reserve", {"hold_id": "open", "amount": 33, "ttl_ms": 500 * 86_400_000})
    ],
    "a hold that ends on the way": [
        ("reserve", {"hold_id": "open", "amount": 33, "ttl_ms": 40 * 86_400_000})
    ],
    "debt of many cycles": [
        ("update_account", {"policy": "DEBT"}),
        ("reserve", {"hold_id": "dear", "amount": 1}),
        ("commit", {"hold_id": "dear", "used": 555}),
    ],
    "a package that lasts": [
        ("add_addon", {"addon_id": "pack", "amount": 7, "outlives_cycle": True})
    ],
    "a package that does not": [("add_addon", {"addon_id": "pack", "amount": 7, "priority": 2})],
    "a package that was cancelled": [
        ("add_addon", {"addon_id": "pack", "amount": 7, "outlives_cycle": True}),
        ("cancel_addon", {"addon_id": "pack"}),
    ],
    "another plan next": [("update_account", {"plan": ("week", 1), "timing": "NEXT_CYCLE"})],
    "no cycles next": [
        ("add_addon", {"addon_id": "pack", "amount": 7}),
        ("update_account", {"plan": ("none", 1), "timing": "NEXT_CYCLE"}),
    ],
    "credits that come and go on the way": [
        (
            "add_grant",
            {
                "grant_id": "later",
                "amount": 11,
                "effective_at": START + 45 * DAY,
                "expires_at": START + 70 * DAY,
            },
        ),
        ("add_grant", {"grant_id": "for good", "amount": 13, "effective_at": START + 50 * DAY}),
    ],
    "closed": [("update_account", {"status": "CLOSED"})],
    "suspended": [("update_account", {"status": "SUSPENDED"})],
}
PLANS = {
    "month": Plan("month", allowance=100, unit="MONTH", rollover_max=30, overdraft=5),
    "week": Plan("week", allowance=60, unit="WEEK", rollover_max=500),
    "none": Plan("none"),
}


@pytest.mark.parametrize("story", AWAY)
async def test_being_away_for_long_is_as_turning_each_in_time(pair: Pair, story: str) -> None:
    """Two accounts with the same past: one is looked at with every cycle, one after them all."""
    await pair.set_time(START)
    for plan in PLANS.values():
        await pair.put_plan(plan)
    for name in ("punctual", "away"):
        await pair.ask("create_account", name)
        await pair.ask("update_account", name, plan=("month", 1), time_zone="America/New_York")
        await pair.ask("charge", name, hold_id="first", amount=10)
        for verb, arguments in AWAY[story]:
            assert (await pair.ask(verb, name, **arguments)).outcome in {"ACCEPTED", "GRANTED"}
    for _ in range(30):
        cycle = pair.model.accounts["punctual"].cycle
        if cycle is None or cycle.ends_at > START + 130 * DAY:
            break
        await pair.set_time(cycle.ends_at)
        await pair.ask("update_account", "punctual")
    await pair.set_time(START + 130 * DAY)
    await pair.ask("update_account", "punctual")
    await pair.ask("update_account", "away")
    assert await shown(pair, "away") == await shown(pair, "punctual")
    await pair.check()


async def shown(pair: Pair, account_id: str) -> tuple[Any, ...]:
    """What is left of an account's past: the same for both, but for when it was written."""
    got = await pair.direct.get_account(account_id)
    assert got.account is not None
    assert got.balance is not None
    grants = (await pair.direct.list_grants(account_id)).grants
    left = sorted(plain(each) for each in grants if each.state in {"LIVE", "PENDING"})
    carried = sum(each.remaining for each in grants if each.state == "EXPIRED")
    return got.account.standing, replace(got.balance, version=0), left, carried


def plain(grant: GrantView) -> tuple[Any, ...]:
    ends = grant.expires_at or 0
    return (grant.grant_id, grant.kind, grant.amount, grant.remaining, grant.effective_at, ends)


async def test_half_a_year_away_with_a_package_that_lasts(pair: Pair, figures: Figures) -> None:
    """The slowest there is: nothing can be passed over, each day brings credits that stay."""
    await pair.set_time(START)
    await pair.put_plan(Plan("daily", allowance=1, unit="DAY"))
    await pair.ask("create_account", "away")
    await pair.ask("update_account", "away", plan=("daily", 1))
    await pair.ask("add_addon", "away", addon_id="p", amount=1, outlives_cycle=True)
    await pair.set_time(START + 180 * DAY)
    began = perf_counter()
    await pair.direct.ask("release", "away", {"hold_id": "none"})
    figures(cycles=180, seconds=perf_counter() - began)
    answer = await pair.ask("release", "away", hold_id="none")
    assert answer.balance is not None
    assert answer.balance.settled == 1 + 1 + 180


@pytest.mark.parametrize(
    ("left", "whole_allowance"),
    [(1, 86_400_000_001), (43_200_000_001, 10**18 - 1), (86_399_999_999, 10**18)],
)
async def test_a_change_of_plans_is_prorated_to_the_micro_credit(
    pair: Pair, left: int, whole_allowance: int
) -> None:
    await prorate(pair, left, whole_allowance)


async def test_a_share_just_below_the_next_micro_credit_is_rounded_down(pair: Pair) -> None:
    """The share is as little short of a whole number as there is, and does not reach it."""
    left = 43_200_000_007
    allowance = 10**17 // DAY * DAY - pow(left, -1, DAY)
    assert allowance * left % DAY == DAY - 1
    await prorate(pair, left, allowance)


async def prorate(pair: Pair, left: int, allowance: int) -> None:
    await pair.set_time(START)
    await pair.put_plan(Plan("old", allowance=5, unit="DAY"))
    await pair.put_plan(Plan("new", allowance=allowance, unit="DAY"))
    await pair.ask("create_account", "a")
    await pair.ask("update_account", "a", plan=("old", 1))
    await pair.set_time(START + DAY - left)
    answer = await pair.ask("update_account", "a", plan=("new", 1))
    assert answer.balance is not None
    assert answer.balance.settled == allowance * left // DAY
    await pair.check()


CROWD = 600  # more than twice the holds that one step ends


@pytest.mark.parametrize(
    ("verb", "arguments"),
    [
        ("update_account", {"anchor": START + 3_600 * SECOND}),
        ("update_account", {"plan": ("week", 1)}),
        ("add_addon", {"addon_id": "pack", "amount": 7}),
        ("add_grant", {"grant_id": "gift", "amount": 7}),
        ("reserve", {"hold_id": "new", "amount": 7}),
    ],
)
async def test_everybody_finds_the_cycle_turned_whatever_the_backlog(
    pair: Pair, verb: str, arguments: dict[str, Any]
) -> None:
    await pair.set_time(START)
    for plan in (*PLANS.values(), Plan("crowded", allowance=CROWD, unit="DAY")):
        await pair.put_plan(plan)
    await pair.ask("create_account", "a")
    await pair.ask("update_account", "a", plan=("crowded", 1))
    holds = [{"hold_id": f"hold-{number}", "amount": 1} for number in range(CROWD)]
    await pair.ask_together([("reserve", "a", each) for each in holds])
    await pair.set_time(START + DAY + SECOND)
    await pair.ask(verb, "a", **arguments)
    await pair.check()
