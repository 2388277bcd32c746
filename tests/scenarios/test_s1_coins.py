"""S1, pay-as-you-go coins: welcome credits, replies of 1 to 5 coins, top-ups, a bot that pauses.

What a coin is worth is the tenant's affair; here $50 are 500 coins.
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
    SummaryPeriodKind,
    Usage,
    UsageGrouping,
    UsageUnit,
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


async def tell(world: World, customer: str) -> None:
    """Live through three days of conversations: an agent, a topic, a conversation and its coins."""
    for when, agent, topic, conversation, coins in (
        ("2030-01-07T09:00", "ada", "returns", "c-1", 3),
        ("2030-01-07T09:05", "ada", "returns", "c-1", 2),
        ("2030-01-07T17:00", "bob", "invoices", "c-2", 4),
        ("2030-01-08T10:00", "bob", "", "c-3", 1),
        ("2030-01-08T10:01", "ada", "invoices", "c-2", 5),
        ("2030-01-09T23:59", "ada", "returns", "c-4", 2),
    ):
        await world.at(when)
        about = Attributes(agent=agent, topic=topic, conversation_id=conversation)
        async with world.client.hold(customer, amount=MOST, attributes=about) as hold:
            hold.use(coins)
    await world.at("2030-01-10")


async def test_insight_by_topic_by_agent_and_by_conversation(world: World, customer: str) -> None:
    await tell(world, customer)

    async def coins(by: UsageGrouping) -> dict[str, int]:
        rows = world.client.query_usage(customer, by=[by], dearest_first=True)
        return {row.value: int(row.consumed) async for row in rows}

    assert await coins(UsageGrouping.TOPIC) == {"invoices": 9, "returns": 7, "": 1}
    assert await coins(UsageGrouping.AGENT) == {"ada": 12, "bob": 5}
    dearest = await coins(UsageGrouping.CONVERSATION)
    assert list(dearest.items()) == [("c-2", 9), ("c-1", 5), ("c-4", 2), ("c-3", 1)]
    # One that was refunded is no longer the dearest.
    holds = [h async for h in world.client.list_holds(customer) if h.charged == MOST]
    (dear,) = (hold.hold_id for hold in holds)
    await world.client.refund(customer, refund_id="sorry", hold_id=dear, amount=MOST)
    dearest = await coins(UsageGrouping.CONVERSATION)
    assert list(dearest.items()) == [("c-1", 5), ("c-2", 4), ("c-4", 2), ("c-3", 1)]


async def test_average_coins_of_a_conversation_over_time(world: World, customer: str) -> None:
    await tell(world, customer)
    rows = world.client.query_usage(
        customer, per=UsageUnit.DAY, by=[UsageGrouping.CONVERSATION], days=3
    )
    of_days = defaultdict[int, list[Decimal]](list)
    async for row in rows:
        assert row.starts_at is not None
        of_days[row.starts_at.day].append(row.consumed)
    averages = {day: sum(coins) / len(coins) for day, coins in of_days.items()}
    assert averages == {7: Decimal("4.5"), 8: Decimal(3), 9: Decimal(2)}
    # Without cycles its page is of the month.
    summary = await world.client.get_summary(customer)
    assert (summary.period.kind, summary.period.days_left) == (SummaryPeriodKind.MONTH, 22)
    assert (summary.consumed, summary.holds, summary.allowance) == (Decimal(17), 6, Decimal(0))
    (welcome,) = summary.sources
    assert (welcome.kind, welcome.given, welcome.remaining, welcome.next_expiry_at) == (
        GrantKind.PROMOTIONAL,
        Decimal(500),
        Decimal(483),
        None,
    )


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
