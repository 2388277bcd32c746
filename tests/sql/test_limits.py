"""A plan's limits: which comes first, what names it, and what a minimum makes of it."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from tests.contract.drivers import START
from tests.oracle.subscriber import Plan
from tests.support.pair import Pair

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIMITED = Plan(
    "limited", allowance=100, unit="DAY", hold_max=40, hold_ttl_max_ms=60_000, open_holds_max=2
)
LARGEST, LONGEST, MOST = "hold_max_micros", "hold_ttl_max", "open_holds_max"


class Says(NamedTuple):
    """What an answer must say: the limit, what the hold then has, what it lacks."""

    outcome: str
    limit: str = ""
    granted: int | None = None
    shortfall: int = 0


class Case(NamedTuple):
    """What is asked, on which account, and the answer."""

    verb: str
    arguments: dict[str, Any]
    answer: Says
    open_holds: int = 0
    spent: int = 0
    suspended: bool = False


def reserve(
    *answer: Any, open_holds: int = 0, spent: int = 0, suspended: bool = False, **asked: Any
) -> Case:
    asked = {"hold_id": "new", "ttl_ms": 60_000, **asked}
    return Case("reserve", asked, Says(*answer), open_holds, spent, suspended)


def extend(*answer: Any, suspended: bool = False, **asked: Any) -> Case:
    """Of a hold that has 10."""
    asked = {"hold_id": "hold-0", "ttl_ms": 60_000, **asked}
    return Case("extend", asked, Says(*answer), open_holds=1, suspended=suspended)


def charge(*answer: Any, open_holds: int = 0, **asked: Any) -> Case:
    return Case("charge", {"hold_id": "new", **asked}, Says(*answer), open_holds)


DENIED, PARTIAL, GRANTED = "DENIED_LIMIT", "GRANTED_PARTIAL", "GRANTED"
CASES = {
    "as much as one may have": reserve(GRANTED, "", 40, amount=40),
    "one more": reserve(DENIED, LARGEST, amount=41),
    "a minimum within": reserve(PARTIAL, "", 40, 2, amount=42, minimum=40),
    "a minimum beyond": reserve(DENIED, LARGEST, amount=42, minimum=41),
    "a minimum within, of little that is left": reserve(
        PARTIAL, "", 20, 80, amount=100, minimum=5, spent=80
    ),
    "a minimum within, of too little that is left": reserve(
        "DENIED_INSUFFICIENT_CREDITS", "", None, 5, amount=100, minimum=25, spent=80
    ),
    "as long as one may": reserve(GRANTED, "", 1, amount=1, ttl_ms=60_000),
    "longer": reserve(DENIED, LONGEST, amount=1, ttl_ms=60_001),
    "as many as may be": reserve(GRANTED, "", 1, amount=1, open_holds=1),
    "one too many": reserve(DENIED, MOST, amount=1, open_holds=2),
    "the largest comes first": reserve(DENIED, LARGEST, amount=41, ttl_ms=60_001, open_holds=2),
    "then the longest": reserve(DENIED, LONGEST, amount=1, ttl_ms=60_001, open_holds=2),
    "before credits": reserve(DENIED, LARGEST, amount=10**9),
    "after the account's status": reserve(
        "DENIED_ACCOUNT_INACTIVE", amount=41, ttl_ms=60_001, suspended=True
    ),
    "a charge is never open": charge(GRANTED, "", 40, amount=40, open_holds=2),
    "a charge beyond": charge(DENIED, LARGEST, amount=41),
    "a charge with a minimum": charge(PARTIAL, "", 40, 10, amount=50, minimum=1),
    "raised to the most": extend(GRANTED, "", 40, total=40),
    "raised beyond": extend(DENIED, LARGEST, 10, total=41),
    "raised beyond, with a minimum within": extend(PARTIAL, "", 40, 5, total=45, minimum=30),
    "raised beyond, with a minimum beyond": extend(DENIED, LARGEST, 10, total=45, minimum=31),
    "raised by less than the minimum": extend(GRANTED, "", 15, total=15, minimum=31),
    "renewed": extend(GRANTED, "", 10),
    "renewed for longer": extend(DENIED, LONGEST, 10, ttl_ms=60_001),
    "raised for longer": extend(DENIED, LONGEST, 10, total=50, ttl_ms=60_001),
    "raised beyond what it has used beyond": extend(GRANTED, "", 40, total=40, used=35),
    "an account that is suspended may renew": extend(GRANTED, "", 10, suspended=True),
    "but not for longer": extend(DENIED, LONGEST, 10, ttl_ms=60_001, suspended=True),
    "nor raise": extend("DENIED_ACCOUNT_INACTIVE", "", 10, total=50, suspended=True),
}


async def prepare(pair: Pair, case: Case) -> None:
    await pair.set_time(START)
    await pair.put_plan(LIMITED)
    await pair.ask("create_account", "a")
    await pair.ask("update_account", "a", plan=LIMITED.name)
    for part in range(2 if case.spent else 0):
        await pair.ask("charge", "a", hold_id=f"spent-{part}", amount=case.spent // 2)
    for number in range(case.open_holds):
        await pair.ask("reserve", "a", hold_id=f"hold-{number}", amount=10)
    if case.suspended:
        await pair.ask("update_account", "a", status="SUSPENDED")


@pytest.mark.parametrize("story", CASES)
async def test_limits(pair: Pair, story: str) -> None:
    case = CASES[story]
    await prepare(pair, case)
    answer = await pair.ask(case.verb, "a", **case.arguments)
    granted = answer.hold.granted if answer.hold else None
    assert Says(answer.outcome, answer.limit, granted, answer.shortfall) == case.answer
    await pair.check()


async def test_a_denied_extend_keeps_what_it_has_charged(pair: Pair) -> None:
    await prepare(pair, extend(DENIED))
    answer = await pair.ask("extend", "a", hold_id="hold-0", total=41, used=15)
    assert (answer.outcome, answer.limit, answer.charged) == (DENIED, LARGEST, 15)
    again = await pair.ask("extend", "a", hold_id="hold-0", total=41, used=15)
    assert (again.outcome, again.charged) == (DENIED, 0)
    await pair.check()


async def test_a_replay_answers_what_a_limit_had_cut(pair: Pair) -> None:
    await prepare(pair, reserve(PARTIAL))
    for replayed in (False, True):
        answer = await pair.ask("reserve", "a", hold_id="cut", amount=90, minimum=1)
        assert (answer.outcome, answer.shortfall) == (PARTIAL, 50)
        assert answer.replayed == replayed


async def test_limits_change_with_the_plan_and_leave_open_holds_alone(pair: Pair) -> None:
    await prepare(pair, reserve(GRANTED, open_holds=2))
    await pair.put_plan(Plan("narrow", hold_max=5, open_holds_max=1))
    await pair.ask("update_account", "a", plan=("narrow", 1))
    await pair.ask("add_grant", "a", grant_id="g", amount=50)
    denied = await pair.ask("extend", "a", hold_id="hold-0", total=11)
    assert (denied.outcome, denied.limit) == (DENIED, LARGEST)
    assert (await pair.ask("commit", "a", hold_id="hold-0", used=10)).charged == 10
    denied = await pair.ask("reserve", "a", hold_id="new", amount=1)
    assert (denied.outcome, denied.limit) == (DENIED, MOST)
    await pair.ask("release", "a", hold_id="hold-1")
    assert (await pair.ask("reserve", "a", hold_id="new", amount=5)).outcome == GRANTED
    await pair.check()
