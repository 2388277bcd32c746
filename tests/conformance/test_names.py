from __future__ import annotations

import grpc
import pytest

from creditgate.v1 import account_service_pb2 as accounts
from creditgate.v1 import authorization_service_pb2 as pb
from tests.conformance.caller import Refusal, at_once, refused
from tests.conformance.wallet import (
    COMMITTED,
    CREDIT,
    GRANTED,
    OPEN,
    RELEASED,
    rate,
    usage,
)
from tests.conformance.world import World


def test_v43_one_name_has_one_effect_however_often_it_is_sent(world: World) -> None:
    wallet = world.wallet(100 * CREDIT)
    callers = [world.another_caller() for _ in range(3)]
    reserves = at_once([wallet.to_reserve("call", amount_micros=CREDIT)] * 30, *callers)
    assert [each.decision for each in reserves] == [GRANTED] * 30
    assert sum(not each.replayed for each in reserves) == 1
    assert len({each.hold.SerializeToString(deterministic=True) for each in reserves}) == 1
    charges = at_once([wallet.to_charge("tool", amount_micros=CREDIT)] * 30, *callers)
    assert sum(not each.replayed for each in charges) == 1
    refund = accounts.RefundRequest(
        account_id=wallet.account_id, refund_id="back", hold_id="tool", amount_micros=CREDIT // 2
    )
    refunds = at_once([refund] * 30, *callers)
    assert {each.hold.refunded_micros for each in refunds} == {CREDIT // 2}
    balance = wallet.balance()
    assert (balance.held_micros, balance.settled_micros) == (CREDIT, 99 * CREDIT + CREDIT // 2)


def test_v43_a_name_with_another_body_is_refused_and_changes_nothing(world: World) -> None:
    wallet = world.wallet(100 * CREDIT, rates=[rate()])
    wallet.reserve("call", amount_micros=CREDIT, labels={"team": "blue"})
    wallet.charge("tool", amount_micros=CREDIT)
    before = wallet.balance().version
    others = [
        wallet.to_reserve("call", amount_micros=2 * CREDIT, labels={"team": "blue"}),
        wallet.to_reserve("call", amount_micros=CREDIT, labels={"team": "red"}),
        wallet.to_reserve("call", usage=usage(1), labels={"team": "blue"}),
        wallet.to_charge("call", amount_micros=CREDIT),
        wallet.to_reserve("tool", amount_micros=CREDIT),
        wallet.to_charge("tool", amount_micros=CREDIT, minimum_micros=1),
    ]
    for answer in at_once(others, world.caller):
        assert (answer.code, answer.reason) == (grpc.StatusCode.ALREADY_EXISTS, "NAME_REUSED")
    assert wallet.balance().version == before


def test_v44_a_refusal_is_repeated_as_a_refusal(world: World) -> None:
    wallet = world.wallet(100 * CREDIT)
    wallet.reserve("call", amount_micros=CREDIT)
    wallet.commit("call", used_micros=CREDIT)
    for _ in range(3):
        with refused("HOLD_COMMITTED"):
            wallet.commit("call", used_micros=2 * CREDIT)
        with refused("HOLD_COMMITTED"):
            wallet.extend("call", amount_micros=2 * CREDIT)
        with refused("NAME_REUSED"):
            wallet.reserve("call", amount_micros=3 * CREDIT)
        with refused("UNPRICED"):
            wallet.reserve("other", usage=usage(1))
        with refused("ACCOUNT_NOT_FOUND"):
            wallet.caller.ask(accounts.GetAccountRequest(account_id=f"{wallet.account_id}/none"))


def test_v45_a_release_that_overtakes_its_reserve_wins(world: World) -> None:
    wallet = world.wallet(10 * CREDIT)
    assert wallet.release("call", termination_cause="cancel").hold.state == RELEASED
    for _ in range(2):
        with refused("HOLD_RELEASED"):
            wallet.reserve("call", amount_micros=CREDIT)
    assert wallet.hold("call").state == RELEASED
    assert wallet.balance().available_micros == 10 * CREDIT


def test_v46_what_nobody_reserved_is_not_made_by_reporting_it(world: World) -> None:
    wallet = world.wallet(10 * CREDIT)
    with refused("HOLD_NOT_FOUND") as told:
        wallet.extend("call", amount_micros=CREDIT)
    assert told.value.code == grpc.StatusCode.NOT_FOUND
    with refused("HOLD_NOT_FOUND"):
        wallet.commit("call", used_micros=CREDIT)
    with refused("HOLD_NOT_FOUND"):
        wallet.refund("back", "call", CREDIT)
    assert wallet.holds() == []


def test_v47_ending_again_answers_how_it_ended(world: World) -> None:
    wallet = world.wallet(10 * CREDIT)
    for name in ("committed", "released"):
        wallet.reserve(name, amount_micros=2 * CREDIT)
    wallet.commit("committed", used_micros=CREDIT)
    wallet.release("released")
    before = wallet.balance().version
    for _ in range(2):
        ended = wallet.release("committed").hold
        assert (ended.state, ended.charged_micros) == (COMMITTED, CREDIT)
        assert wallet.release("released").hold.state == RELEASED
        assert wallet.commit("committed", used_micros=CREDIT).charged_micros == 0
    assert wallet.balance().version == before


def test_v48_after_a_lost_answer_the_name_tells_what_is_true(world: World) -> None:
    wallet = world.wallet(100 * CREDIT)
    for number in range(30):
        name = f"call-{number}"
        wallet.caller.send(wallet.to_reserve(name, amount_micros=CREDIT)).cancel()
        asked = pb.GetHoldRequest(account_id=wallet.account_id, hold_id=name)
        (told,) = at_once([asked], wallet.caller)
        if isinstance(told, Refusal):
            assert told.reason == "HOLD_NOT_FOUND"
        else:
            assert told.hold.state == OPEN
    # The same request again is right in either case.
    for number in range(30):
        assert wallet.reserve(f"call-{number}", amount_micros=CREDIT).decision == GRANTED
    assert wallet.balance().held_micros == 30 * CREDIT


def test_v49_a_request_that_comes_again_does_not_begin_again(world: World) -> None:
    wallet = world.wallet(100 * CREDIT, rates=[rate()])
    first = wallet.reserve("call", usage=usage(10), ttl=30)
    wallet.extend("call", quantity=20, used_quantity=8, ttl=60)
    standing = wallet.hold("call")
    again = wallet.reserve("call", usage=usage(10), ttl=30)
    assert again.replayed
    assert again.hold == standing
    assert again.hold.created_at == first.hold.created_at
    assert (again.hold.used_quantity, again.balance.held_micros) == (8, 12 * CREDIT)


def test_v50_the_same_names_of_two_tenants_never_meet(world: World) -> None:
    if not world.service.other_key:
        pytest.skip("needs --other-api-key, of another tenant")
    other = world.another_caller(key=world.service.other_key)
    mine = world.wallet(10 * CREDIT)
    mine.reserve("call", amount_micros=CREDIT)
    with refused("ACCOUNT_NOT_FOUND"):
        mine.by(other).hold("call")
    theirs = world.wallet(20 * CREDIT, account_id=mine.account_id, caller=other)
    with refused("HOLD_NOT_FOUND"):
        theirs.hold("call")
    answer = theirs.reserve("call", amount_micros=5 * CREDIT)
    assert (answer.decision, answer.replayed) == (GRANTED, False)
    assert theirs.release("call").hold.state == RELEASED
    assert mine.hold("call").state == OPEN
    assert mine.balance().held_micros == CREDIT
