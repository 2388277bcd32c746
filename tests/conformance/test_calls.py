"""Calls: what a gateway is told with each answer, and has to get along with when there is none."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from creditgate.v1 import account_pb2, hold_pb2
from creditgate.v1 import authorization_service_pb2 as pb
from tests.conformance.wallet import (
    CREDIT,
    GRANTED,
    INACTIVE,
    INSUFFICIENT,
    PARTIAL,
    Wallet,
    rate,
    seconds,
    usage,
)
from tests.conformance.world import World

TERMINATE = account_pb2.FAILURE_HANDLING_TERMINATE
CONTINUE = account_pb2.FAILURE_HANDLING_CONTINUE
WITHIN_ALLOWANCE = account_pb2.FAILURE_HANDLING_CONTINUE_WITHIN_ALLOWANCE


def caller_of(world: World, micros: int, **terms: Any) -> Wallet:
    """An account whose calls cost a credit a second and run by these terms."""
    timed = {"max_duration", "renew_before", "warn_before", "offline_allowance"}
    given: dict[str, Any] = {
        name: seconds(it) if name in timed else it for name, it in terms.items()
    }
    return world.wallet(micros, rates=[rate()], plan={"call_terms": account_pb2.CallTerms(**given)})


def leg(gateway_id: str = "frankfurt", epoch: int = 1) -> hold_pb2.Call:
    return hold_pb2.Call(gateway_id=gateway_id, gateway_epoch=epoch)


def left_seconds(answer: Any) -> float:
    """How long the call may go on from now, by its quota."""
    until, now = answer.quota.funded_until, answer.balance.as_of
    return float(until.ToNanoseconds() - now.ToNanoseconds()) / 1e9


def test_v03_a_grant_carries_all_that_a_gateway_needs_to_end_a_call(world: World) -> None:
    wallet = caller_of(world, 1_000 * CREDIT, offline_allowance=120, renew_before=15)
    answer = wallet.reserve("call", usage=usage(60), call=leg())
    quota = answer.quota
    assert (quota.granted_quantity, left_seconds(answer)) == (60, 60)
    assert (quota.renew_before, quota.warn_before) == (seconds(15), seconds(30))
    assert (quota.on_reserve_failure, quota.on_extend_failure) == (TERMINATE, WITHIN_ALLOWANCE)
    assert quota.offline_allowance == seconds(120)
    assert not quota.HasField("final")
    renewed = wallet.extend("call", quantity=120, used_quantity=45)
    assert (renewed.quota.granted_quantity, left_seconds(renewed)) == (120, 75)
    assert renewed.hold.call == leg()


def test_v04_what_is_granted_in_part_is_the_last(world: World) -> None:
    wallet = caller_of(world, 10 * CREDIT)
    some = wallet.reserve("call", usage=usage(60), minimum_micros=5 * CREDIT, call=leg())
    assert (some.decision, some.quota.granted_quantity) == (PARTIAL, 10)
    assert some.quota.final.reason == pb.FINAL_REASON_CREDITS
    none = wallet.reserve("next", usage=usage(60), call=leg())
    assert (none.decision, none.quota.granted_quantity) == (INSUFFICIENT, 0)
    assert left_seconds(none) == 0


def test_v10_a_call_has_a_longest_duration_however_often_it_is_renewed(world: World) -> None:
    wallet = caller_of(world, 1_000 * CREDIT, max_duration=90)
    first = wallet.reserve("call", usage=usage(60), call=leg())
    assert not first.quota.HasField("final")
    for used in (50, 70, 90):
        last = wallet.extend("call", quantity=used + 60, used_quantity=used)
        assert (last.decision, last.quota.granted_quantity) == (GRANTED, 90)
        assert last.quota.final.reason == pb.FINAL_REASON_MAX_DURATION
        assert left_seconds(last) == 90 - used
    assert wallet.commit("call", used_quantity=93).hold.charged_micros == 93 * CREDIT
    at_once = wallet.reserve("longer", usage=usage(600), call=leg())
    assert (at_once.decision, at_once.quota.granted_quantity) == (GRANTED, 90)
    assert at_once.asked_micros == 90 * CREDIT


def test_v19_a_denied_extend_of_a_call_says_that_it_was_the_last(world: World) -> None:
    wallet = caller_of(world, 10 * CREDIT)
    wallet.reserve("call", usage=usage(6), call=leg())
    denied = wallet.extend("call", quantity=60, used_quantity=4)
    assert (denied.decision, denied.charged_micros) == (INSUFFICIENT, 4 * CREDIT)
    assert (denied.quota.granted_quantity, left_seconds(denied)) == (6, 2)
    assert denied.quota.final.action == account_pb2.FINAL_ACTION_TERMINATE


@pytest.mark.parametrize("slice_", [1, 2, 8, 19, 60])
def test_v21_renewals_are_not_asked_for_at_once(world: World, slice_: int) -> None:
    wallet = caller_of(world, 1_000 * CREDIT, renew_before=30)
    answers: list[Any] = [wallet.reserve("call", usage=usage(slice_), call=leg())]
    answers += [wallet.extend("call", quantity=2 * slice_, used_quantity=slice_ - 1)]
    for answer in answers:
        before = answer.quota.renew_before.ToNanoseconds() / 1e9
        assert before <= left_seconds(answer) / 2
        assert before == 30 or slice_ < 60


ACTIONS = {
    account_pb2.FINAL_ACTION_TERMINATE: "",
    account_pb2.FINAL_ACTION_REDIRECT: "sip:top-up@example.com",
    account_pb2.FINAL_ACTION_RESTRICT: "",
}


@pytest.mark.parametrize("action", ACTIONS)
def test_v28_the_last_grant_says_what_becomes_of_the_call(world: World, action: int) -> None:
    target = ACTIONS[account_pb2.FinalAction.ValueType(action)]
    wallet = caller_of(world, 5 * CREDIT, final_action=action, redirect_target=target)
    some = wallet.reserve("call", usage=usage(60), minimum_micros=1, call=leg())
    # Zero more, and none at all.
    denied = wallet.extend("call", quantity=60, used_quantity=5)
    never = wallet.reserve("next", usage=usage(60), call=leg())
    for answer, granted in ((some, 5), (denied, 5), (never, 0)):
        final = answer.quota.final
        assert (final.action, final.redirect_target) == (action, target)
        assert (final.reason, answer.quota.granted_quantity) == (pb.FINAL_REASON_CREDITS, granted)
    assert left_seconds(denied) == left_seconds(never) == 0


def test_v29_a_top_up_lifts_the_end(world: World) -> None:
    wallet = caller_of(world, 5 * CREDIT)
    assert wallet.reserve("call", usage=usage(5), call=leg()).quota.HasField("final")
    assert wallet.extend("call", quantity=10, used_quantity=5).quota.HasField("final")
    wallet.grant("top-up", 100 * CREDIT)
    more = wallet.extend("call", quantity=10, used_quantity=5)
    assert (more.decision, more.quota.granted_quantity) == (GRANTED, 10)
    assert not more.quota.HasField("final")


def test_v30_a_top_up_of_less_than_a_second_lifts_nothing(world: World) -> None:
    wallet = caller_of(world, 5 * CREDIT)
    wallet.reserve("call", usage=usage(4), call=leg())
    wallet.extend("call", quantity=5, used_quantity=4)
    wallet.grant("half", CREDIT // 2)
    # In turn: nothing more is asked for, too much is, and whatever there is.
    for quantity, minimum in ((5, 0), (10, 0), (10, 1)):
        last = wallet.extend("call", quantity=quantity, used_quantity=5, minimum_micros=minimum)
        assert (last.quota.granted_quantity, left_seconds(last)) == (5, 0)
        assert last.quota.final.reason == pb.FINAL_REASON_CREDITS


def test_v31_a_suspended_account_ends_its_calls(world: World) -> None:
    wallet = caller_of(world, 100 * CREDIT, offline_allowance=60)
    wallet.reserve("call", usage=usage(20), call=leg())
    wallet.update(status=account_pb2.ACCOUNT_STATUS_SUSPENDED)
    denied = wallet.extend("call", quantity=40, used_quantity=5)
    assert denied.decision == INACTIVE
    assert denied.quota.final.reason == pb.FINAL_REASON_ACCOUNT_INACTIVE
    assert (left_seconds(denied), denied.quota.offline_allowance) == (15, seconds(0))


@pytest.mark.parametrize(
    ("reserve", "extend"), list(product((TERMINATE, CONTINUE, WITHIN_ALLOWANCE), repeat=2))
)
def test_v38_what_to_do_when_the_service_is_away_comes_with_each_answer(
    world: World, reserve: int, extend: int
) -> None:
    wallet = caller_of(
        world,
        20 * CREDIT,
        on_reserve_failure=reserve,
        on_extend_failure=extend,
        offline_allowance=45,
    )
    granted = wallet.reserve("call", usage=usage(5), call=leg())
    raised = wallet.extend("call", quantity=8, used_quantity=5)
    denied = wallet.reserve("other", usage=usage(600), call=leg())
    for answer in (granted, raised, denied):
        quota = answer.quota
        assert (quota.on_reserve_failure, quota.on_extend_failure) == (reserve, extend)
    assert granted.quota.offline_allowance == seconds(45)
    assert denied.quota.offline_allowance == seconds(0)


def test_c16_work_begins_without_the_service_only_where_a_plan_allows_it(world: World) -> None:
    usual = caller_of(world, 10 * CREDIT).reserve("call", usage=usage(1), call=leg()).quota
    assert (usual.on_reserve_failure, usual.offline_allowance) == (TERMINATE, seconds(0))
    open_ = caller_of(world, 10 * CREDIT, on_reserve_failure=WITHIN_ALLOWANCE, offline_allowance=30)
    quota = open_.reserve("call", usage=usage(1), call=leg()).quota
    assert (quota.on_reserve_failure, quota.offline_allowance) == (WITHIN_ALLOWANCE, seconds(30))
