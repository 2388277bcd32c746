"""Legs of a call: one ends and the next begins in one step."""

from __future__ import annotations

from typing import Any

from creditgate.v1 import authorization_service_pb2 as pb
from tests.conformance.caller import at_once, refused
from tests.conformance.wallet import (
    COMMITTED,
    CREDIT,
    GRANTED,
    INSUFFICIENT,
    OPEN,
    rate,
    usage,
)
from tests.conformance.world import World

# A minute that is begun is charged whole.
MINUTES = rate(initial=60, increment=60)


def replaced(name: str, **fields: Any) -> pb.ReplacedHold:
    return pb.ReplacedHold(hold_id=name, termination_cause="transfer", **fields)


def test_v53_a_transfer_ends_one_leg_and_begins_the_next_in_one_step(world: World) -> None:
    wallet = world.wallet(120 * CREDIT, rates=[MINUTES])
    wallet.reserve("leg-1", usage=usage(100))
    # Only what the first leg gives back pays for the second; each leg is rounded for itself.
    second = wallet.to_reserve(
        "leg-2", usage=usage(30), replaces=replaced("leg-1", used_quantity=20)
    )
    first, again = at_once([second, second], world.caller, world.another_caller())
    for answer in (first, again):
        assert answer.decision == GRANTED
        assert (answer.hold.granted_micros, answer.hold.state) == (60 * CREDIT, OPEN)
        ended = answer.replaced.hold
        assert (ended.state, ended.charged_micros) == (COMMITTED, 60 * CREDIT)
        assert ended.termination_cause == "transfer"
    assert first.replaced.charged_micros + again.replaced.charged_micros == 60 * CREDIT
    assert wallet.balance().available_micros == 0
    assert wallet.commit("leg-2", used_quantity=10).hold.charged_micros == 60 * CREDIT


def test_v53_a_transfer_of_nothing_changes_nothing(world: World) -> None:
    wallet = world.wallet(100 * CREDIT, rates=[MINUTES])
    with refused("HOLD_NOT_FOUND"):
        wallet.reserve("leg-2", usage=usage(30), replaces=replaced("leg-1", used_quantity=20))
    with refused("HOLD_NOT_FOUND"):
        wallet.hold("leg-2")
    wallet.reserve("leg-1", usage=usage(60))
    wallet.release("leg-1")
    with refused("HOLD_RELEASED"):
        wallet.reserve("leg-2", usage=usage(30), replaces=replaced("leg-1", used_quantity=20))
    assert wallet.balance().held_micros == 0


def test_v53_a_transfer_that_is_denied_still_ends_its_leg(world: World) -> None:
    wallet = world.wallet(100 * CREDIT, rates=[MINUTES])
    wallet.reserve("leg-1", usage=usage(60))
    denied = wallet.reserve("leg-2", usage=usage(600), replaces=replaced("leg-1", used_quantity=20))
    assert (denied.decision, denied.replaced.charged_micros) == (INSUFFICIENT, 60 * CREDIT)
    assert wallet.hold("leg-1").state == COMMITTED
    assert (denied.balance.held_micros, denied.balance.settled_micros) == (0, 40 * CREDIT)
