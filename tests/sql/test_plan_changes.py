"""Changes of plans, anchors and time zones, each by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.contract.drivers import START
from tests.oracle.answers import Answer, StandingView
from tests.oracle.subscriber import Plan
from tests.support.pair import Pair

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECOND = 1_000_000
DAY = 86_400 * SECOND

# The story begins on 1 January 2030, 00:00 UTC, a Tuesday.
PLANS = [
    Plan("month", allowance=310, unit="MONTH", welcome=7, overdraft=5),
    Plan("month", 2, allowance=620, unit="MONTH", welcome=9, overdraft=6, policy="DEBT"),
    Plan("week", allowance=70, unit="WEEK"),
    Plan("day", allowance=10, unit="DAY"),
    Plan("year", allowance=365, unit="YEAR"),
    Plan("none"),
]


@pytest_asyncio.fixture(name="pair", loop_scope="module")
async def subscribed(pair: Pair) -> AsyncIterator[Pair]:
    """An account on the monthly plan since the beginning of the story."""
    await pair.set_time(START)
    for plan in PLANS:
        await pair.put_plan(plan)
    await pair.ask("create_account", "a")
    await pair.ask("update_account", "a", plan=("month", 1))
    yield pair
    await pair.check()


def settled(answer: Answer) -> int:
    assert answer.balance is not None
    return answer.balance.settled


def standing(answer: Answer) -> StandingView:
    assert answer.account is not None
    return answer.account.standing


async def test_welcome_credits_come_once_with_the_first_plan(pair: Pair) -> None:
    assert settled(await pair.ask("get_account", "a")) == 310 + 7
    assert settled(await pair.ask("update_account", "a", plan=("month", 2))) == 620 + 7
    await pair.ask("create_account", "b")
    assert settled(await pair.ask("update_account", "b", plan=("none", 1))) == 0
    assert settled(await pair.ask("update_account", "b", plan=("month", 1))) == 310


async def test_a_change_brings_what_is_left_of_the_cycle(pair: Pair) -> None:
    await pair.set_time(START + 21 * DAY)
    await pair.ask("charge", "a", hold_id="spent", amount=100)
    answer = await pair.ask("update_account", "a", plan=("month", 2))
    assert settled(answer) == 7 + 620 * 10 // 31
    assert standing(answer).plan == ("month", 2)


async def test_a_change_to_the_same_plan_is_none(pair: Pair) -> None:
    await pair.set_time(START + DAY)
    before = await pair.ask("get_account", "a")
    after = await pair.ask("update_account", "a", plan=("month", 1))
    assert after.account == before.account
    assert after.balance is not None
    assert before.balance is not None
    assert after.balance.version == before.balance.version


async def test_a_change_next_cycle_leaves_everything_until_then(pair: Pair) -> None:
    await pair.set_time(START + DAY)
    answer = await pair.ask("update_account", "a", plan=("month", 2), timing="NEXT_CYCLE")
    assert (settled(answer), standing(answer).next_plan) == (317, ("month", 2))
    await pair.set_time(START + 31 * DAY)
    answer = await pair.ask("update_account", "a")
    assert (settled(answer), standing(answer).plan) == (627, ("month", 2))
    assert answer.balance is not None
    assert answer.balance.overdraft == 6


async def test_a_change_that_ends_the_allowance_while_a_hold_is_the_next_due(pair: Pair) -> None:
    """All that changes are sums, and nothing else becomes due."""
    await pair.ask("reserve", "a", hold_id="h", amount=10, ttl_ms=60_000)
    answer = await pair.ask("update_account", "a", plan=("none", 1))
    assert settled(answer) == 10 + 7
    assert settled(await pair.ask("commit", "a", hold_id="h", used=4)) == 7


async def test_plans_that_begin_at_one_instant_also_at_that_of_a_turn(pair: Pair) -> None:
    await pair.set_time(START + 31 * DAY)
    for plan in (("day", 1), ("week", 1), ("day", 1), ("none", 1)):
        await pair.ask("update_account", "a", plan=plan)
        await pair.check()
    assert settled(await pair.ask("update_account", "a", plan=("month", 2))) == 627


async def test_packages_may_have_the_names_of_what_plans_bring(pair: Pair) -> None:
    for name in ("allowance", "rollover", "welcome", "allowance/0"):
        await pair.ask("add_addon", "a", addon_id=name, amount=1)
    await pair.set_time(START + 31 * DAY)
    assert settled(await pair.ask("update_account", "a")) == 317 + 4


async def test_a_package_comes_now_and_until_it_is_cancelled(pair: Pair) -> None:
    answer = await pair.ask("add_addon", "a", addon_id="p", amount=50, outlives_cycle=True)
    assert settled(answer) == 317 + 50
    again = await pair.ask("add_addon", "a", addon_id="p", amount=50, outlives_cycle=True)
    assert (again.replayed, settled(again)) == (True, 317 + 50)
    assert (await pair.ask("add_addon", "a", addon_id="p", amount=51)).outcome == "NAME_REUSED"
    await pair.set_time(START + 31 * DAY)
    assert settled(await pair.ask("cancel_addon", "a", addon_id="p")) == 317 + 100
    await pair.set_time(START + 59 * DAY)
    assert settled(await pair.ask("cancel_addon", "a", addon_id="p")) == 317 + 100
    await pair.ask("create_account", "b")
    assert (await pair.ask("add_addon", "b", addon_id="p", amount=1)).outcome == "NO_CYCLE"
    assert (await pair.ask("cancel_addon", "b", addon_id="p")).outcome == "ADDON_NOT_FOUND"


async def test_what_stands_above_the_plan_outlives_its_cycles(pair: Pair) -> None:
    await pair.ask("update_account", "a", overdraft=50, policy="DEBT")
    await pair.set_time(START + 90 * DAY)
    answer = await pair.ask("update_account", "a")
    assert answer.account is not None
    assert answer.balance is not None
    assert (answer.account.policy, answer.balance.overdraft) == ("DEBT", 50)
    answer = await pair.ask("update_account", "a", plan=("month", 2), overdraft=60)
    assert answer.balance is not None
    assert answer.balance.overdraft == 60


@pytest.mark.parametrize(
    ("plan", "turn", "anchor", "number"),
    [
        ("day", 31 * DAY, 0, 31),  # the day begins where the month did
        ("week", 31 * DAY, 31 * DAY, 0),  # a Friday, and weeks began on a Tuesday
        ("year", 31 * DAY, 31 * DAY, 0),  # years would begin in January
    ],
)
async def test_another_unit_keeps_the_anchor_where_the_boundaries_meet(
    pair: Pair, plan: str, turn: int, anchor: int, number: int
) -> None:
    await pair.ask("update_account", "a", plan=(plan, 1), timing="NEXT_CYCLE")
    await pair.set_time(START + turn)
    stands = standing(await pair.ask("update_account", "a"))
    assert stands.cycle is not None
    assert (stands.anchor, stands.cycle.number) == (START + anchor, number)
    assert stands.cycle.starts_at == START + turn


async def test_another_anchor_moves_the_end_of_the_cycle_and_of_the_allowance(pair: Pair) -> None:
    await pair.set_time(START + 20 * DAY)
    stands = standing(await pair.ask("update_account", "a", anchor=START + 14 * DAY))
    assert stands.cycle is not None
    assert (stands.cycle.number, stands.cycle.ends_at) == (0, START + 45 * DAY)
    await pair.set_time(START + 40 * DAY)
    await pair.ask("charge", "a", hold_id="later", amount=300)
    await pair.set_time(START + 45 * DAY)
    assert settled(await pair.ask("update_account", "a")) == 317
    # An anchor to come counts backwards.
    stands = standing(await pair.ask("update_account", "a", anchor=START + 400 * DAY))
    assert stands.cycle is not None
    assert stands.cycle.number < 0


async def test_another_time_zone_moves_the_end_of_the_cycle(pair: Pair) -> None:
    stands = standing(await pair.ask("update_account", "a", time_zone="America/New_York"))
    # In New York the anchor is 19:00 on 31 December: the next month begins on its last day.
    assert stands.cycle is not None
    assert stands.cycle.ends_at == START + 31 * DAY
    await pair.set_time(START + 31 * DAY)
    stands = standing(await pair.ask("update_account", "a"))
    assert stands.cycle is not None
    assert stands.cycle.ends_at == START + 59 * DAY
    await pair.set_time(START + 59 * DAY)
    stands = standing(await pair.ask("update_account", "a"))
    assert stands.cycle is not None
    assert stands.cycle.ends_at == START + 90 * DAY - 3_600 * SECOND


async def test_a_closed_account_takes_no_plan_and_no_credits(pair: Pair) -> None:
    await pair.ask("update_account", "a", status="CLOSED")
    assert (await pair.ask("update_account", "a", plan=("day", 1))).outcome == "ACCOUNT_CLOSED"
    assert (await pair.ask("add_addon", "a", addon_id="p", amount=1)).outcome == "ACCOUNT_CLOSED"
    await pair.set_time(START + 31 * DAY)
    assert settled(await pair.ask("update_account", "a")) == 7
