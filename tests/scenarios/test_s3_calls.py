"""S3, a call by call: what it is rounded to, and what its gateway asks while it runs."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from creditgate import CycleUnit, Rate, Usage, to_credits
from tests.scenarios.world import World

SECONDS = (1, 6, 7, 30, 31, 60, 61, 78)
# The terms of a tariff, and the seconds that calls of those lengths are charged for.
TARIFFS: dict[str, tuple[dict[str, Any], tuple[int, ...]]] = {
    "each second": ({}, (1, 6, 7, 30, 31, 60, 61, 78)),
    "6 seconds": ({"increment": 6}, (6, 6, 12, 30, 36, 60, 66, 78)),
    "30/6": ({"initial": 30, "increment": 6}, (30, 30, 30, 30, 36, 60, 66, 78)),
    "60/6": ({"initial": 60, "increment": 6}, (60, 60, 60, 60, 60, 60, 66, 78)),
    "full minutes": ({"increment": 60}, (60, 60, 60, 60, 60, 60, 120, 120)),
    "10 at least": ({"minimum": 10}, (10, 10, 10, 30, 31, 60, 61, 78)),
}
PRICE, FEE = 700_000, 50_000  # micro-credits a minute, which no second divides, and a connection


async def clinic(world: World, number: int, **terms: Any) -> str:
    """A customer with a tariff of its own, and 100 minutes."""
    name, tariff = f"clinic-{number}", f"tariff-{number}"
    terms |= {"unit_price": to_credits(PRICE), "connection_fee": to_credits(FEE)}
    rate = Rate.of("voice.call", unit_size=60, **terms)
    await world.client.put_rate_card(tariff, version=1, rates=[rate])
    month = CycleUnit.MONTH
    await world.client.put_plan(tariff, version=1, cycle=month, allowance=100, rate_card_id=tariff)
    await world.client.create_account(name)
    await world.client.update_account(name, plan=f"{tariff}@1")
    return name


async def call(world: World, name: str, *, seconds: int) -> Decimal:
    """Run a call in slices of 20 seconds, reported at their ends; answer what it cost."""
    client, hold_id = world.client, f"call-{seconds}"
    await client.reserve(name, hold_id=hold_id, usage=Usage("voice.call", 20))
    charged = Decimal(0)
    for used in range(20, seconds, 20):
        extended = await client.extend(
            name, hold_id=hold_id, quantity=used + 20, used_quantity=used
        )
        assert extended.granted
        charged += extended.charged
    paid = await client.commit(name, hold_id=hold_id, used_quantity=seconds)
    assert paid.hold.charged == charged + paid.charged
    return paid.hold.charged


async def test_a_call_is_rounded_as_its_plan_says(world: World) -> None:
    for number, (tariff, (terms, charged_for)) in enumerate(TARIFFS.items()):
        name = await clinic(world, number, **terms)
        left = Decimal(100)
        for seconds, charged in zip(SECONDS, charged_for, strict=True):
            # Rounded up to a micro-credit once, however many slices the call had.
            cost = to_credits(FEE - PRICE * charged // -60)
            assert await call(world, name, seconds=seconds) == cost, (tariff, seconds)
            left -= cost
        balance = await world.client.get_balance(name)
        assert (balance.settled, balance.held) == (left, Decimal(0))


async def test_a_call_that_nobody_answers_costs_nothing(world: World) -> None:
    name = await clinic(world, 1)
    usage = Usage("voice.call", 60)
    held = await world.client.reserve(name, hold_id="call", usage=usage)
    assert held.balance.available == 100 - Decimal("0.75")
    rung = await world.client.release(name, hold_id="call", termination_cause="no-answer")
    assert (rung.hold.charged, rung.balance.available) == (Decimal(0), Decimal(100))
