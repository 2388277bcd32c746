"""S1, pay-as-you-go coins: welcome credits, replies of 1 to 5 coins, top-ups, a bot that pauses.

What a coin is worth is the tenant's affair; here $50 are 500 coins. What is told of an account by
topic, agent and conversation is counted from its holds; reports of it are not part of this slice.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from decimal import Decimal

import pytest

from creditgate import (
    Attributes,
    BalanceLow,
    Decision,
    GrantKind,
    InsufficientCredits,
    Rate,
    Usage,
)
from tests.scenarios.world import World

MOST = 5


@pytest.fixture
async def customer(world: World) -> str:
    """A new customer, on the plan without a fee."""
    await world.client.put_plan("coins", version=1, name="Coins", welcome=500)
    await world.client.create_account("shop-1")
    await world.client.update_account("shop-1", plan="coins@1")
    return "shop-1"


async def reply(world: World, customer: str, message: str, *, coins: int) -> None:
    """Answer a message: hold the most it may cost, pay what it did cost."""
    async with world.client.hold(customer, amount=MOST, hold_id=message) as hold:
        hold.use(coins)


async def test_a_new_customer_has_its_welcome_once_and_for_ever(
    world: World, customer: str
) -> None:
    (welcome,) = [grant async for grant in world.client.list_grants(customer)]
    assert (welcome.kind, welcome.amount, welcome.expires_at) == (
        GrantKind.PROMOTIONAL,
        Decimal(500),
        None,
    )
    await world.at("2040-01-01")  # no fee and no idle charge, however long it takes
    assert (await world.client.get_balance(customer)).settled == 500
    await world.client.put_plan("coins", version=2, welcome=900)
    account = await world.client.update_account(customer, plan="coins@2")
    assert account.balance.settled == 500


async def test_a_reply_costs_what_it_did_cost_and_the_rest_is_free_at_once(
    world: World, customer: str
) -> None:
    left = Decimal(500)
    for number, coins in enumerate((1, 5, 3, 2, 4)):
        hold_id = f"msg-{number}"
        held = await world.client.reserve(customer, hold_id=hold_id, amount=MOST)
        assert (held.balance.held, held.balance.available) == (Decimal(MOST), left - MOST)
        paid = await world.client.commit(customer, hold_id=hold_id, used=coins)
        left -= coins
        assert (paid.charged, paid.balance.held) == (Decimal(coins), Decimal(0))
        assert paid.balance.available == left


async def test_welcome_coins_are_spent_before_bought_ones(world: World, customer: str) -> None:
    topped_up = await world.client.add_grant(customer, grant_id="payment-1", amount=100)
    assert topped_up.balance.available == 600
    await world.client.charge(customer, hold_id="bulk", amount=450)
    await reply(world, customer, "msg-1", coins=5)
    left = {g.kind: g.remaining async for g in world.client.list_grants(customer)}
    assert left == {GrantKind.PROMOTIONAL: Decimal(45), GrantKind.PURCHASED: Decimal(100)}
    for number in range(10):
        await reply(world, customer, f"more-{number}", coins=5)
    left = {g.kind: g.remaining async for g in world.client.list_grants(customer)}
    assert left == {GrantKind.PROMOTIONAL: Decimal(0), GrantKind.PURCHASED: Decimal(95)}


async def test_at_zero_the_bot_pauses_and_a_top_up_resumes_it(world: World, customer: str) -> None:
    await world.client.charge(customer, hold_id="bulk", amount=496)
    denied = await world.client.reserve(customer, hold_id="msg-1", amount=MOST)
    assert denied.decision is Decision.DENIED_INSUFFICIENT_CREDITS
    assert (denied.shortfall, denied.hold) == (Decimal(1), None)
    with pytest.raises(InsufficientCredits):
        await reply(world, customer, "msg-1", coins=1)
    assert (await world.client.get_balance(customer)).settled == 4

    await world.client.add_grant(customer, grant_id="payment-1", amount=50)
    await reply(world, customer, "msg-1", coins=1)  # the very message that was denied
    assert (await world.client.get_balance(customer)).settled == 53
    statement = await world.client.get_statement(customer)
    assert [entry.amount async for entry in statement] == [500, -496, 50, -1]


async def test_any_number_of_agents_share_the_coins(world: World, customer: str) -> None:
    async def work(agent: int) -> None:
        attributes = Attributes(agent=f"agent-{agent}", topic="returns")
        for number in range(3):
            async with world.client.hold(
                customer, amount=MOST, hold_id=f"{agent}/{number}", attributes=attributes
            ) as hold:
                hold.use(2)

    await asyncio.gather(*(work(agent) for agent in range(12)))
    balance = await world.client.get_balance(customer)
    assert (balance.settled, balance.held) == (Decimal(500 - 12 * 3 * 2), Decimal(0))
    agents = {hold.attributes.agent async for hold in world.client.list_holds(customer)}
    assert len(agents) == 12


async def low(world: World, customer: str) -> list[Decimal]:
    """The balances at which the customer was told that little is left."""
    events = [event async for event in world.client.list_events(customer)]
    return [event.balance.settled for event in events if isinstance(event.details, BalanceLow)]


async def test_its_own_threshold_tells_once_until_a_top_up(world: World, customer: str) -> None:
    await world.client.update_account(customer, thresholds=[100])
    await world.client.charge(customer, hold_id="bulk", amount=399)
    assert await low(world, customer) == []
    for number in range(3):
        await reply(world, customer, f"msg-{number}", coins=4)
    assert await low(world, customer) == [Decimal(97)]
    await world.client.add_grant(customer, grant_id="payment-1", amount=20)
    assert await low(world, customer) == [Decimal(97)], "a top-up tells nothing"
    for number in range(3, 6):
        await reply(world, customer, f"msg-{number}", coins=5)
    assert await low(world, customer) == [Decimal(97), Decimal(99)]


async def test_what_was_spent_is_known_by_topic_and_by_conversation(
    world: World, customer: str
) -> None:
    said = [("returns", "c-1", 3), ("invoices", "c-2", 5), ("returns", "c-1", 2), ("", "c-3", 1)]
    for number, (topic, conversation, coins) in enumerate(said):
        about = Attributes(topic=topic, conversation_id=conversation)
        async with world.client.hold(
            customer, amount=MOST, hold_id=f"msg-{number}", attributes=about
        ) as hold:
            hold.use(coins)
    topics, conversations = defaultdict[str, Decimal](Decimal), defaultdict[str, Decimal](Decimal)
    async for each in world.client.list_holds(customer):
        topics[each.attributes.topic] += each.charged
        conversations[each.attributes.conversation_id] += each.charged
    assert topics == {"returns": 5, "invoices": 5, "": 1}
    assert conversations == {"c-1": 5, "c-2": 5, "c-3": 1}


async def test_coins_by_how_hard_an_answer_was(world: World, customer: str) -> None:
    # A level is a quantity; what each level adds is a tier. These cost 1, 2, 3, 5 and 8 coins.
    levels = Rate.of("answer.level", unit_price=1, tiers=[(3, 2), (4, 3)])
    await world.client.put_rate_card("levels", version=1, rates=[levels])
    await world.client.put_plan("coins", version=2, rate_card_id="levels")
    await world.client.update_account(customer, plan="coins@2")
    left = Decimal(500)
    for level, coins in enumerate((1, 2, 3, 5, 8), 1):
        async with world.client.hold(
            customer, usage=Usage("answer.level", 5), hold_id=f"msg-{level}"
        ) as hold:
            assert hold.granted == 8
            hold.use(quantity=level)
        left -= coins
        assert (hold.hold.charged, hold.balance.available) == (Decimal(coins), left)
