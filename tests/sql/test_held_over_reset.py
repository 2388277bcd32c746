"""Holds that were taken before a reset and settled after it: nobody's credits vanish or come twice.

The plan brings 100 each day and keeps up to 30 of what is left where the case says so. A case is
told in steps; the ledger and the oracle take each, and the case says what settled after the reset
and in the end.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from tests.contract.drivers import START
from tests.oracle.subscriber import Plan
from tests.support.pair import Pair

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECOND = 1_000_000
DAY = 86_400 * SECOND
LATE = START + DAY - 10 * SECOND

Steps = list[tuple[str, dict[str, Any]]]


class Case(NamedTuple):
    """What is done before and after the reset, and what has settled then."""

    before: Steps
    settled: int
    after: Steps
    finally_settled: int
    rollover: int = 0
    policy: str = "CAP"


def hold(amount: int, *, name: str = "h", ttl_ms: int = 60_000) -> tuple[str, dict[str, Any]]:
    return "reserve", {"hold_id": name, "amount": amount, "ttl_ms": ttl_ms}


def used(total: int, *, name: str = "h") -> tuple[str, dict[str, Any]]:
    return "commit", {"hold_id": name, "used": total}


def using(total: int, *, name: str = "h") -> tuple[str, dict[str, Any]]:
    return "commit", {"hold_id": name, "used": total, "keep_open": True}


def release(name: str = "h") -> tuple[str, dict[str, Any]]:
    return "release", {"hold_id": name}


def extend(total: int) -> tuple[str, dict[str, Any]]:
    return "extend", {"hold_id": "h", "total": total}


def refund(amount: int, *, name: str = "h") -> tuple[str, dict[str, Any]]:
    return "refund", {"refund_id": f"refund of {amount}", "hold_id": name, "amount": amount}


def bought(amount: int, **more: Any) -> tuple[str, dict[str, Any]]:
    return "add_grant", {"grant_id": "bought", "amount": amount, **more}


def wait(seconds: int) -> tuple[str, dict[str, Any]]:
    return "wait", {"seconds": seconds}


CASES = {
    "nothing is held: all goes": Case([], 100, [], 100),
    "all that is held is used": Case([hold(40)], 140, [used(40)], 100),
    "part of it is used: the rest lapses": Case([hold(40)], 140, [used(25)], 100),
    "none of it is used": Case([hold(40)], 140, [used(0)], 100),
    "it is released": Case([hold(40)], 140, [release()], 100),
    "more is used: the new pays the excess": Case([hold(40)], 140, [used(50)], 90),
    "partly used before": Case([hold(40), using(10)], 130, [used(40)], 100),
    "partly used before, and less than held after": Case(
        [hold(40), using(10)], 130, [using(15), used(25)], 100
    ),
    "used to the full before": Case([hold(40), using(40)], 100, [used(40)], 100),
    "extended after: the old first, then the new": Case(
        [hold(40)], 140, [extend(60), used(60)], 80
    ),
    "extended after, half used: the extension is free": Case(
        [hold(40)], 140, [extend(60), used(50)], 90
    ),
    "taken after: nothing of the old is left for it": Case(
        [hold(40)], 140, [hold(90, name="new"), release(), used(90, name="new")], 10
    ),
    "expires with the reset: ends before it": Case([hold(40, ttl_ms=10_000)], 100, [], 100),
    "expires with the reset: what it held rolls over": Case(
        [hold(80, ttl_ms=10_000)], 130, [], 130, rollover=30
    ),
    "expires after: what it held lapses": Case([hold(40)], 140, [wait(50)], 100),
    "expires after, partly used, and is committed late": Case(
        [hold(40), using(10)], 130, [wait(50), used(25)], 85
    ),
    "kept over the next reset, too": Case(
        [hold(40, ttl_ms=200_000_000)], 140, [wait(86_400), used(30)], 100
    ),
    "kept over the next reset, with an extension of the second cycle": Case(
        [hold(40, ttl_ms=200_000_000)], 140, [extend(60), wait(86_400), used(50)], 100
    ),
    "two holds, the older is covered first": Case(
        [hold(60), bought(50), hold(60, name="i")],
        250,
        [release(), used(60, name="i")],
        130,
    ),
    "two holds, the younger lets go": Case(
        [hold(60), bought(50), hold(60, name="i")],
        250,
        [release("i"), used(60)],
        150,
    ),
    "two grants: the allowance burns first, what was bought stays": Case(
        [bought(50), hold(120)], 250, [used(110)], 140
    ),
    "two grants, the other burns first and covers": Case(
        [bought(50, expires_at=START + DAY - SECOND, priority=0), hold(120)], 220, [used(60)], 100
    ),
    "two grants, partial use and refund": Case(
        [bought(50), hold(120), using(70)], 180, [used(115), refund(10)], 135 + 10
    ),
    "refund of what the old allowance paid lapses": Case(
        [hold(40)], 140, [used(25), refund(25)], 100
    ),
    "refund of what was charged before lapses after": Case(
        [hold(40), used(40)], 100, [refund(15)], 100
    ),
    "refund of what was charged before, made before": Case(
        [hold(40), used(40), refund(15)], 100, [], 100
    ),
    "refund of old and new: the new first": Case([hold(40)], 140, [used(60), refund(30)], 80 + 20),
    "rollover is of what is not held": Case([hold(80)], 200, [used(0)], 120, rollover=30),
    "rollover is bounded": Case([hold(50)], 180, [used(50)], 130, rollover=30),
    "rollover does not roll over again": Case([], 130, [wait(86_400)], 130, rollover=30),
    "rollover goes with what was left of the second cycle": Case(
        [], 130, [hold(120), used(120), wait(86_400)], 110, rollover=30
    ),
    "rollover that is held ends like any other": Case(
        [], 130, [hold(25, ttl_ms=200_000_000), wait(86_400), used(25)], 130, rollover=30
    ),
    "debt is paid by the new allowance": Case([hold(40), used(170)], 30, [], 30, policy="DEBT"),
    "debt is paid while a hold carries the old": Case(
        [hold(40), hold(60, name="i"), used(130)],
        -30 + 100,
        [used(60, name="i")],
        10,
        policy="DEBT",
    ),
}


@pytest.mark.parametrize("story", CASES)
async def test_held_over_a_reset(pair: Pair, story: str) -> None:
    case = CASES[story]
    await pair.set_time(START)
    plan = Plan("day", allowance=100, unit="DAY", rollover_max=case.rollover, policy=case.policy)
    await pair.put_plan(plan)
    await pair.ask("create_account", "a")
    await pair.ask("update_account", "a", plan=plan.name)
    await pair.set_time(LATE)
    await take(pair, case.before)
    await pair.set_time(START + DAY)
    await pair.sweep()
    assert await settled(pair) == case.settled
    await take(pair, case.after)
    assert await settled(pair) == case.finally_settled
    assert await told(pair) == case.finally_settled


async def take(pair: Pair, steps: Steps) -> None:
    for verb, arguments in steps:
        if verb == "wait":
            await pair.set_time(pair.now + arguments["seconds"] * SECOND)
            await pair.sweep()
        else:
            answer = await pair.ask(verb, "a", **arguments)
            assert answer.outcome in {"ACCEPTED", "GRANTED"}
        await pair.check()


async def settled(pair: Pair) -> int:
    answer = await pair.ask("get_balance", "a")
    assert answer.balance is not None
    return answer.balance.settled


async def told(pair: Pair) -> int:
    """What was given, less what was charged and what ended: by the entries, grant by grant."""
    rows = await pair.connection.fetch(
        """
        SELECT e.kind, e.amount_micros, g.amount_micros AS given, e.grant_seqs, e.drawn_micros
          FROM creditgate.entries AS e
          LEFT JOIN creditgate.grants AS g
            ON g.bucket = e.bucket AND g.account_key = e.account_key AND g.grant_id = e.name
         WHERE e.bucket = $1 AND e.account_key = $2
        """,
        *pair.direct.key("a"),
    )
    for row in rows:
        assert sum(row["drawn_micros"]) <= abs(row["amount_micros"])
        assert row["kind"] != 1 or row["amount_micros"] == row["given"]
    return sum(row["amount_micros"] for row in rows)
