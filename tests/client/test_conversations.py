"""Conversations in the SDK: messages as context managers, left in every way there is."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

import creditgate
from creditgate import (
    ConversationEnding,
    ConversationPricing,
    ConversationState,
    ConversationTerms,
    Rate,
    Usage,
)
from creditgate.v1 import account_service_pb2 as accounts
from creditgate.v1 import hold_pb2
from tests.client.awaits import CancelledAt, cancel_this
from tests.client.conftest import Fake, Shell, answer

AWAITS_MAX = 60
TERMS = ConversationTerms(pricing=ConversationPricing.BOTH, inactivity_timeout_seconds=60)


def sell(fake: Fake, terms: ConversationTerms = TERMS) -> None:
    """Put the account on a plan: a session costs 3 credits, a message 1."""
    rates = [
        Rate(meter="chat.conversation", unit_price_micros=3_000_000),
        Rate(meter="chat.message", unit_price_micros=1_000_000),
    ]
    with fake.client() as client:
        client.put_rate_card("std", version=1, rates=rates)
        client.put_plan("pro", version=1, rate_card_id="std", conversation_terms=terms)
        client.update_account("acme", plan="pro@1")
    fake.requests.clear()


def held(fake: Fake) -> int:
    """How much the account's open holds keep."""
    listed = fake.answer(accounts.ListHoldsRequest(account_id="acme"))
    return sum(hold.held_micros for hold in listed.holds)


async def test_a_conversation(fake: Fake) -> None:
    sell(fake)
    async with fake.async_client() as client:
        talk = client.conversation(
            "acme", conversation_id="c", type="sales", attributes=creditgate.Attributes(agent="ann")
        )
        before: Any = talk.record
        assert before is None
        async with talk.message("m1") as message:
            assert message.reservation.opened
            assert message.affordable() == 97
            assert message.balance.held == 4
        record = talk.record
        assert record is not None
        assert (record.messages, record.charged, record.type) == (1, Decimal(4), "sales")
        assert record.attributes.agent == "ann"
        async with talk.message("m2", usage=Usage("chat.message", 5)) as message:
            assert not message.reservation.opened
            message.use(quantity=2)
        async with talk.message() as message:
            message.use("0.5")
        with pytest.raises(RuntimeError, match="no answer"):
            async with talk.message("m3"):
                raise RuntimeError("no answer")
        closed = await talk.close(termination_cause="solved")
        assert (closed.messages, closed.charged) == (3, creditgate.to_credits(6_500_000))
        assert closed.ending is ConversationEnding.CLOSED
        assert (await talk.close()).termination_cause == "solved"
        read = await client.get_conversation("acme", conversation_id="c")
        assert read == closed
        listed = client.list_conversations("acme", state=ConversationState.ENDED)
        assert [each async for each in listed] == [closed]
        assert held(fake) == 0
        assert (await client.get_plan("pro")).conversation_terms == TERMS


async def test_a_denied_message_raises_and_leaves_nothing(fake: Fake) -> None:
    sell(fake)
    async with fake.async_client() as client:
        await client.charge("acme", hold_id="most", amount=97)
        talk = client.conversation("acme", conversation_id="c")
        with pytest.raises(creditgate.InsufficientCredits) as denied:
            async with talk.message("m1"):
                pytest.fail("entered")
        said = denied.value.answer
        assert (said.asked, said.shortfall) == (Decimal(4), Decimal(1))
        assert talk.record is None
        assert fake.sent()[-1] == "ReserveMessage"
        with pytest.raises(creditgate.NotFound) as absent:
            await client.get_conversation("acme", conversation_id="c")
        assert absent.value.reason == "CONVERSATION_NOT_FOUND"
        with pytest.raises(creditgate.NotFound) as absent:
            await client.commit_message("acme", conversation_id="c", message_id="m1")
        assert absent.value.reason == "MESSAGE_NOT_FOUND"


async def test_a_message_for_a_human_costs_nothing(fake: Fake) -> None:
    sell(fake)
    async with fake.async_client() as client:
        talk = client.conversation("acme", conversation_id="c")
        async with talk.message("m1") as message:
            await message.hand_off(termination_cause="angry")
        record = talk.record
        assert record is not None
        assert (record.ending, record.charged) == (ConversationEnding.HANDED_OFF, Decimal(0))
        async with talk.message("m2") as message:
            assert message.reservation.opened
        assert (await talk.hand_off()).ending is ConversationEnding.HANDED_OFF
        assert (await client.get_balance("acme")).settled == 96
        assert held(fake) == 0


def test_the_blocking_client_does_the_same(fake: Fake) -> None:
    sell(fake)
    with fake.client() as client:
        talk = client.conversation("acme", conversation_id="c")
        with talk.message("m1") as message:
            message.use(quantity=1)
        with pytest.raises(RuntimeError, match="no answer"), talk.message("m2"):
            raise RuntimeError("no answer")
        with talk.message("m3") as message:
            message.hand_off()
        record = talk.record
        assert record is not None
        assert (record.ending, record.charged) == (ConversationEnding.HANDED_OFF, Decimal(4))
        assert client.get_conversation("acme", conversation_id="c", session=1) == record
        with talk.message("m4"):
            pass
        assert talk.hand_off().session == 2
        assert [each.session for each in client.list_conversations("acme")] == [2, 1]
        assert held(fake) == 0


def test_a_lost_reply_is_asked_for_again_and_charged_once(fake: Fake) -> None:
    sell(fake)
    with fake.client() as client:
        talk = client.conversation("acme", conversation_id="c")
        fake.lose_replies(1)
        with talk.message("m1"):
            fake.lose_replies(1)
        assert fake.sent() == ["ReserveMessage"] * 2 + ["CommitMessage"] * 2
        assert client.get_balance("acme").settled == 96


def test_an_unknown_beginning_is_released(fake: Fake) -> None:
    sell(fake)
    with fake.client(patience_seconds=0.2) as client:
        talk = client.conversation("acme", conversation_id="c")
        fake.lose_replies(100)
        with pytest.raises(creditgate.OutcomeUnknown), talk.message("m1"):
            pytest.fail("entered")
        fake.clear_faults()
    assert fake.sent()[-1] == "ReleaseMessage"


@pytest.mark.parametrize("use", [{}, {"amount": 1, "quantity": 1}])
def test_use_takes_one_of_two(fake: Fake, use: dict[str, int]) -> None:
    sell(fake)
    with fake.client() as client:
        message = client.conversation("acme", conversation_id="c").message("m")
        with message, pytest.raises(ValueError, match="an amount or a quantity"):
            message.use(**use)
        with pytest.raises(ValueError, match="not both"):
            client.commit_message(
                "acme", conversation_id="c", message_id="m", used=1, used_quantity=1
            )


class Reply:
    """A reply of a conversation of its own, and how far it came."""

    def __init__(self, client: creditgate.AsyncClient, name: str) -> None:
        self._talk = client.conversation("acme", conversation_id=name)
        self.reached = "start"

    async def run(self) -> None:
        async with self._talk.message("m"):
            self.reached = "inside"
            await asyncio.sleep(0)
            self.reached = "leaving"
        self.reached = "done"


@pytest.mark.parametrize("lost", [0, 1])
@pytest.mark.parametrize("everything", [False, True])
async def test_cancelled_at_every_await_a_reply_is_charged_or_free(
    fake: Fake, *, lost: int, everything: bool
) -> None:
    """What a reply was left by, it ends by: the table of every way it can."""
    sell(fake)
    reached, charged = set(), 0
    me = asyncio.current_task()

    def cancel_others() -> None:
        for task in asyncio.all_tasks() - {me}:
            task.cancel()

    cancel = cancel_others if everything else cancel_this
    async with fake.async_client(patience_seconds=5) as client:
        for number in range(AWAITS_MAX):
            reply = Reply(client, f"c{number}")
            fake.lose_replies(lost)
            waiting = CancelledAt(reply.run(), number=number, cancel=cancel)

            async def run(waiting: CancelledAt = waiting) -> None:
                await waiting

            await asyncio.wait([asyncio.create_task(run())])
            fake.clear_faults()
            done = reply.reached in {"leaving", "done"}
            states = {name: fake.state(f"c{number}{name}") for name in ("##m", "#1#1")}
            if done:
                assert set(states.values()) == {"COMMITTED"}, (number, states)
            else:
                assert set(states.values()) <= {"RELEASED", "NONE"}, (number, states)
            charged += done
            reached.add(reply.reached)
            if not waiting.reached:
                break
        else:
            pytest.fail("the work waits more often than the test looks")
        assert (await client.get_balance("acme")).settled == 100 - 4 * charged
    assert {"start", "inside", "leaving"} <= reached
    assert held(fake) == 0


def test_names_of_holds_are_not_for_callers(fake: Fake) -> None:
    sell(fake)
    with fake.client() as client:
        with client.conversation("acme", conversation_id="c").message("m"):
            pass
        found = client.get_hold("acme", hold_id="c#1#1").hold
        assert hold_pb2.HoldState.Name(hold_pb2.HOLD_STATE_COMMITTED).endswith(found.state.value)
        refund = client.refund("acme", refund_id="r", hold_id="c##m", amount=1)
        assert refund.hold.refunded == 1
        with pytest.raises(creditgate.InvalidRequest):
            client.commit("acme", hold_id="c##m", used=1)


def test_on_the_command_line(fake: Fake, shell: Shell) -> None:
    with fake.client() as client:
        client.put_rate_card("std", version=1, rates=[Rate(meter="talk", unit_price_micros=10**6)])
    terms = "pricing=conversation,timeout=60,reopen=5,meter=talk,message-meter=word"
    written = answer(
        shell("plan", "put", "pro@1", "--rate-card", "std", "--conversations", terms, "--json")
    )
    assert written["plan"]["conversation_terms"]["pricing"] == "CONVERSATION"
    assert shell("plan", "put", "pro@2", "--conversations", "x=1").exit_code == 2
    assert shell("plan", "put", "pro@2", "--conversations", "timeout=x").exit_code == 2
    with fake.client() as client:
        client.update_account("acme", plan="pro@1")
    said = answer(shell("conversation", "say", "acme", "c", "m1", "--type", "sales", "--json"))
    assert (said["decision"], said["opened"]) == ("GRANTED", True)
    shown = shell("conversation", "said", "acme", "c", "m1").stdout
    assert "charged 1\n" in shown
    assert "c session 1  open  1 messages  0 s  charged 1" in shown
    assert shell("conversation", "say", "acme", "c", "m2").exit_code == 0
    assert "session 1  open" in shell("conversation", "unsay", "acme", "c", "m2").stdout
    closed = shell("conversation", "close", "acme", "c", "--handed-off", "--cause", "human").stdout
    assert "handed_off" in closed
    assert "handed_off" in shell("conversation", "show", "acme", "c", "--session", "1").stdout
    listed = answer(shell("conversation", "list", "acme", "--state", "ended", "--json"))
    assert [each["conversation_id"] for each in listed] == ["c"]
    with fake.client() as client:
        client.charge("acme", hold_id="all", amount=99)
    assert shell("conversation", "say", "acme", "d", "m1").exit_code == 3
