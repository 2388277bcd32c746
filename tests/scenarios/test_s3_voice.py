"""S3, voice minutes: an allowance renewed on the account's own billing date, and what is beyond it.

A credit is a minute of an AI on the phone. How calls are rounded and cut is told beside this.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from creditgate import (
    CycleUnit,
    Decision,
    EventKind,
    GrantKind,
    OveragePolicy,
    PlanTiming,
    SummaryPeriodKind,
)
from tests.scenarios.world import World, instant

# Billed on the 31st at 18:00 in New York: 23:00 UTC in winter, 22:00 in summer.
ANCHOR = datetime(2030, 1, 31, 23, tzinfo=UTC)
RENEWALS = [
    "2030-01-31T23:00", "2030-02-28T23:00", "2030-03-31T22:00", "2030-04-30T22:00",
    "2030-05-31T22:00", "2030-06-30T22:00", "2030-07-31T22:00", "2030-08-31T22:00",
    "2030-09-30T22:00", "2030-10-31T22:00", "2030-11-30T23:00", "2030-12-31T23:00",
    "2031-01-31T23:00",
]  # fmt: skip


async def customer(world: World, **terms: Any) -> str:
    """A customer with 100 minutes a month, from the 31st of January on."""
    await world.client.put_plan("voice", version=1, allowance=100, cycle=CycleUnit.MONTH, **terms)
    await world.at(ANCHOR)
    await world.client.create_account("clinic")
    await world.client.update_account("clinic", plan="voice@1", time_zone="America/New_York")
    return "clinic"


async def settled(world: World) -> Decimal:
    """What there is now. A change of nothing lets happen what is due."""
    return (await world.client.update_account("clinic")).balance.settled


async def call(world: World, name: str, *, minutes: int) -> None:
    """A call of so many minutes, held for in slices of 10."""
    await world.client.reserve("clinic", hold_id=name, amount=10)
    for used in range(10, minutes, 10):
        await world.client.extend("clinic", hold_id=name, total=used + 10, used=used)
    await world.client.commit("clinic", hold_id=name, used=minutes)


async def test_the_allowance_comes_on_the_31st_or_the_last_day_there_is(world: World) -> None:
    await customer(world)
    for number, (begins, ends) in enumerate(pairwise(RENEWALS)):
        await world.at(begins)
        account = await world.client.update_account("clinic")
        assert account.cycle is not None
        cycle = account.cycle
        assert (cycle.number, cycle.starts_at, cycle.ends_at) == (
            number,
            instant(begins),
            instant(ends),
        )
        assert account.balance.settled == 100  # what was left has ended with its cycle
        await call(world, f"call-{number}", minutes=7 * number + 1)


async def test_nothing_is_carried_over(world: World) -> None:
    await customer(world)
    await call(world, "call-1", minutes=42)
    assert await settled(world) == 58
    await world.at("2030-02-28T22:59:59")
    assert await settled(world) == 58
    await world.at("2030-02-28T23:00")
    assert await settled(world) == 100
    statement = await world.client.get_statement("clinic", since=instant("2030-02-28T23:00"))
    assert sorted([entry.amount async for entry in statement]) == [-58, 100]
    assert (statement.opening, statement.closing) == (Decimal(58), Decimal(100))


async def test_up_to_a_cap_is_carried_over_once(world: World) -> None:
    await customer(world, rollover_max=20)
    await call(world, "call-1", minutes=42)
    await world.at("2030-02-28T23:00")
    assert await settled(world) == 120
    kept = [g async for g in world.client.list_grants("clinic") if g.kind is GrantKind.ROLLOVER]
    assert [(grant.amount, grant.expires_at) for grant in kept] == [
        (Decimal(20), instant("2030-03-31T22:00"))
    ]
    await call(world, "call-2", minutes=115)  # what was carried over goes first
    await world.at("2030-03-31T22:00")
    assert await settled(world) == 105


async def test_after_months_without_a_word_there_is_one_allowance(world: World) -> None:
    await customer(world, rollover_max=20)
    await call(world, "call-1", minutes=42)
    await world.at("2030-07-15T12:00")
    account = await world.client.update_account("clinic")
    assert account.balance.settled == 120
    assert account.cycle is not None
    assert account.cycle.ends_at == instant("2030-07-31T22:00")
    names = [grant.grant_id async for grant in world.client.list_grants("clinic")]
    assert names == [
        "cycle/2030-06-30T22:00:00.000000Z/allowance",
        "cycle/2030-06-30T22:00:00.000000Z/rollover",
        "cycle/2030-01-31T23:00:00.000000Z/allowance/0",
    ]


async def test_beyond_the_allowance_calls_are_denied_or_cut(world: World) -> None:
    await customer(world)
    await call(world, "call-1", minutes=95)
    denied = await world.client.reserve("clinic", hold_id="call-2", amount=10)
    assert (denied.decision, denied.shortfall) == (
        Decision.DENIED_INSUFFICIENT_CREDITS,
        Decimal(5),
    )
    partial = await world.client.reserve("clinic", hold_id="call-2", amount=10, minimum=1)
    assert (partial.decision, partial.hold and partial.hold.granted) == (
        Decision.GRANTED_PARTIAL,
        Decimal(5),
    )
    more = await world.client.extend("clinic", hold_id="call-2", total=10, used=5)
    assert (more.granted, more.charged) == (False, Decimal(5))
    over = await world.client.commit("clinic", hold_id="call-2", used=6)  # it was cut late
    assert (over.charged, over.uncollected, over.balance.settled) == (
        Decimal(0),
        Decimal(1),
        Decimal(0),
    )
    await world.at("2030-02-28T23:00")
    assert await settled(world) == 100


async def test_or_charged_as_overage_which_the_next_allowance_pays(world: World) -> None:
    await customer(world, overdraft_limit=30, overage_policy=OveragePolicy.DEBT)
    await call(world, "call-1", minutes=95)
    await call(world, "call-2", minutes=20)
    assert await settled(world) == -15
    balance = await world.client.get_balance("clinic")
    assert balance.available == 15
    await call(world, "call-3", minutes=15)
    assert await settled(world) == -30
    denied = await world.client.reserve("clinic", hold_id="call-4", amount=10)
    assert denied.decision is Decision.DENIED_INSUFFICIENT_CREDITS
    await world.at("2030-02-28T23:00")
    account = await world.client.update_account("clinic")
    assert (account.balance.settled, account.debt) == (Decimal(70), Decimal(0))


async def test_a_call_over_the_end_of_the_cycle_keeps_its_minutes(world: World) -> None:
    await customer(world)
    await call(world, "call-1", minutes=70)
    await world.at("2030-02-28T22:50")
    await world.client.reserve("clinic", hold_id="call-2", amount=20, ttl_seconds=1_800)
    await world.at("2030-02-28T23:10")
    paid = await world.client.commit("clinic", hold_id="call-2", used=18)
    # 10 of February's 30 ended with it, 2 more when the call let go of them.
    assert (paid.charged, paid.balance.settled) == (Decimal(18), Decimal(100))


@pytest.mark.parametrize("months", [1, 3])
async def test_more_can_be_bought_once_or_with_every_cycle(world: World, months: int) -> None:
    await customer(world)
    await world.client.add_grant("clinic", grant_id="payment-1", amount=50)
    booked = await world.client.add_addon("clinic", addon_id="extra-25", amount=25)
    assert booked.balance.settled == 175
    for number in range(1, months + 1):
        await world.at(RENEWALS[number])
        assert await settled(world) == 175  # what was bought outlives the cycle
    await world.client.cancel_addon("clinic", addon_id="extra-25")
    assert await settled(world) == 175
    await world.at(RENEWALS[months + 1])
    assert await settled(world) == 150


async def test_another_plan_at_once_or_with_the_next_cycle(world: World) -> None:
    await customer(world)
    await world.client.put_plan("voice", version=2, allowance=280, cycle=CycleUnit.MONTH)
    await call(world, "call-1", minutes=60)
    # Of the 28 days until 28 February, 7 are left.
    await world.at("2030-02-21T23:00")
    account = await world.client.update_account("clinic", plan="voice@2")
    assert account.balance.settled == 70
    later = await world.client.update_account(
        "clinic", plan="voice@1", plan_timing=PlanTiming.NEXT_CYCLE
    )
    assert (str(later.plan), str(later.next_plan)) == ("voice@2", "voice@1")
    await world.at("2030-02-28T23:00")
    assert await settled(world) == 100


async def test_the_billing_page(world: World) -> None:
    await customer(world)
    await world.client.add_grant("clinic", grant_id="payment-1", amount=50)
    for day, minutes in ((2, 30), (3, 12), (5, 3)):
        await world.at(f"2030-02-{day:02}T12:00")
        await call(world, f"call-{day}", minutes=minutes)
    await world.at("2030-02-09T23:00")  # nine days, and nineteen to come, on twenty dates
    summary = await world.client.get_summary("clinic")
    period = summary.period
    assert (period.kind, period.days_left) == (SummaryPeriodKind.CYCLE, 20)
    assert (period.starts_at, period.ends_at) == (instant(RENEWALS[0]), instant(RENEWALS[1]))
    assert (summary.consumed, summary.allowance, summary.overage) == (
        Decimal(45),
        Decimal(100),
        Decimal(0),
    )
    left = {source.kind: source.remaining for source in summary.sources}
    assert left == {GrantKind.PLAN: Decimal(100 - 45), GrantKind.PURCHASED: Decimal(50)}
    # New York's days: the cycle began in the evening of the 31st.
    assert [day.date.day for day in summary.days] == [31, *range(1, 10)]
    assert {d.date.day: d.consumed for d in summary.days if d.consumed} == {2: 30, 3: 12, 5: 3}
    trend = summary.trend
    assert (trend.average, trend.recent, trend.before) == (Decimal(5), Decimal(15), Decimal(30))
    assert trend.peak is not None
    assert (trend.peak.date.day, trend.peak.consumed) == (2, Decimal(30))
    # As in the last seven days: 15 of them for 7 days, so 19 days take 285 sevenths more.
    assert trend.projected_micros == 45_000_000 + (19 * 15_000_000 * 2 + 7) // 14


async def test_what_lies_beyond_the_allowance_is_shown_as_overage(world: World) -> None:
    await customer(world, overdraft_limit=30, overage_policy=OveragePolicy.DEBT)
    await call(world, "call-1", minutes=95)
    await call(world, "call-2", minutes=20)
    summary = await world.client.get_summary("clinic")
    assert (summary.consumed, summary.allowance, summary.overage) == (
        Decimal(115),
        Decimal(100),
        Decimal(15),
    )
    await world.at("2030-02-28T23:00")
    await settled(world)
    summary = await world.client.get_summary("clinic")
    assert (summary.consumed, summary.overage) == (Decimal(0), Decimal(0))
    assert summary.balance.settled == 85


async def test_low_credits_are_told_once_in_each_cycle(world: World) -> None:
    await customer(world)
    for month in RENEWALS[:2]:
        await world.at(month)
        for number in range(3):
            await call(world, f"{month}/{number}", minutes=27)
    low = [
        event.created_at
        async for event in world.client.list_events("clinic")
        if event.kind is EventKind.BALANCE_LOW
    ]
    assert low == [instant(month) for month in RENEWALS[:2]]
