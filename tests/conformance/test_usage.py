from __future__ import annotations

from random import Random
from typing import Any

import grpc
import pytest

from creditgate.v1 import account_pb2
from tests.conformance.caller import refused
from tests.conformance.wallet import COMMITTED, CREDIT, GRANTED, HELD, OPEN, rate, usage
from tests.conformance.world import World, credits_

SECONDS = (0, 1, 5, 6, 7, 29, 30, 31, 59, 60, 61, 78)
# What is charged for so many seconds, by first block and further ones.
BILLED = {
    (1, 1): SECONDS,
    (6, 6): (0, 6, 6, 6, 12, 30, 30, 36, 60, 60, 66, 78),
    (30, 6): (0, 30, 30, 30, 30, 30, 30, 36, 60, 60, 66, 78),
    (60, 6): (0, 60, 60, 60, 60, 60, 60, 60, 60, 60, 66, 78),
    (60, 60): (0, 60, 60, 60, 60, 60, 60, 60, 60, 60, 120, 120),
}
# One that divides a second into whole micro-credits, and one that does not.
PRICES_PER_MINUTE = (900_000, CREDIT)
FEE = 70_000


def blocks(initial: int, increment: int, **terms: Any) -> Any:
    """A rate per minute under the model that is named by its blocks."""
    sizes: dict[str, Any] = {"initial": initial, "increment": increment, "unit_size": 60}
    return rate(model=f"{initial}/{increment}", **sizes, **terms)


def test_v16_an_extend_states_a_total_and_never_adds(world: World) -> None:
    wallet = world.wallet(10 * CREDIT)
    wallet.reserve("call", amount_micros=2 * CREDIT)
    for _ in range(3):
        raised = wallet.extend("call", amount_micros=5 * CREDIT)
        assert (raised.decision, raised.balance.held_micros) == (GRANTED, 5 * CREDIT)
    lower = wallet.extend("call", amount_micros=3 * CREDIT)
    assert (lower.decision, lower.hold.granted_micros) == (GRANTED, 5 * CREDIT)


def test_v17_a_report_whose_answer_was_lost_is_made_up_for_by_the_next(world: World) -> None:
    wallet = world.wallet(100 * CREDIT, rates=[rate()])
    wallet.reserve("call", usage=usage(60))
    wallet.report("call", used_quantity=20)
    assert wallet.report("call", used_quantity=20).charged_micros == 0
    assert wallet.report("call", used_quantity=35).charged_micros == 15 * CREDIT
    assert wallet.commit("call", used_quantity=35).hold.charged_micros == 35 * CREDIT


def test_v18_a_lower_total_changes_nothing_and_is_told_what_stands(world: World) -> None:
    wallet = world.wallet(100 * CREDIT, rates=[rate()])
    wallet.reserve("call", usage=usage(60))
    wallet.report("call", used_quantity=30)
    before = wallet.balance().version
    for total in (29, 0, 30):
        told = wallet.report("call", used_quantity=total)
        assert (told.charged_micros, told.hold.used_quantity) == (0, 30)
        assert told.hold.charged_micros == 30 * CREDIT
    assert wallet.balance().version == before


def test_v19_a_denied_extend_charges_what_was_used_and_takes_nothing_away(world: World) -> None:
    wallet = world.wallet(10 * CREDIT, rates=[rate()])
    first = wallet.reserve("call", usage=usage(6), ttl=30).hold
    wallet.reserve("other", amount_micros=4 * CREDIT)
    denied = wallet.extend("call", quantity=9, used_quantity=3, ttl=300)
    assert (denied.decision, denied.charged_micros) == (HELD, 3 * CREDIT)
    assert denied.hold.expires_at == first.expires_at
    assert (denied.hold.state, denied.hold.granted_micros) == (OPEN, 6 * CREDIT)
    assert denied.balance.held_micros == (6 - 3 + 4) * CREDIT
    assert wallet.commit("call", used_quantity=6).charged_micros == 3 * CREDIT


def test_v20_an_extend_that_comes_after_its_quota_is_used_up_leaves_no_gap(world: World) -> None:
    wallet = world.wallet(100 * CREDIT, rates=[rate()])
    wallet.reserve("call", usage=usage(10))
    late = wallet.extend("call", quantity=20, used_quantity=12)
    assert (late.decision, late.charged_micros) == (GRANTED, 12 * CREDIT)
    assert (late.hold.granted_quantity, late.hold.held_micros) == (20, 8 * CREDIT)
    assert wallet.commit("call", used_quantity=20).hold.charged_micros == 20 * CREDIT


@pytest.mark.parametrize(
    ("policy", "charged", "uncollected"), [("CAP", 6, 2), ("DEBT", 8, 0), ("DENY", 3, 5)]
)
def test_v23_more_than_was_granted_never_comes_from_other_holds(
    world: World, policy: str, charged: int, uncollected: int
) -> None:
    number = account_pb2.OveragePolicy.Value(f"OVERAGE_POLICY_{policy}")
    wallet = world.wallet(10 * CREDIT, overage_policy=number)
    wallet.reserve("other", amount_micros=4 * CREDIT)
    wallet.reserve("call", amount_micros=3 * CREDIT)
    over = wallet.commit("call", used_micros=8 * CREDIT)
    assert (over.charged_micros, over.uncollected_micros) == (
        charged * CREDIT,
        uncollected * CREDIT,
    )
    assert over.balance.held_micros == 4 * CREDIT
    assert wallet.commit("other", used_micros=4 * CREDIT).charged_micros == 4 * CREDIT


def test_v24_any_split_costs_what_one_report_costs(world: World) -> None:
    random = Random(24)
    for price in PRICES_PER_MINUTE:
        rates = [blocks(*each, unit_price_micros=price) for each in BILLED]
        wallet = world.wallet(10_000 * CREDIT, rates=rates)
        for first, (initial, increment) in enumerate(BILLED):
            total = random.randint(1, 200)
            work = usage(1, model=f"{initial}/{increment}")
            totals = [random.randint(0, total) for _ in range(8)]
            whole, parts = f"whole-{first}", f"parts-{first}"
            answers = wallet.batch(
                wallet.to_reserve(whole, usage=work),
                wallet.to_commit(whole, used_quantity=total),
                wallet.to_reserve(parts, usage=work),
                *(wallet.to_commit(parts, used_quantity=n, keep_open=True) for n in totals),
                *(wallet.to_extend(parts, quantity=n + 9, used_quantity=n) for n in totals[:3]),
                wallet.to_commit(parts, used_quantity=total),
            )
            assert answers[-1].hold.state == answers[1].hold.state == COMMITTED
            assert answers[-1].hold.charged_micros == answers[1].charged_micros > 0


def test_v25_blocks_are_right_at_their_boundaries(world: World) -> None:
    for price in PRICES_PER_MINUTE:
        terms = {"unit_price_micros": price, "connection_fee_micros": FEE}
        wallet = world.wallet(10_000 * CREDIT, rates=[blocks(*each, **terms) for each in BILLED])
        for (initial, increment), billed in BILLED.items():
            requests: list[Any] = []
            for each in SECONDS:
                name, model = f"{initial}/{increment}/{each}", f"{initial}/{increment}"
                requests += [
                    wallet.to_reserve(name, usage=usage(1, model=model)),
                    wallet.to_commit(name, used_quantity=each),
                ]
            charged = [each.charged_micros for each in wallet.batch(*requests)[1::2]]
            assert charged == [-(-each * price // 60) + FEE if each else 0 for each in billed]


def test_v26_nothing_costs_nothing_and_what_cannot_be_is_refused(world: World) -> None:
    wallet = world.wallet(credits_(10), rates=[rate(connection_fee_micros=CREDIT)])
    wallet.reserve("call", usage=usage(5))
    assert wallet.report("call", used_quantity=0).charged_micros == 0
    before = wallet.balance().version
    for quantity in (-1, 10**18 + 1):
        with refused("INVALID_FIELD") as told:
            wallet.commit("call", used_quantity=quantity)
        assert told.value.code == grpc.StatusCode.INVALID_ARGUMENT
        assert told.value.fields == ("used_quantity",)
        with refused("INVALID_FIELD"):
            wallet.reserve("other", usage=usage(quantity))
    with refused("INVALID_FIELD"):
        wallet.reserve("other", usage=usage(0))
    with refused("OUT_OF_RANGE"):
        wallet.commit("call", used_quantity=10**18)
    assert wallet.balance().version == before
    assert wallet.commit("call", used_quantity=0).hold.charged_micros == 0
