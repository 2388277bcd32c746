"""Plans, add-ons and statements with both clients."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

import creditgate
from creditgate import CycleUnit, EntryKind, PlanTiming, PlanVersion
from tests.client.conftest import Fake

FEBRUARY = datetime(2030, 2, 1, tzinfo=UTC)


def put_pro(client: creditgate.Client, *, version: int = 1) -> creditgate.Publication:
    return client.put_plan(
        "pro",
        version=version,
        name="Pro",
        allowance=100,
        cycle=CycleUnit.MONTH,
        rollover_max="20.5",
        welcome=5,
        overdraft_limit=3,
        overage_policy=creditgate.OveragePolicy.DEBT,
        hold_max=10,
        hold_ttl_max_seconds=600,
        open_holds_max=1,
    )


def test_a_plan_is_read_as_it_was_written(fake: Fake) -> None:
    with fake.client() as client:
        written = put_pro(client)
        assert put_pro(client).replayed
        plan = client.get_plan("pro")
        assert plan == written.plan == client.get_plan("pro", version=1)
        assert [plan.allowance, plan.rollover_max, plan.welcome] == [
            *map(Decimal, ("100", "20.5", "5"))
        ]
        assert plan.hold_max == 10
        assert (plan.hold_ttl_max_seconds, plan.open_holds_max) == (600.0, 1)
        assert plan.overdraft_limit == 3
        assert plan.cycle is CycleUnit.MONTH
        assert str(plan.named) == "pro@1"

        free = client.put_plan("free", version=1).plan
        assert (free.cycle, free.hold_max, free.hold_ttl_max_seconds) == (None, None, None)
        assert [each.plan_id for each in client.list_plans(page_size=1)] == ["free", "pro"]
        with pytest.raises(creditgate.VersionSkipped):
            put_pro(client, version=3)
        with pytest.raises(creditgate.NotFound):
            client.get_plan("prose")


def test_an_account_is_put_on_a_plan(fake: Fake) -> None:
    with fake.client() as client:
        put_pro(client)
        put_pro(client, version=2)
        plain = client.get_account("acme")
        assert (plain.plan, plain.cycle, plain.billing_anchor) == (None, None, None)
        account = client.update_account("acme", plan="pro@1", time_zone="Asia/Tokyo")
        assert account.plan == PlanVersion(plan_id="pro", version=1)
        assert account.time_zone == "Asia/Tokyo"
        assert account.cycle is not None
        assert (account.cycle.number, account.cycle.ends_at) == (0, FEBRUARY)
        assert account.billing_anchor == account.cycle.starts_at
        later = client.update_account(
            "acme", plan=client.get_plan("pro").named, plan_timing=PlanTiming.NEXT_CYCLE
        )
        assert str(later.next_plan) == "pro@2"
        with pytest.raises(ValueError, match="such as pro@1"):
            client.update_account("acme", plan="pro")
        with pytest.raises(ValueError, match="time zone"):
            client.update_account("acme", billing_anchor=datetime(2030, 1, 1))  # noqa: DTZ001


def test_limits_are_named(fake: Fake) -> None:
    with fake.client() as client:
        put_pro(client)
        client.update_account("acme", plan="pro@1")
        denied = client.reserve("acme", hold_id="a", amount=11)
        assert (denied.decision, denied.limit) == (
            creditgate.Decision.DENIED_LIMIT,
            "hold_max_micros",
        )
        with pytest.raises(creditgate.LimitReached, match="limit hold_max_micros"):
            denied.raise_if_denied()
        with (
            client.hold("acme", amount=10),
            pytest.raises(creditgate.LimitReached) as caught,
            client.hold("acme", amount=1),
        ):
            pass
        assert caught.value.answer.limit == "open_holds_max"


def test_addons(fake: Fake) -> None:
    with fake.client() as client:
        with pytest.raises(creditgate.NoCycle):
            client.add_addon("acme", addon_id="a", amount=5)
        put_pro(client)
        client.update_account("acme", plan="pro@1")
        booked = client.add_addon("acme", addon_id="a", amount=5, outlives_cycle=True, priority=2)
        assert (booked.addon.amount, booked.balance.settled) == (Decimal(5), Decimal(210))
        assert client.add_addon(
            "acme", addon_id="a", amount=5, outlives_cycle=True, priority=2
        ) == replace(booked, replayed=True)
        assert [each.cancelled_at for each in client.list_addons("acme")] == [None]
        fake.set_time(FEBRUARY)
        assert client.cancel_addon("acme", addon_id="a").cancelled_at == FEBRUARY
        with pytest.raises(creditgate.NotFound):
            client.cancel_addon("acme", addon_id="b")


def test_a_statement_is_read_page_by_page_as_often_as_one_likes(fake: Fake) -> None:
    with fake.client() as client:
        for number in range(7):
            client.charge("acme", hold_id=f"{number}", amount=1)
        fake.requests.clear()
        statement = client.get_statement("acme", page_size=3)
        assert (statement.opening, statement.closing) == (Decimal(0), Decimal(93))
        assert len(fake.sent()) == 1
        entries = [*statement]
        assert [entry.settled for entry in entries] == list(range(100, 92, -1))
        assert [*statement] == entries
        assert set(fake.sent()) == {"GetStatement"}
        last = entries[-1]
        assert (last.kind, last.amount, last.hold_id) == (EntryKind.CHARGE, -1, "6")
        assert [(draw.grant_id, draw.amount) for draw in last.draws] == [("initial", 1)]


def test_the_same_for_asyncio(fake: Fake) -> None:
    async def work() -> None:
        async with fake.async_client() as client:
            await client.put_plan("pro", version=1, allowance=7, cycle=CycleUnit.DAY)
            account = await client.update_account("acme", plan="pro@1")
            assert account.balance.settled == 107
            await client.add_addon("acme", addon_id="a", amount=1)
            assert [each.addon_id async for each in client.list_addons("acme")] == ["a"]
            assert (await client.cancel_addon("acme", addon_id="a")).cancelled_at == fake.now()
            assert [each.plan_id async for each in client.list_plans()] == ["pro"]
            assert (await client.get_plan("pro", version=1)).allowance == 7
            began = fake.now()
            fake.advance(seconds=86_400)
            await client.charge("acme", hold_id="a", amount=2)
            statement = await client.get_statement("acme", since=began, until=fake.now())
            assert (statement.opening_micros, statement.closing_micros) == (0, 108_000_000)
            assert [entry.kind async for entry in statement] == [EntryKind.GRANT] * 3
            later = await client.get_statement("acme", since=fake.now(), page_size=1)
            amounts = [entry.amount async for entry in later]
            assert later.opening + sum(amounts) == later.closing == 105

    asyncio.run(work())


@pytest.mark.parametrize("text", ["pro", "pro@", "@1", "", "pro@-1", "pro@one", "pro@1 ", "pro@²"])
def test_a_plan_is_named_by_id_and_version(text: str) -> None:
    with pytest.raises(ValueError, match="such as pro@1"):
        PlanVersion.parse(text)
    assert PlanVersion.parse("a@b@12") == PlanVersion(plan_id="a@b", version=12)
