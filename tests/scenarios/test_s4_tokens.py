"""S4, a token wallet: training and chat on one balance, packages of 5,000, one mail when it is low.

A credit is a token of a chat; one learnt from a file is half a credit.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from creditgate import (
    Attributes,
    CycleUnit,
    Decision,
    DeliveryState,
    EventKind,
    GrantKind,
    InvalidRequest,
    Rate,
    Usage,
    UsageGrouping,
)
from tests.scenarios.world import World, instant, server_world
from tests.support.database import Database
from tests.support.mailbox import Mailbox, mailbox

PACKAGE = 5_000
TOKENS = 10 * PACKAGE
LOW = TOKENS // 5


async def customer(world: World) -> str:
    """A customer with ten packages on the 1st of each month, who hears of 20 % of them and of 0."""
    await world.client.put_plan("tokens", version=1, cycle=CycleUnit.MONTH)
    await world.client.create_account("school")
    await world.client.update_account(
        "school", plan="tokens@1", billing_anchor=instant("2030-01-01"), thresholds=[LOW, 0]
    )
    await world.client.add_addon(
        "school", addon_id="ten-packages", amount=TOKENS, outlives_cycle=True
    )
    return "school"


async def settled(world: World, name: str) -> Decimal:
    """What there is now. A change of nothing lets happen what is due."""
    return (await world.client.update_account(name)).balance.settled


async def kinds(world: World, name: str) -> list[EventKind]:
    """What has happened, but for resets."""
    events = [event.kind async for event in world.client.list_events(name)]
    return [kind for kind in events if kind is not EventKind.CYCLE_RESET]


async def test_training_and_chats_draw_on_one_balance_what_they_really_used(world: World) -> None:
    name = await customer(world)
    training, chat = Attributes(topic="training"), Attributes(topic="chat", agent="tutor")
    await world.client.reserve(name, hold_id="files", amount=20_000, attributes=training)
    async with world.client.hold(name, hold_id="chat-1", amount=4_000, attributes=chat) as hold:
        balance = await world.client.get_balance(name)
        assert (balance.held, balance.available) == (Decimal(24_000), Decimal(26_000))
        hold.use(1_234)
    trained = await world.client.commit(name, hold_id="files", used=18_765)
    assert trained.balance.settled == TOKENS - 1_234 - 18_765
    assert trained.balance.held == 0


async def test_an_estimate_that_was_too_low_is_charged_as_it_was_used(world: World) -> None:
    name = await customer(world)
    await world.client.reserve(name, hold_id="chat-1", amount=1_000)
    paid = await world.client.commit(name, hold_id="chat-1", used=1_700)
    assert (paid.charged, paid.uncollected) == (Decimal(1_700), Decimal(0))


async def test_files_and_what_chats_read_and_write_have_their_own_rates(world: World) -> None:
    name = await customer(world)
    prices = {"training.tokens": "0.5", "chat.read": "0.1", "chat.written": "1"}
    rates = [Rate.of(meter, unit_price=price) for meter, price in prices.items()]
    await world.client.put_rate_card("tokens", version=1, rates=rates)
    month = CycleUnit.MONTH
    await world.client.put_plan("tokens", version=2, cycle=month, rate_card_id="tokens")
    await world.client.update_account(name, plan="tokens@2")
    async with world.client.hold(name, usage=Usage("training.tokens", 20_000)) as file:
        assert file.granted == 10_000
        file.use(quantity=18_765)
    assert file.hold.charged == Decimal("9382.5")

    estimate = [Usage("chat.read", 3_000), Usage("chat.written", 2_000)]
    async with world.client.hold(name, usages=estimate) as chat:
        assert (chat.granted, chat.affordable("chat.written")) == (Decimal(2_300), 2_000)
        chat.use(quantities={"chat.read": 2_999})
        chat.use(quantities={"chat.written": 2_345})  # more than was estimated
    assert (chat.hold.charged, chat.hold.uncollected) == (Decimal("2644.9"), Decimal(0))
    left = TOKENS - Decimal("9382.5") - Decimal("2644.9")
    assert (chat.balance.settled, chat.balance.held) == (left, Decimal(0))
    quote = await world.client.quote(name, usage=Usage("training.tokens", 1))
    assert (quote.price, quote.affordable_quantity) == (Decimal("0.5"), int(2 * left))


async def test_what_training_and_chats_took_is_told_apart(world: World) -> None:
    name = await customer(world)
    prices = {"training.tokens": "0.5", "chat.read": "0.1", "chat.written": "1"}
    rates = [Rate.of(meter, unit_price=price) for meter, price in prices.items()]
    await world.client.put_rate_card("tokens", version=1, rates=rates)
    month = CycleUnit.MONTH
    await world.client.put_plan("tokens", version=2, cycle=month, rate_card_id="tokens")
    await world.client.update_account(name, plan="tokens@2")
    await world.client.charge(name, hold_id="file", usage=Usage("training.tokens", 20_000))
    for number in range(3):
        said = [Usage("chat.read", 2_000), Usage("chat.written", 1_000)]
        await world.client.charge(name, hold_id=f"chat-{number}", usages=said)

    async def told(by: UsageGrouping) -> list[tuple[str, Decimal, int, int]]:
        rows = world.client.query_usage(name, by=[by], dearest_first=True)
        return [(r.type or r.meter, r.consumed, r.quantity, r.holds) async for r in rows]

    assert await told(UsageGrouping.METER) == [
        ("training.tokens", Decimal(10_000), 20_000, 1),
        ("chat.written", Decimal(3_000), 3_000, 0),
        ("chat.read", Decimal(600), 6_000, 3),
    ]
    types = {kind: consumed for kind, consumed, _, _ in await told(UsageGrouping.TYPE)}
    assert types == {"training": Decimal(10_000), "chat": Decimal(3_600)}
    summary = await world.client.get_summary(name)
    assert (summary.consumed, summary.holds) == (Decimal(13_600), 4)
    assert [source.remaining for source in summary.sources] == [Decimal(TOKENS - 13_600)]


async def test_what_a_file_costs_is_promised_before(world: World) -> None:
    name, month = await customer(world), CycleUnit.MONTH
    for version, price in enumerate(("0.5", "0.7"), 1):
        rate = Rate.of("training.tokens", unit_price=price)
        await world.client.put_rate_card("tokens", version=version, rates=[rate])
        await world.client.put_plan(
            "tokens", version=version + 1, cycle=month, rate_card_id="tokens"
        )
    await world.client.update_account(name, plan="tokens@2")
    file = Usage("training.tokens", 10_000)
    shown = await world.client.quote(name, usage=file, pin_for_seconds=600)
    await world.client.update_account(name, plan="tokens@3")
    await world.at("2030-01-01T00:09:59")
    async with world.client.hold(name, usage=file, hold_id="file", quote=shown) as hold:
        hold.use(quantity=9_999)
    assert (shown.price, hold.hold.charged) == (Decimal(5_000), Decimal("4999.5"))
    await world.at("2030-01-01T00:10")
    with pytest.raises(InvalidRequest, match="QUOTE_EXPIRED"):
        await world.client.reserve(name, hold_id="later", usage=file, quote=shown)
    later = await world.client.reserve(name, hold_id="later", usage=file)
    assert later.balance.held == 7_000


async def test_packages_renew_on_the_1st_until_they_are_cancelled(world: World) -> None:
    name = await customer(world)
    await world.client.charge(name, hold_id="training", amount=41_000)
    await world.at("2030-01-31T23:59:59")
    assert await settled(world, name) == 9_000
    await world.at("2030-02-01")
    assert await settled(world, name) == 59_000
    await world.at("2030-02-14")
    await world.client.cancel_addon(name, addon_id="ten-packages")
    assert await settled(world, name) == 59_000, "cancelling takes nothing back"
    await world.at("2030-03-01")
    assert await settled(world, name) == 59_000
    grants = [grant async for grant in world.client.list_grants(name)]
    assert [(grant.kind, grant.amount) for grant in grants] == [
        (GrantKind.PURCHASED, Decimal(TOKENS)),
        (GrantKind.PURCHASED, Decimal(TOKENS)),
    ]


async def test_it_is_low_once_used_up_once_and_active_again_with_tokens(world: World) -> None:
    name = await customer(world)
    before = await kinds(world, name)
    await world.client.charge(name, hold_id="a", amount=TOKENS - LOW - 1)
    assert await kinds(world, name) == before
    for number in range(3):
        await world.client.charge(name, hold_id=f"b-{number}", amount=1)
    assert await kinds(world, name) == [*before, EventKind.BALANCE_LOW]
    await world.client.charge(name, hold_id="c", amount=LOW - 2)
    used_up = [*before, EventKind.BALANCE_LOW, EventKind.BALANCE_LOW, EventKind.CREDITS_EXHAUSTED]
    assert await kinds(world, name) == used_up

    denied = await world.client.reserve(name, hold_id="d", amount=10)
    assert denied.decision is Decision.DENIED_INSUFFICIENT_CREDITS
    assert (denied.shortfall, denied.limit) == (Decimal(10), "")
    assert await kinds(world, name) == used_up, "a denial is for the program that asked"

    await world.client.put_package("five-thousand", version=1, amount=PACKAGE)
    await world.client.buy_package(name, grant_id="payment-7", package_id="five-thousand")
    assert await kinds(world, name) == [*used_up, EventKind.CREDITS_RESUMED]
    granted = await world.client.reserve(name, hold_id="d", amount=10)
    assert granted.decision is Decision.GRANTED


async def test_the_customer_gets_one_mail_when_it_is_low_and_one_at_zero(
    database: Database,
) -> None:
    async with mailbox() as box, server_world(database, **mail_over(box)) as world:
        name = await customer(world)
        await world.client.put_endpoint(
            "school-mail",
            email="ada@school.example",
            account_id=name,
            kinds=[EventKind.BALANCE_LOW],
        )
        for number in range(10):
            await world.client.charge(name, hold_id=f"lesson-{number}", amount=TOKENS // 10)
        async with asyncio.timeout(20):
            found = await deliveries(world)
            while found != [DeliveryState.DONE] * 2:
                await asyncio.sleep(0.05)
                found = await deliveries(world)
        assert [str(mail["Subject"]) for mail in box.got] == ["Credits are low: school"] * 2
        first, second = (str(mail.get_payload()) for mail in box.got)
        assert "credits: 10000" in first
        assert "credits: 0" in second


async def deliveries(world: World) -> list[DeliveryState]:
    """What became of all that was to be sent."""
    return [delivery.state async for delivery in world.client.list_deliveries()]


def mail_over(box: Mailbox) -> dict[str, Any]:
    """Settings of a server that does its background work and hands mail in there."""
    return {
        "run_workers": True,
        "smtp_url": f"smtp://127.0.0.1:{box.port}",
        "smtp_from": "credits@tokens.example",
    }
