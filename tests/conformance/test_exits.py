from __future__ import annotations

from collections.abc import Callable

from tests.conformance.waiting import together
from tests.conformance.wallet import (
    COMMITTED,
    CREDIT,
    EXPIRED,
    INSUFFICIENT,
    RELEASED,
    Wallet,
    rate,
    usage,
)
from tests.conformance.world import World, wait_until

# A second costs a credit, a connection two.
CALL = rate(connection_fee_micros=2 * CREDIT)
Exit = Callable[[Wallet, str], object]


def rang(cause: str) -> Exit:
    return lambda wallet, name: wallet.release(name, termination_cause=cause)


def talked(seconds: int, cause: str) -> Exit:
    return lambda wallet, name: wallet.commit(name, used_quantity=seconds, termination_cause=cause)


def reported(seconds: int) -> Exit:
    """The gateway reports once, and is not heard of again."""
    return lambda wallet, name: wallet.report(name, used_quantity=seconds)


def reported_then(seconds: int, end: Exit) -> Exit:
    def both(wallet: Wallet, name: str) -> None:
        wallet.report(name, used_quantity=seconds)
        end(wallet, name)

    return both


def vanished(_wallet: Wallet, _name: str) -> None:
    """Nothing more is heard of the call."""


def cut(wallet: Wallet, name: str) -> None:
    """The credits are used up: no more is granted, and the gateway ends the call."""
    more = wallet.extend(name, quantity=1_000_000, used_quantity=10)
    assert more.decision == INSUFFICIENT
    wallet.commit(name, used_quantity=10, termination_cause="credit")


# How a call can end, by what its gateway knows; the state it ends in; and what it costs.
EXITS: dict[str, tuple[Exit, int, int]] = {
    "no-route": (rang("no-route"), RELEASED, 0),
    "never-dialled": (rang("never-dialled"), RELEASED, 0),
    "cancel": (rang("cancel"), RELEASED, 0),
    "busy": (rang("busy"), RELEASED, 0),
    "request-timeout": (rang("request-timeout"), RELEASED, 0),
    "no-answer": (talked(0, "no-answer"), COMMITTED, 0),
    "hang-up": (talked(7, "hang-up"), COMMITTED, 9),
    "hang-up-after-reports": (reported_then(4, talked(7, "hang-up")), COMMITTED, 9),
    "released-after-reports": (reported_then(4, rang("lost")), RELEASED, 6),
    "credit": (cut, COMMITTED, 12),
    "sigterm": (talked(3, "sigterm"), COMMITTED, 5),
    "crash": (reported(4), EXPIRED, 6),
    "crash-while-ringing": (vanished, EXPIRED, 0),
}


@together
def test_v51_every_exit_gives_back_what_was_not_used(world: World) -> None:
    wallet = world.wallet(1_000 * CREDIT, rates=[CALL])
    for name, (end, state, _) in EXITS.items():
        wallet.reserve(name, usage=usage(10), ttl=1.5 if state == EXPIRED else 60)
        end(wallet, name)
    last = wallet.reserve("last", usage=usage(10), ttl=1.5).hold
    wait_until(last.expires_at, wallet)
    wallet.release("last")
    ended = {each.hold_id: each for each in wallet.holds()}
    for name, (_, state, charged) in EXITS.items():
        assert (ended[name].state, ended[name].held_micros) == (state, 0), name
        assert ended[name].charged_micros == charged * CREDIT, name
    assert wallet.balance().held_micros == 0
    assert wallet.account().open_holds == 0


def test_v52_causes_are_told_apart_afterwards(world: World) -> None:
    wallet = world.wallet(1_000 * CREDIT, rates=[CALL])
    causes = ("hang-up", "busy", "no-answer", "credit", "lifetime", "admin")
    for cause in causes:
        wallet.reserve(cause, usage=usage(10))
        if cause in {"busy", "no-answer"}:
            wallet.release(cause, termination_cause=cause)
        else:
            wallet.commit(cause, used_quantity=1, termination_cause=cause)
    assert {each.hold_id: each.termination_cause for each in wallet.holds()} == {
        cause: cause for cause in causes
    }
    # Who is first says why: what comes later ends nothing.
    wallet.release("credit", termination_cause="hang-up")
    assert wallet.hold("credit").termination_cause == "credit"


def test_v54_who_and_what_the_work_is_for_is_on_its_record(world: World) -> None:
    wallet = world.wallet(1_000 * CREDIT)
    attributes = {"agent": "sip:frankfurt", "call_id": "b2b-7", "user": "+4930", "topic": "sales"}
    labels = {"carrier": "blue"}
    wallet.reserve("call", amount_micros=CREDIT, attributes=attributes, labels=labels)
    wallet.charge("tool", amount_micros=CREDIT, attributes=attributes, labels=labels)
    wallet.commit("call", used_micros=CREDIT)
    for hold in (*wallet.holds(), wallet.hold("call"), wallet.hold("tool")):
        assert {each.name: text for each, text in hold.attributes.ListFields()} == attributes
        assert dict(hold.labels) == labels
