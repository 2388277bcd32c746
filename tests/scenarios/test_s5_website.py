"""S5, AI credits for a website's agents: messages and minutes on one balance, by model."""

from __future__ import annotations

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
    EntryKind,
    FinalReason,
    GrantKind,
    InsufficientCredits,
    Rate,
    Usage,
    UsageGrouping,
    UsageMeasure,
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
    """Read what the page shows. A change of nothing lets happen what is due."""
    await world.client.update_account(site)
    summary = await world.client.get_summary(site)
    left = {source.kind: source.remaining for source in summary.sources}
    return Donut(
        package=summary.allowance,
        consumed=summary.consumed,
        remaining=left[GrantKind.PLAN],
        purchased=left.get(GrantKind.PURCHASED, Decimal(0)),
        held=summary.balance.held,
    )


async def test_messages_and_minutes_draw_on_one_balance_by_model(world: World, site: str) -> None:
    assert await answer(world, site, "m-1", model="small") == 1
    assert await answer(world, site, "m-2", model="large") == 3
    assert await call(world, site, "c-1", model="small", seconds=31) == Decimal("1.2")
    assert await call(world, site, "c-2", model="large", seconds=31) == Decimal("2.7")
    by_model = world.client.query_usage(site, by=[UsageGrouping.MODEL])
    spent = {row.model: row.consumed async for row in by_model}
    assert spent == {"small": Decimal("2.2"), "large": Decimal("5.7")}
    groups = [UsageGrouping.TYPE, UsageGrouping.MODEL]
    dearest = world.client.query_usage(site, by=groups, dearest_first=True)
    assert [(row.type, row.model, row.quantity) async for row in dearest] == [
        ("chat", "large", 1),
        ("call", "large", 31),
        ("call", "small", 31),
        ("chat", "small", 1),
    ]
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


async def test_the_donut_moves_while_a_call_runs(world: World, site: str) -> None:
    start = instant("2030-01-15T10:00")
    await world.at(start)
    minute = Usage("voice.call", 60, "large")
    await world.client.reserve(site, hold_id="c-1", usage=minute, call=GATEWAY, ttl_seconds=600)
    shown = await donut(world, site)
    assert (shown.consumed, shown.held) == (Decimal(0), Decimal("4.5"))
    summary = await world.client.get_summary(site)
    assert (summary.open_holds, summary.open_calls) == (1, 1)
    # 100 credits at 4.5 a minute.
    assert summary.trend.calls_run_out_seconds == pytest.approx(60 * 100 / 4.5)
    await world.at(start + timedelta(seconds=50))
    await world.client.extend(site, hold_id="c-1", quantity=120, used_quantity=60, ttl_seconds=600)
    shown = await donut(world, site)
    assert (shown.consumed, shown.held) == (Decimal("4.5"), Decimal("4.5"))
    assert shown.remaining == Decimal("95.5")
    await world.client.commit(site, hold_id="c-1", used_quantity=100)
    shown = await donut(world, site)
    assert (shown.consumed, shown.held) == (Decimal("7.65"), Decimal(0))
    summary = await world.client.get_summary(site)
    assert (summary.open_calls, summary.trend.calls_run_out_seconds) == (0, None)
    lengths = await world.client.distribution(site, measure=UsageMeasure.CALL_SECONDS)
    assert (lengths.count, lengths.maximum) == (1, 100)


async def test_the_log_of_a_week_a_month_a_quarter_and_all(world: World, site: str) -> None:
    for when, name in (("01-02", "old"), ("02-20", "month"), ("03-20", "week"), ("03-31", "now")):
        await world.at(f"2030-{when}T10:00")
        await answer(world, site, name, model="small")
    await world.at("2030-04-01T09:00")

    async def log(days: float | None) -> list[tuple[str, str, Decimal]]:
        entries = world.client.list_activity(site, days=days, kinds=[EntryKind.CHARGE])
        return [(entry.hold_id, entry.type, entry.amount) async for entry in entries]

    everything = [(name, "chat", Decimal(-1)) for name in ("now", "week", "month", "old")]
    lengths = {days: len(await log(days)) for days in (7, 30, 90)}
    assert lengths == {7: 1, 30: 2, 90: 4}
    assert await log(None) == everything
    assert await log(30) == everything[:2]


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
