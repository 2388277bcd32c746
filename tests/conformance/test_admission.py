from __future__ import annotations

from collections import Counter

import grpc

from creditgate.v1 import account_pb2
from tests.conformance.caller import at_once, refused
from tests.conformance.wallet import (
    CREDIT,
    GRANTED,
    HELD,
    INSUFFICIENT,
    LIMIT,
    OPEN,
    PARTIAL,
    rate,
    usage,
)
from tests.conformance.world import World, credits_

# A minute costs a credit and is charged whole at first; a connection costs 0.05.
MINUTE = rate(unit_size=60, initial=60, connection_fee_micros=50_000)


def test_v01_reserves_at_once_get_what_there_is_and_not_one_more(world: World) -> None:
    wallet = world.wallet(10 * CREDIT)
    callers = [world.another_caller() for _ in range(4)]
    answers = at_once(
        (wallet.to_reserve(f"h-{n}", amount_micros=CREDIT) for n in range(200)), *callers
    )
    assert Counter(each.decision for each in answers) == {GRANTED: 10, HELD: 190}
    assert min(each.balance.available_micros for each in answers) == 0
    assert wallet.balance().held_micros == 10 * CREDIT


def test_v02_the_fee_and_the_first_block_have_to_be_there(world: World) -> None:
    wallet = world.wallet(credits_(0.25), rates=[MINUTE])
    denied = wallet.reserve("call", usage=usage(15))
    assert (denied.decision, denied.asked_micros) == (INSUFFICIENT, credits_(1.05))
    assert denied.shortfall_micros == credits_(0.8)
    assert denied.balance.held_micros == 0
    wallet.grant("rest", credits_(0.8))
    granted = wallet.reserve("call", usage=usage(15))
    assert (granted.decision, granted.hold.granted_micros) == (GRANTED, credits_(1.05))
    assert granted.hold.granted_quantity == 60


def test_v04_less_than_was_asked_is_granted_only_to_who_takes_it(world: World) -> None:
    wallet = world.wallet(10 * CREDIT)
    assert wallet.reserve("all", amount_micros=30 * CREDIT).decision == INSUFFICIENT
    too_little = wallet.reserve("most", amount_micros=30 * CREDIT, minimum_micros=11 * CREDIT)
    assert (too_little.decision, too_little.shortfall_micros) == (INSUFFICIENT, CREDIT)
    assert too_little.balance.held_micros == 0
    some = wallet.reserve("some", amount_micros=30 * CREDIT, minimum_micros=5 * CREDIT)
    assert (some.decision, some.hold.granted_micros) == (PARTIAL, 10 * CREDIT)
    assert some.shortfall_micros == 20 * CREDIT


def test_v05_too_few_credits_are_told_from_credits_that_others_hold(world: World) -> None:
    wallet = world.wallet(10 * CREDIT)
    wallet.reserve("other", amount_micros=8 * CREDIT, ttl=50)
    held = wallet.reserve("call", amount_micros=5 * CREDIT)
    assert (held.decision, held.shortfall_micros) == (HELD, 3 * CREDIT)
    assert 40 < held.retry_after.ToNanoseconds() / 1e9 <= 50
    assert (held.balance.available_micros, held.balance.held_micros) == (2 * CREDIT, 8 * CREDIT)
    never = wallet.reserve("call", amount_micros=11 * CREDIT)
    assert never.decision == INSUFFICIENT
    assert not never.HasField("retry_after")


def test_v06_credits_and_a_place_come_together_or_not_at_all(world: World) -> None:
    calls = account_pb2.Budget(
        budget_id="calls", attribute="call_id", together=True, open_holds_max=1
    )
    wallet = world.wallet(10 * CREDIT, plan={"budgets": [calls]})

    def call(name: str, amount: int) -> int:
        attributes = {"call_id": name}
        answer = wallet.reserve(name, amount_micros=amount, attributes=attributes)
        if answer.decision == LIMIT:
            assert answer.limit == "budget/calls"
        return int(answer.decision)

    assert call("too-dear", 11 * CREDIT) == INSUFFICIENT
    assert wallet.counters() == []
    assert call("first", CREDIT) == GRANTED
    assert call("second", CREDIT) == LIMIT
    assert wallet.balance().held_micros == CREDIT
    assert [each.open_holds for each in wallet.counters()] == [1]
    wallet.release("first")
    assert call("second", CREDIT) == GRANTED


def test_v07_what_is_free_needs_no_credits(world: World) -> None:
    wallet = world.wallet(rates=[rate(unit_price_micros=0)])
    granted = wallet.reserve("call", usage=usage(60))
    assert (granted.decision, granted.hold.granted_micros) == (GRANTED, 0)
    assert wallet.commit("call", used_quantity=3_600).charged_micros == 0
    assert wallet.release("call").balance.settled_micros == 0


def test_v08_what_has_no_price_is_refused_and_never_free(world: World) -> None:
    wallet = world.wallet(10 * CREDIT, rates=[rate("voice.call", "de")])
    for unpriced in (usage(1, model="fr"), usage(1, model=""), usage(1, meter="chat.message")):
        with refused("UNPRICED") as told:
            wallet.reserve("call", usage=unpriced)
        assert told.value.code == grpc.StatusCode.FAILED_PRECONDITION
        with refused("UNPRICED"):
            wallet.charge("call", usage=unpriced)
        with refused("UNPRICED"):
            wallet.quote(usage=unpriced)
    with refused("INVALID_FIELD") as told:
        wallet.reserve("call", usage=usage(1, meter=""))
    assert told.value.fields == ("usage.meter",)
    assert wallet.holds() == []
    assert wallet.reserve("call", usage=usage(1, model="de")).decision == GRANTED


def test_v09_a_denial_leaves_nothing_and_its_name_is_judged_afresh(world: World) -> None:
    wallet = world.wallet(CREDIT)
    before = wallet.balance().version
    for _ in range(3):
        assert wallet.reserve("call", amount_micros=2 * CREDIT).decision == INSUFFICIENT
    assert wallet.balance().version == before
    with refused("HOLD_NOT_FOUND"):
        wallet.hold("call")
    wallet.grant("more", CREDIT)
    granted = wallet.reserve("call", amount_micros=2 * CREDIT)
    assert (granted.decision, granted.replayed) == (GRANTED, False)
    assert wallet.hold("call").state == OPEN
