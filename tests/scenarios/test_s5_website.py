"""S5, AI credits for a website's agents: messages and minutes on one balance, by model.

The donut, the breakdown and the log are counted from grants and holds; reports of them are not part
of this slice.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

import pytest

from creditgate import (
    Attributes,
    CallLeg,
    CallTerms,
    ConversationEnding,
    CycleUnit,
    Decision,
    FinalReason,
    GrantKind,
    InsufficientCredits,
    Rate,
    Usage,
)
from tests.scenarios.world import World, instant

GATEWAY = CallLeg("gateway-1", 1)
RATES = [
    Rate.of("chat.message", unit_price=1),
    Rate.of("chat.message", model="large", unit_price=3),
    Rate.of("voice.call", unit_price=2, unit_size=60, increment=6),
    Rate.of("voice.call", model="large", unit_price="4.5", unit_size=60, increment=6),
]


@pytest.fixture
async def site(world: World) -> str:
    """A website with 100 credits a month, whose calls have 5 minutes at most."""
    await world.client.put_rate_card("site", version=1, rates=RATES)
    await world.client.put_plan(
        "site",
        version=1,
        cycle=CycleUnit.MONTH,
        allowance=100,
        rate_card_id="site",
        call_terms=CallTerms(max_duration_seconds=300),
    )
    await world.client.create_account("site")
    await world.client.update_account("site", plan="site@1")
    return "site"


async def answer(world: World, site: str, name: str, *, model: str) -> Decimal:
    """Answer a message by a model; it costs what the answer is."""
    about = Attributes(model=model)
    async with world.client.hold(
        site, usage=Usage("chat.message", 1, model), hold_id=name, attributes=about
    ) as hold:
        hold.use(quantity=1)
    return hold.hold.charged


async def call(world: World, site: str, name: str, *, model: str, seconds: int) -> Decimal:
    """Take a call that is done within its first slice; it costs what it took."""
    usage, about = Usage("voice.call", 60, model), Attributes(model=model)
    held = await world.client.reserve(
        site, hold_id=name, usage=usage, call=GATEWAY, attributes=about
    )
    assert held.granted
    paid = await world.client.commit(site, hold_id=name, used_quantity=seconds)
    return paid.charged


@dataclass(frozen=True)
class Donut:
    """What the page shows of a cycle."""

    package: Decimal
    consumed: Decimal
    remaining: Decimal
    purchased: Decimal
    held: Decimal


async def donut(world: World, site: str) -> Donut:
    """Count what the page shows. A change of nothing lets happen what is due."""
    account = await world.client.update_account(site)
    assert account.cycle is not None
    left = defaultdict[GrantKind, Decimal](Decimal)
    package = Decimal(0)
    async for grant in world.client.list_grants(site):
        left[grant.kind] += grant.remaining
        if grant.kind is GrantKind.PLAN and grant.effective_at >= account.cycle.starts_at:
            package += grant.amount
    statement = await world.client.get_statement(site, since=account.cycle.starts_at)
    consumed = -sum([entry.amount async for entry in statement if entry.hold_id], Decimal(0))
    return Donut(
        package=package,
        consumed=consumed,
        remaining=left[GrantKind.PLAN],
        purchased=left[GrantKind.PURCHASED],
        held=account.balance.held,
    )


async def test_messages_and_minutes_draw_on_one_balance_by_model(world: World, site: str) -> None:
    assert await answer(world, site, "m-1", model="small") == 1
    assert await answer(world, site, "m-2", model="large") == 3
    assert await call(world, site, "c-1", model="small", seconds=31) == Decimal("1.2")
    assert await call(world, site, "c-2", model="large", seconds=31) == Decimal("2.7")
    spent = defaultdict[str, Decimal](Decimal)
    async for hold in world.client.list_holds(site):
        spent[hold.attributes.model] += hold.charged
    assert spent == {"small": Decimal("2.2"), "large": Decimal("5.7")}
    assert (await world.client.get_balance(site)).settled == 100 - Decimal("7.9")


async def test_what_a_human_answers_costs_nothing(world: World, site: str) -> None:
    async with world.client.hold(site, usage=Usage("chat.message", 1), hold_id="m-1") as hold:
        assert hold.balance.held == 1
        await hold.release(termination_cause="handed-off")
    assert (hold.hold.charged, hold.balance.available) == (Decimal(0), Decimal(100))


async def test_a_chat_that_goes_to_a_human_ends_with_what_the_ai_answered(
    world: World, site: str
) -> None:
    visitor = world.client.conversation(site, conversation_id="visitor-1")
    async with visitor.message("m-1"):
        pass
    async with visitor.message("m-2", usage=Usage("chat.message", 1, "large")) as message:
        assert message.balance.held == 3
        await message.hand_off()
    record = await world.client.get_conversation(site, conversation_id="visitor-1")
    assert (record.ending, record.messages) == (ConversationEnding.HANDED_OFF, 1)
    balance = await world.client.get_balance(site)
    assert (record.charged, balance.settled, balance.held) == (Decimal(1), Decimal(99), Decimal(0))


async def test_the_donut_shows_plan_and_purchases_apart(world: World, site: str) -> None:
    await world.client.add_grant(site, grant_id="order-1", amount=50)
    await world.client.reserve(site, hold_id="m-1", usage=Usage("chat.message", 4, "large"))
    await call(world, site, "c-1", model="small", seconds=60)
    shown = Donut(
        package=Decimal(100),
        consumed=Decimal(2),
        remaining=Decimal(98),
        purchased=Decimal(50),
        held=Decimal(12),
    )
    assert await donut(world, site) == shown
    await world.client.release(site, hold_id="m-1")
    await world.client.charge(site, hold_id="a-campaign", amount=110)
    assert await donut(world, site) == Donut(
        package=Decimal(100),
        consumed=Decimal(112),
        remaining=Decimal(0),
        purchased=Decimal(38),
        held=Decimal(0),
    )


async def test_what_was_bought_outlives_the_cycle(world: World, site: str) -> None:
    await world.client.add_grant(site, grant_id="order-1", amount=50)
    await world.client.charge(site, hold_id="a-campaign", amount=120)
    await world.at("2030-02-01")
    shown = await donut(world, site)
    assert (shown.package, shown.consumed) == (Decimal(100), Decimal(0))
    assert (shown.remaining, shown.purchased) == (Decimal(100), Decimal(30))


async def test_at_zero_agents_stop_until_credits_come(world: World, site: str) -> None:
    await world.client.charge(site, hold_id="a-campaign", amount=100)
    with pytest.raises(InsufficientCredits):
        await answer(world, site, "m-1", model="small")
    usage = Usage("voice.call", 60)
    denied = await world.client.reserve(site, hold_id="c-1", usage=usage, call=GATEWAY)
    assert denied.decision is Decision.DENIED_INSUFFICIENT_CREDITS
    bought = await world.client.add_grant(site, grant_id="order-1", amount=10)
    assert bought.balance.available == 10
    assert await answer(world, site, "m-1", model="small") == 1


async def test_one_call_takes_no_more_than_its_maximum_length(world: World, site: str) -> None:
    start = instant("2030-01-15T10:00")
    await world.at(start)
    held = await world.client.reserve(
        site, hold_id="c-1", usage=Usage("voice.call", 600), call=GATEWAY, ttl_seconds=600
    )
    assert (held.decision, held.balance.held) == (Decision.GRANTED, Decimal(10))
    assert held.quota is not None
    assert held.quota.granted_quantity == 300
    assert held.quota.final is not None
    assert held.quota.final.reason is FinalReason.MAX_DURATION
    await world.at(start + timedelta(seconds=290))
    more = await world.client.extend(site, hold_id="c-1", quantity=360, used_quantity=290)
    assert more.quota is not None
    assert (more.quota.granted_quantity, more.balance.held) == (300, Decimal("0.2"))
    paid = await world.client.commit(site, hold_id="c-1", used_quantity=300)
    assert (paid.hold.charged, paid.balance.settled) == (Decimal(10), Decimal(90))
