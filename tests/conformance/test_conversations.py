"""Conversations: what their messages cost, whoever sends them and however often."""

from __future__ import annotations

from typing import Any

import grpc

from creditgate.v1 import conversation_pb2
from creditgate.v1 import conversation_service_pb2 as pb
from tests.conformance.caller import at_once, refused
from tests.conformance.wallet import CREDIT, GRANTED, INSUFFICIENT, Wallet, rate
from tests.conformance.world import World

OPEN = conversation_pb2.CONVERSATION_STATE_OPEN
ENDED = conversation_pb2.CONVERSATION_STATE_ENDED
HANDED_OFF = conversation_pb2.CONVERSATION_ENDING_HANDED_OFF
# A conversation costs 5 credits, a message 1.
RATES = (
    rate("chat.conversation", unit_price_micros=5 * CREDIT),
    rate("chat.message", unit_price_micros=CREDIT),
)


def chatting(world: World, micros: int, pricing: str = "BOTH") -> Wallet:
    number = conversation_pb2.ConversationPricing.Value(f"CONVERSATION_PRICING_{pricing}")
    terms = conversation_pb2.ConversationTerms(pricing=number)
    return world.wallet(micros, rates=RATES, plan={"conversation_terms": terms})


def of(
    wallet: Wallet, kind: Any, message_id: str, *, conversation_id: str = "c", **more: Any
) -> Any:
    """A request about a message."""
    return kind(
        account_id=wallet.account_id,
        conversation_id=conversation_id,
        message_id=message_id,
        **more,
    )


def reserve(wallet: Wallet, message_id: str, **more: Any) -> pb.ReserveMessageResponse:
    request = of(wallet, pb.ReserveMessageRequest, message_id, **more)
    answer: pb.ReserveMessageResponse = wallet.caller.ask(request)
    return answer


def commit(wallet: Wallet, message_id: str, **more: Any) -> pb.CommitMessageResponse:
    request = of(wallet, pb.CommitMessageRequest, message_id, **more)
    answer: pb.CommitMessageResponse = wallet.caller.ask(request)
    return answer


def release(wallet: Wallet, message_id: str, **more: Any) -> pb.ReleaseMessageResponse:
    request = of(wallet, pb.ReleaseMessageRequest, message_id, **more)
    answer: pb.ReleaseMessageResponse = wallet.caller.ask(request)
    return answer


def test_c06_a_message_that_is_not_answered_costs_nothing_nor_its_session(world: World) -> None:
    wallet = chatting(world, 100 * CREDIT)
    first = reserve(wallet, "m-1")
    assert (first.opened, first.balance.held_micros) == (True, 6 * CREDIT)
    second = reserve(wallet, "m-2")
    assert (second.opened, second.balance.held_micros) == (False, 7 * CREDIT)
    # The session may still become worth its credits by the other message.
    assert release(wallet, "m-1").balance.held_micros == 6 * CREDIT
    assert release(wallet, "m-2").balance.held_micros == 0
    assert wallet.balance().settled_micros == 100 * CREDIT
    assert release(wallet, "m-3").balance.held_micros == 0
    with refused("HOLD_RELEASED"):
        reserve(wallet, "m-3")


def test_c07_a_conversation_and_its_messages_are_charged_once_each(world: World) -> None:
    wallet = chatting(world, 100 * CREDIT)
    charged = 0
    for number in range(1, 4):
        name = f"m-{number}"
        for _ in range(3):
            assert reserve(wallet, name).decision == GRANTED
        answered = commit(wallet, name)
        assert answered.balance.held_micros == 0
        charged += answered.charged_micros
        again = commit(wallet, name)
        assert again.charged_micros == 0
        assert (again.conversation.messages, again.conversation.session) == (number, 1)
        assert again.conversation.charged_micros == charged == (5 + number) * CREDIT
    with refused("NAME_REUSED") as told:
        reserve(wallet, "m-1", usage={"meter": "chat.message", "quantity": 2})
    assert told.value.code == grpc.StatusCode.ALREADY_EXISTS
    assert wallet.balance().settled_micros == 92 * CREDIT


def test_c07_a_conversation_that_was_handed_off_begins_anew(world: World) -> None:
    wallet = chatting(world, 100 * CREDIT, "CONVERSATION")
    reserve(wallet, "m-1")
    commit(wallet, "m-1")
    reserve(wallet, "m-2")
    ended = release(wallet, "m-2", handed_off=True).conversation
    assert (ended.state, ended.ending, ended.messages) == (ENDED, HANDED_OFF, 1)
    assert wallet.balance().settled_micros == 95 * CREDIT
    anew = reserve(wallet, "m-3")
    assert (anew.opened, anew.conversation.session, anew.conversation.state) == (True, 2, OPEN)
    assert commit(wallet, "m-3").balance.settled_micros == 90 * CREDIT
    close = pb.CloseConversationRequest(
        account_id=wallet.account_id, conversation_id="c", session=1
    )
    assert wallet.caller.ask(close).conversation.ending == HANDED_OFF
    get = pb.GetConversationRequest(account_id=wallet.account_id, conversation_id="c")
    assert wallet.caller.ask(get).conversation.state == OPEN


def test_c14_two_workers_with_first_messages_open_one_session(world: World) -> None:
    wallet = chatting(world, 1_000 * CREDIT, "CONVERSATION")
    workers = world.another_caller(), world.another_caller()
    for number in range(10):
        chat = {"conversation_id": f"c-{number}"}
        requests = [of(wallet, pb.ReserveMessageRequest, f"m-{n}", **chat) for n in range(8)]
        begun = at_once(requests, *workers)
        assert {each.decision for each in begun} == {GRANTED}
        assert sum(each.opened for each in begun) == 1
        requests = [of(wallet, pb.CommitMessageRequest, f"m-{n}", **chat) for n in range(8)]
        ended = at_once(requests, *workers)
        assert sum(each.charged_micros for each in ended) == 5 * CREDIT
    assert wallet.balance().settled_micros == 950 * CREDIT
    assert wallet.balance().held_micros == 0


def test_c03_a_message_whose_session_cannot_be_paid_begins_nothing(world: World) -> None:
    wallet = chatting(world, 5 * CREDIT)
    for _ in range(2):
        denied = reserve(wallet, "m-1")
        assert (denied.decision, denied.shortfall_micros) == (INSUFFICIENT, CREDIT)
        assert not denied.HasField("conversation")
    assert wallet.balance().held_micros == 0
    wallet.grant("more", CREDIT)
    granted = reserve(wallet, "m-1")
    assert (granted.decision, granted.opened, granted.replayed) == (GRANTED, True, False)
