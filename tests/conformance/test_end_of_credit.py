from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc

from creditgate.v1 import account_pb2, event_pb2
from creditgate.v1 import account_service_pb2 as accounts
from creditgate.v1 import event_service_pb2 as events
from tests.conformance.caller import refused
from tests.conformance.waiting import together
from tests.conformance.wallet import (
    CREDIT,
    GRANTED,
    INACTIVE,
    INSUFFICIENT,
    OPEN,
    Wallet,
    rate,
    seconds,
    usage,
)
from tests.conformance.world import World

LOW = event_pb2.EVENT_KIND_BALANCE_LOW
RESUMED = event_pb2.EVENT_KIND_CREDITS_RESUMED


@contextmanager
def watching(wallet: Wallet, **fields: Any) -> Iterator[Callable[..., Any]]:
    """Watch an account; the function answers the next message that has what is asked for."""
    request = events.WatchAccountRequest(account_id=wallet.account_id, **fields)
    call = wallet.caller.watch(request)

    def until(has: Callable[[Any], Any]) -> Any:
        return next(each for each in call if has(each))

    try:
        until(lambda it: it.HasField("state"))
        yield until
    finally:
        call.cancel()


def test_v27_a_low_balance_is_told_once_each_time_it_comes(world: World) -> None:
    low = [account_pb2.Threshold(amount_micros=3 * CREDIT)]
    wallet = world.wallet(10 * CREDIT)
    wallet.update(thresholds=accounts.ThresholdChange(thresholds=low))
    for number in range(10):
        wallet.charge(f"c-{number}", amount_micros=CREDIT)
    assert [each.balance.settled_micros for each in wallet.events(LOW)] == [3 * CREDIT]
    wallet.grant("more", 5 * CREDIT)
    wallet.charge("again", amount_micros=2 * CREDIT)
    assert [each.balance_low.threshold_micros for each in wallet.events(LOW)] == [3 * CREDIT] * 2


@together
def test_v27_the_end_of_a_hold_is_told_once_and_in_time(world: World) -> None:
    wallet = world.wallet(10 * CREDIT)
    with watching(wallet, warn_before=seconds(4)) as until:
        begun = time.monotonic()
        hold = wallet.reserve("call", amount_micros=CREDIT, ttl=6).hold
        warned = until(lambda it: it.HasField("hold_must_end")).hold_must_end
        assert 1.9 < time.monotonic() - begun < 6
        assert (warned.hold_id, warned.ends_at) == ("call", hold.expires_at)
        # The next warning is of the next end: the first was told once.
        longer = wallet.extend("call", ttl=7).hold
        again = until(lambda it: it.HasField("hold_must_end")).hold_must_end
        assert (again.ends_at, longer.state) == (longer.expires_at, OPEN)


@together
def test_v29_new_credits_are_told_and_the_work_goes_on(world: World) -> None:
    wallet = world.wallet(5 * CREDIT, rates=[rate()])
    with watching(wallet) as until:
        wallet.reserve("call", usage=usage(5))
        denied = wallet.extend("call", quantity=10, used_quantity=5)
        assert (denied.decision, denied.charged_micros) == (INSUFFICIENT, 5 * CREDIT)
        until(lambda it: it.event.kind == event_pb2.EVENT_KIND_CREDITS_EXHAUSTED)
        wallet.grant("top-up", 5 * CREDIT)
        assert until(lambda it: it.event.kind == RESUMED).event.balance.settled_micros == 5 * CREDIT
        state = until(lambda it: it.state.balance.available_micros > 0).state
        assert state.open_holds == 1
    resumed = wallet.extend("call", quantity=10, used_quantity=5)
    assert (resumed.decision, resumed.hold.held_micros) == (GRANTED, 5 * CREDIT)
    assert wallet.commit("call", used_quantity=10).hold.charged_micros == 10 * CREDIT


def test_v30_what_brings_no_credits_resumes_nothing(world: World) -> None:
    debt = account_pb2.OVERAGE_POLICY_DEBT
    wallet = world.wallet(5 * CREDIT, overage_policy=debt)
    resumed = len(wallet.events(RESUMED))
    wallet.reserve("call", amount_micros=5 * CREDIT)
    wallet.report("call", used_micros=8 * CREDIT)
    with refused("INVALID_FIELD"):
        wallet.grant("nothing", 0)
    assert wallet.account().debt_micros == 3 * CREDIT
    wallet.grant("debt-paid", 3 * CREDIT)
    assert wallet.account().debt_micros == 0
    wallet.grant("unpaid", 3 * CREDIT, unpaid=True)
    assert wallet.extend("call", amount_micros=9 * CREDIT).decision == INSUFFICIENT
    assert len(wallet.events(RESUMED)) == resumed
    wallet.caller.ask(accounts.ConfirmGrantRequest(account_id=wallet.account_id, grant_id="unpaid"))
    assert len(wallet.events(RESUMED)) == resumed + 1
    assert wallet.extend("call", amount_micros=9 * CREDIT).decision == GRANTED


@together
def test_v31_a_suspension_is_told_and_ends_what_may_be_begun(world: World) -> None:
    wallet = world.wallet(10 * CREDIT, rates=[rate()])
    with watching(wallet) as until:
        wallet.reserve("call", usage=usage(5))
        wallet.update(status=account_pb2.ACCOUNT_STATUS_SUSPENDED)
        state = until(lambda it: it.state.status == account_pb2.ACCOUNT_STATUS_SUSPENDED).state
        assert state.open_holds == 1
    denied = wallet.extend("call", quantity=8, used_quantity=3)
    assert (denied.decision, denied.charged_micros) == (INACTIVE, 3 * CREDIT)
    assert wallet.reserve("next", usage=usage(1)).decision == INACTIVE
    assert wallet.charge("next", usage=usage(1)).decision == INACTIVE
    assert wallet.commit("call", used_quantity=5).charged_micros == 2 * CREDIT
    wallet.update(status=account_pb2.ACCOUNT_STATUS_CLOSED)
    with refused("ACCOUNT_CLOSED") as told:
        wallet.grant("too-late", CREDIT)
    assert told.value.code == grpc.StatusCode.FAILED_PRECONDITION
