"""S2, conversation credits: one credit per chat session, however many messages it has."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from creditgate import (
    Attributes,
    Conversation,
    ConversationEnding,
    ConversationPricing,
    ConversationState,
    ConversationTerms,
    CycleUnit,
    EventKind,
    InsufficientCredits,
    OveragePolicy,
    Rate,
    Usage,
    UsageMeasure,
    UsageUnit,
)
from tests.scenarios.world import World, instant

NINE = instant("2030-01-01T09:00")
RATES = [
    Rate.of("chat.conversation", unit_price=1),
    Rate.of("chat.conversation", model="sales", unit_price="2.5"),
    Rate.of("chat.message", unit_price="0.2"),
]
SESSION = ConversationTerms(pricing=ConversationPricing.CONVERSATION)


async def customer(
    world: World, terms: ConversationTerms = SESSION, name: str = "shop", **more: Any
) -> str:
    """A customer with 10 credits a month, on a plan of its own name; it is nine o'clock."""
    await world.at(NINE)
    await world.client.put_rate_card("chats", version=1, rates=RATES)
    await world.client.put_plan(
        name,
        version=1,
        cycle=CycleUnit.MONTH,
        allowance=10,
        rate_card_id="chats",
        conversation_terms=terms,
        **more,
    )
    await world.client.create_account(name)
    await world.client.update_account(name, plan=f"{name}@1")
    return name


async def after(world: World, minutes: float) -> None:
    """Let it be so many minutes after nine."""
    await world.at(NINE + timedelta(minutes=minutes))


async def say(world: World, shop: str, message: str, *, chat: str = "chat-1") -> Conversation:
    """Answer a message of a chat."""
    conversation = world.client.conversation(shop, conversation_id=chat)
    async with conversation.message(message):
        pass
    assert conversation.record is not None
    return conversation.record


async def settled(world: World, shop: str) -> Decimal:
    return (await world.client.get_balance(shop)).settled


async def test_a_conversation_costs_a_credit_however_many_messages_it_has(world: World) -> None:
    shop = await customer(world)
    conversation = world.client.conversation(shop, conversation_id="chat-1")
    async with conversation.message("m-1"):
        balance = await world.client.get_balance(shop)
        assert (balance.settled, balance.held) == (Decimal(10), Decimal(1)), "held when initiated"
    balance = await world.client.get_balance(shop)
    assert (balance.settled, balance.held) == (Decimal(9), Decimal(0)), "deducted when confirmed"
    for number in range(2, 12):
        await after(world, 25 * (number - 1))
        async with conversation.message(f"m-{number}"):
            balance = await world.client.get_balance(shop)
            assert (balance.settled, balance.held) == (Decimal(9), Decimal(0))
    assert conversation.record is not None
    assert (conversation.record.session, conversation.record.messages) == (1, 11)
    assert conversation.record.charged == 1


async def test_it_ends_after_half_an_hour_and_the_next_message_opens_another(world: World) -> None:
    shop = await customer(world)
    await say(world, shop, "m-1")
    await after(world, 29)
    assert (await say(world, shop, "m-2")).session == 1
    await after(world, 59)  # 30 minutes after the last message
    ended = await world.client.get_conversation(shop, conversation_id="chat-1")
    assert (ended.state, ended.ending) == (ConversationState.ENDED, ConversationEnding.INACTIVITY)
    assert ended.ended_at == NINE + timedelta(minutes=59)
    assert (await say(world, shop, "m-3")).session == 2
    assert await settled(world, shop) == 8


async def test_the_timeout_is_the_plans(world: World) -> None:
    for minutes in (1, 1_440):
        terms = ConversationTerms(
            pricing=ConversationPricing.CONVERSATION, inactivity_timeout_seconds=60 * minutes
        )
        shop = await customer(world, terms, f"shop-{minutes}")
        await say(world, shop, "m-1")
        await after(world, minutes - 0.001)
        assert (await say(world, shop, "m-2")).session == 1
        await after(world, 2 * minutes)
        assert (await say(world, shop, "m-3")).session == 2


async def test_two_first_messages_at_the_same_instant_charge_once(world: World) -> None:
    shop = await customer(world)
    records = await asyncio.gather(*(say(world, shop, f"m-{number}") for number in range(20)))
    assert {record.session for record in records} == {1}
    record = await world.client.get_conversation(shop, conversation_id="chat-1")
    assert (record.messages, record.charged) == (20, Decimal(1))
    assert await settled(world, shop) == 9


async def test_types_of_conversations_cost_different_amounts(world: World) -> None:
    shop = await customer(world)
    for kind in ("support", "sales"):
        conversation = world.client.conversation(shop, conversation_id=kind, type=kind)
        async with conversation.message("m-1"):
            pass
        await conversation.close()
    assert await settled(world, shop) == 10 - 1 - Decimal("2.5")


async def test_the_record_is_final_when_it_is_closed(world: World) -> None:
    shop = await customer(world)
    about = Attributes(agent="ada", topic="returns")
    conversation = world.client.conversation(shop, conversation_id="chat-1", attributes=about)
    async with conversation.message("m-1"):
        await after(world, 1)
    await after(world, 5)
    async with conversation.message("m-2"):
        pass
    await after(world, 12)
    await conversation.close()
    await after(world, 300)
    record = await world.client.get_conversation(shop, conversation_id="chat-1")
    assert (record.started_at, record.ended_at) == (NINE, NINE + timedelta(minutes=12))
    assert (record.duration_seconds, record.messages) == (12 * 60, 2)
    assert (record.ending, record.charged) == (ConversationEnding.CLOSED, Decimal(1))
    assert (record.attributes.agent, record.attributes.topic) == ("ada", "returns")


async def test_an_ended_conversation_is_a_new_credit_unless_the_plan_says_otherwise(
    world: World,
) -> None:
    for minutes, left in ((0, 8), (60, 9)):
        terms = ConversationTerms(
            pricing=ConversationPricing.CONVERSATION, reopen_within_seconds=60 * minutes
        )
        shop = await customer(world, terms, f"shop-{minutes}")
        await say(world, shop, "m-1")
        await after(world, 75)  # it ended at half past nine
        await say(world, shop, "m-2")
        assert await settled(world, shop) == left


async def test_plans_charge_messages_conversations_or_both(world: World) -> None:
    for pricing, cost in (
        (ConversationPricing.MESSAGE, "0.6"),
        (ConversationPricing.CONVERSATION, "1"),
        (ConversationPricing.BOTH, "1.6"),
    ):
        shop = await customer(world, ConversationTerms(pricing=pricing), f"shop-{pricing}")
        *_, last = [await say(world, shop, f"m-{number}") for number in range(3)]
        assert last.charged == Decimal(cost)
        assert await settled(world, shop) == 10 - Decimal(cost)


async def test_an_answer_that_fails_costs_nothing(world: World) -> None:
    shop = await customer(world)
    conversation = world.client.conversation(shop, conversation_id="chat-1")
    with pytest.raises(ConnectionError):
        async with conversation.message("m-1"):
            raise ConnectionError("the model is away")
    balance = await world.client.get_balance(shop)
    assert (balance.settled, balance.held) == (Decimal(10), Decimal(0))
    await say(world, shop, "m-2")
    assert await settled(world, shop) == 9


async def test_past_the_allowance_conversations_are_denied(world: World) -> None:
    shop = await customer(world)
    for number in range(10):
        await say(world, shop, "m-1", chat=f"chat-{number}")
    with pytest.raises(InsufficientCredits):
        await say(world, shop, "m-1", chat="chat-10")
    assert (await say(world, shop, "m-2", chat="chat-3")).messages == 2, "a running one goes on"
    events = Counter([event.kind async for event in world.client.list_events(shop)])
    assert (events[EventKind.BALANCE_LOW], events[EventKind.CREDITS_EXHAUSTED]) == (2, 1)


async def test_or_charged_as_overage(world: World) -> None:
    shop = await customer(world, overdraft_limit=5, overage_policy=OveragePolicy.DEBT)
    for number in range(12):
        await say(world, shop, "m-1", chat=f"chat-{number}")
    assert await settled(world, shop) == -2


async def test_reports_tell_which_of_two_models_would_be_cheaper(world: World) -> None:
    shop = await customer(world)
    for day, messages in enumerate((3, 9, 3)):
        for number in range(messages):
            await after(world, day * 1_440 + 2 * number)
            await say(world, shop, f"m-{number}", chat=f"chat-{day}")
        await world.client.close_conversation(shop, conversation_id=f"chat-{day}")
    summary = await world.client.get_summary(shop)
    totals = summary.conversations
    assert (totals.sessions, totals.messages, totals.charged) == (3, 15, Decimal(3))
    assert (totals.seconds, totals.per_message) == (60 * (4 + 16 + 4), Decimal("0.2"))
    by_messages = await world.client.quote(shop, usage=Usage("chat.message", 1))
    assert by_messages.price == totals.per_message, "at this length both models cost the same"

    lengths = await world.client.distribution(
        shop, measure=UsageMeasure.SESSION_SECONDS, bounds=[300, 900]
    )
    assert [(each.low, each.high, each.count) for each in lengths.bins] == [
        (0, 300, 2),
        (300, 900, 0),
        (900, None, 1),
    ]
    counts = await world.client.distribution(shop, measure=UsageMeasure.SESSION_MESSAGES)
    assert (counts.count, counts.p50, counts.p90, counts.maximum) == (3, 3, 9, 9)


async def test_credits_per_day_and_how_long_they_will_last(world: World) -> None:
    shop = await customer(world)
    for day, chats in enumerate((1, 3, 2)):
        await after(world, day * 1_440)
        for number in range(chats):
            await say(world, shop, "m-1", chat=f"chat-{day}-{number}")
    rows = world.client.query_usage(shop, per=UsageUnit.DAY)
    assert [(row.consumed, row.holds) async for row in rows] == [
        (Decimal(1), 1),
        (Decimal(3), 3),
        (Decimal(2), 2),
    ]
    await after(world, 3 * 1_440)
    summary = await world.client.get_summary(shop)
    assert [day.consumed for day in summary.days] == [1, 3, 2, 0]
    assert (summary.trend.average, summary.trend.recent) == (Decimal(2), Decimal(6))
    # Four are left, and two a day are used.
    assert summary.balance.available == 4
    assert summary.trend.run_out_at == NINE + timedelta(days=5)
