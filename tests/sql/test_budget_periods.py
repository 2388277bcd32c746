"""When the periods of budgets end: days of all lengths, cycles, and calendars that change."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.contract.drivers import START
from tests.oracle.answers import BudgetView
from tests.oracle.budgets import next_midnight
from tests.oracle.subscriber import Plan
from tests.support.figures import Figures
from tests.support.micros import instant, micros
from tests.support.pair import Pair

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOUR = 3_600_000_000
DAYS = {
    "UTC": ["2030-01-01T00:00", "2030-02-28T23:59"],
    # Days of 23 and of 25 hours; one that summer time begins at midnight; one it ends at midnight.
    "America/New_York": ["2030-03-10T06:59", "2030-03-10T07:01", "2030-11-03T05:30"],
    "Africa/Cairo": ["2026-04-23T21:59", "2026-04-23T22:00", "2026-10-29T20:30"],
    "America/Santiago": ["2026-09-06T03:59", "2026-09-06T04:00", "2026-04-05T02:59"],
    "America/Havana": ["2026-03-08T04:59", "2026-03-08T05:00", "2026-11-01T04:30"],
    "Asia/Kolkata": ["2030-01-01T18:29", "2030-01-01T18:30"],
    # A day that was left out.
    "Pacific/Apia": ["2011-12-30T09:59", "2011-12-30T10:00"],
    "Australia/Lord_Howe": ["2030-04-06T13:00", "2030-10-05T13:00"],
}


def at(text: str) -> int:
    return micros(datetime.fromisoformat(text).replace(tzinfo=UTC))


async def test_every_hour_of_years_lies_in_the_day_that_the_calendar_says(
    pair: Pair, figures: Figures
) -> None:
    hours = range(at("2026-01-01"), at("2027-01-01"), HOUR)
    zones = [*DAYS, "Europe/Berlin", "Asia/Beirut", "America/Sao_Paulo"]
    cases = [(zone, hour) for zone in zones for hour in hours]
    cases += [(zone, at(each)) for zone, times in DAYS.items() for each in times]
    found = await pair.connection.fetch(
        "SELECT creditgate.day_end(zone, at) FROM unnest($1::text[], $2::timestamptz[]) AS c"
        " (zone, at)",
        [zone for zone, _ in cases],
        [instant(each) for _, each in cases],
    )
    wrong = [
        (zone, instant(each), row[0])
        for (zone, each), row in zip(cases, found, strict=True)
        if micros(row[0]) != next_midnight(zone, each)
    ]
    figures(cases=len(cases), mismatches=len(wrong))
    assert wrong == []
    assert all(micros(row[0]) > each for (_, each), row in zip(cases, found, strict=True))


@pytest.mark.parametrize(
    ("zone", "instant_"), [(zone, each) for zone, times in DAYS.items() for each in times]
)
async def test_a_day_is_full_until_it_ends_and_then_empty(
    pair: Pair, zone: str, instant_: str
) -> None:
    begins, budget = at(instant_), BudgetView("day", period="DAY", spend_max=10)
    await pair.set_time(begins)
    await pair.ask("create_account", "a")
    await pair.ask("add_grant", "a", grant_id="g", amount=1_000)
    await pair.ask("update_account", "a", time_zone=zone)
    await pair.ask("put_budget", "a", budget=budget)
    for number in range(4):
        spent = await pair.ask("charge", "a", hold_id=f"all-{number}", amount=10)
        assert spent.outcome == "GRANTED"
        ends = next_midnight(zone, pair.now)
        assert 0 < ends - pair.now <= 25 * HOUR
        await pair.set_time(ends - 1)
        denied = await pair.ask("charge", "a", hold_id="more", amount=1)
        assert (denied.outcome, denied.limit) == ("DENIED_LIMIT", "budget/day")
        await pair.check()
        await pair.set_time(ends)
        await pair.check()


async def test_a_cycle_ends_for_its_budget_with_the_turn(pair: Pair) -> None:
    """Counted from the 31st, through short months, holds open over the turn."""
    budget = BudgetView("cycle", attribute="agent", period="CYCLE", spend_max=50)
    plan = Plan("pro", allowance=100, unit="MONTH", budgets=(budget,))
    await pair.set_time(at("2030-01-31T12:00"))
    await pair.put_plan(plan)
    await pair.ask("create_account", "a")
    await pair.ask("update_account", "a", plan=plan.name)
    ann = (("agent", "ann"),)
    late = 0  # what the cycle before has left to this one
    for month, ends in enumerate(("02-28", "03-31", "04-30", "05-31")):
        last = at(f"2030-{ends}T12:00")
        await pair.set_time(last - HOUR)
        hold = {"hold_id": f"h-{month}", "amount": 20, "ttl_ms": 86_400_000}
        assert (await pair.ask("reserve", "a", **hold, attributes=ann)).outcome == "GRANTED"
        await charge(pair, f"c-{month}", 31 - late, limit="budget/cycle")
        await charge(pair, f"c-{month}", 30 - late)
        await charge(pair, "more", 1, limit="budget/cycle")
        await pair.set_time(last - 1)
        await charge(pair, "more", 1, limit="budget/cycle")
        await pair.check()
        await pair.set_time(last)
        # What the hold still has counts in the new cycle, and so does what it commits.
        await charge(pair, "more", 31, limit="budget/cycle")
        await pair.ask("commit", "a", hold_id=hold["hold_id"], used=20)
        await charge(pair, "more", 31, limit="budget/cycle")
        await pair.ask("refund", "a", refund_id=f"r-{month}", hold_id=f"c-{month}", amount=1)
        await charge(pair, "more", 31, limit="budget/cycle")
        await pair.check()
        late = 20


async def charge(pair: Pair, hold_id: str, amount: int, *, limit: str = "") -> None:
    """Charge for ann; the limit that denies it is to be this one."""
    answer = await pair.ask(
        "charge", "a", hold_id=hold_id, amount=amount, attributes=(("agent", "ann"),)
    )
    assert (answer.outcome == "DENIED_LIMIT", answer.limit) == (bool(limit), limit)


async def test_another_calendar_moves_the_end_of_a_running_period(pair: Pair) -> None:
    day, cycle = BudgetView("day", period="DAY"), BudgetView("cycle", period="CYCLE")
    weekly, monthly = Plan("weekly", unit="WEEK"), Plan("monthly", unit="MONTH")
    await pair.set_time(START)
    for plan in (weekly, monthly):
        await pair.put_plan(plan)
    await pair.ask("create_account", "a")
    await pair.ask("add_grant", "a", grant_id="g", amount=100)
    for budget in (day, cycle):
        await pair.ask("put_budget", "a", budget=budget)
    await pair.ask("charge", "a", hold_id="a", amount=1)
    changes = (
        {"time_zone": "Asia/Tokyo"},
        {"plan": weekly.name},
        {"anchor": START + 60 * HOUR},
        {"time_zone": "America/New_York"},
        {"plan": monthly.name},
        {"plan": weekly.name, "timing": "NEXT_CYCLE"},
    )
    for change in changes:
        await pair.ask("update_account", "a", **change)
        standing = await pair.ask("list_budgets", "a")
        assert {each.spent for each in standing.counters} == {1}
    await pair.check()
    for days in range(1, 80, 3):
        await pair.set_time(START + days * 24 * HOUR)
        await pair.ask("charge", "a", hold_id=f"d-{days}", amount=1)
        await pair.check()
