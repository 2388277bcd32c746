from __future__ import annotations

import pytest
from google.protobuf.descriptor import Descriptor

from creditgate.v1 import authorization_service_pb2 as pb
from tests.conformance.wallet import COMMITTED, CREDIT, rate, usage
from tests.conformance.world import World

HOT = (pb.ReserveRequest, pb.ExtendRequest, pb.CommitRequest, pb.ReleaseRequest, pb.ChargeRequest)


def test_v11_a_call_that_only_rang_costs_nothing(world: World) -> None:
    wallet = world.wallet(10 * CREDIT, rates=[rate(connection_fee_micros=CREDIT, initial=5)])
    assert wallet.reserve("call", usage=usage(5)).hold.granted_micros == 6 * CREDIT
    answer = wallet.commit("call", used_quantity=0, termination_cause="no-answer")
    assert (answer.charged_micros, answer.hold.state) == (0, COMMITTED)
    assert (answer.balance.held_micros, answer.balance.settled_micros) == (0, 10 * CREDIT)


def test_v12_no_clock_counts_but_the_services_own(world: World) -> None:
    for request in HOT:
        assert "google.protobuf.Timestamp" not in set(_types(request.DESCRIPTOR))
    wallet = world.wallet(10 * CREDIT)
    before = wallet.balance().as_of.ToNanoseconds()
    hold = wallet.reserve("call", amount_micros=CREDIT, ttl=7.5).hold
    created, expires = hold.created_at.ToNanoseconds(), hold.expires_at.ToNanoseconds()
    assert before <= created <= wallet.balance().as_of.ToNanoseconds()
    assert expires - created == 7_500_000_000


def _types(message: Descriptor) -> list[str]:
    """The types of a message's fields, and of theirs."""
    inner = [each.message_type for each in message.fields if each.message_type]
    return [each.full_name for each in inner] + [name for each in inner for name in _types(each)]


def test_v13_seconds_that_are_not_reported_cost_nothing(world: World) -> None:
    wallet = world.wallet(1_000 * CREDIT, rates=[rate(increment=6)])
    wallet.reserve("call", usage=usage(30))
    assert wallet.extend("call", quantity=60, used_quantity=20).charged_micros == 24 * CREDIT
    # On hold: renewals go on, the count of seconds stands still, and some of it is sent twice.
    for _ in range(3):
        renewed = wallet.extend("call", quantity=60, used_quantity=20)
        assert (renewed.charged_micros, renewed.hold.granted_micros) == (0, 60 * CREDIT)
    assert wallet.commit("call", used_quantity=25).charged_micros == 6 * CREDIT


@pytest.mark.parametrize("dearer", [2, 100])
def test_v15_a_price_is_kept_as_it_was_at_the_beginning(world: World, dearer: int) -> None:
    wallet = world.wallet(1_000 * CREDIT, rates=[rate()])
    wallet.reserve("before", usage=usage(10))
    world.put_plan(wallet, 2, rates=[rate(unit_price_micros=dearer * CREDIT)])
    raised = wallet.extend("before", quantity=50, used_quantity=10)
    assert (raised.charged_micros, raised.hold.granted_micros) == (10 * CREDIT, 50 * CREDIT)
    assert raised.hold.rate.unit_price_micros == CREDIT
    assert wallet.commit("before", used_quantity=40).hold.charged_micros == 40 * CREDIT
    after = wallet.charge("after", usage=usage(3))
    assert after.hold.charged_micros == 3 * dearer * CREDIT
