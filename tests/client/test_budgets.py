"""Budgets with both clients, and on the command line."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal

import pytest

import creditgate
from creditgate import Budget, BudgetPeriod
from tests.client.conftest import Fake, Shell, answer

PER_AGENT = Budget.of("agents", attribute="agent", period=BudgetPeriod.DAY, spend_max="5.5")
CALLS = Budget.of("calls", attribute="call_id", together=True, open_holds_max=1)


def charge(client: creditgate.Client, name: str, amount: str, **of: str) -> creditgate.Reservation:
    attributes = creditgate.Attributes(**of)
    return client.charge("acme", hold_id=name, amount=amount, attributes=attributes)


def test_a_budget_binds_what_carries_its_attribute(fake: Fake) -> None:
    with fake.client() as client:
        assert client.put_budget("acme", budget=PER_AGENT) == PER_AGENT
        assert client.put_budget("acme", budget=CALLS) == CALLS
        assert PER_AGENT.spend_max == Decimal("5.5")
        assert CALLS.spend_max is None
        assert charge(client, "a", "5", agent="ann").granted
        denied = charge(client, "b", "1", agent="ann")
        assert (denied.granted, denied.limit) == (False, "budget/agents")
        assert charge(client, "b", "1", agent="bob").granted
        call = creditgate.Attributes(call_id="1")
        client.reserve("acme", hold_id="c", amount=2, attributes=call)
        with (
            pytest.raises(creditgate.LimitReached, match="budget/calls"),
            client.hold("acme", amount=1, attributes=call),
        ):
            pass

        bound = client.list_budgets("acme")
        assert [(each.budget, each.own) for each in bound] == [(PER_AGENT, True), (CALLS, True)]
        counters = list(client.list_budget_counters("acme", page_size=1))
        assert [(each.budget_id, each.value, each.spent, each.held) for each in counters] == [
            ("agents", "ann", Decimal(5), Decimal(0)),
            ("agents", "bob", Decimal(1), Decimal(0)),
            ("calls", "", Decimal(0), Decimal(2)),
        ]
        assert counters[0].period_ends_at == datetime(2030, 1, 2, tzinfo=UTC)
        assert (counters[2].open_holds, counters[2].period_ends_at) == (1, None)
        assert client.delete_budget("acme", budget_id="agents") is None
        assert charge(client, "d", "9", agent="ann").granted


def test_a_plan_has_budgets(fake: Fake) -> None:
    with fake.client() as client:
        written = client.put_plan("pro", version=1, budgets=[CALLS, PER_AGENT]).plan
        assert written.budgets == (PER_AGENT, CALLS)
        assert client.get_plan("pro") == written
        client.update_account("acme", plan="pro@1")
        client.put_budget("acme", budget=Budget.of("agents", attribute="agent", spend_max=9))
        assert [each.own for each in client.list_budgets("acme")] == [True, False]
        assert client.delete_budget("acme", budget_id="agents") == PER_AGENT
        for number in range(8):
            client.put_budget("acme", budget=Budget.of(f"b{number}"))
        with pytest.raises(creditgate.TooManyBudgets):
            client.put_budget("acme", budget=Budget.of("b9"))


def test_the_same_for_asyncio(fake: Fake) -> None:
    async def work() -> None:
        async with fake.async_client() as client:
            await client.put_plan("pro", version=1, budgets=[CALLS])
            assert await client.put_budget("acme", budget=PER_AGENT) == PER_AGENT
            assert [each.budget for each in await client.list_budgets("acme")] == [PER_AGENT]
            ann = creditgate.Attributes(agent="ann")
            await client.charge("acme", hold_id="a", amount=1, attributes=ann)
            found = [each.value async for each in client.list_budget_counters("acme")]
            assert found == ["ann"]
            assert await client.delete_budget("acme", budget_id="agents") is None

    asyncio.run(work())


def test_commands(shell: Shell) -> None:
    put = ("budget", "put", "acme")
    line = "budget agents  each agent  up to 5 each day  2 at once"
    terms = ("--attribute", "agent", "--period", "day", "--spend-max", "5")
    assert shell(*put, "agents", *terms, "--open-holds-max", "2").stdout == f"{line}\n"
    assert "all call_id" in shell(*put, "c", "--attribute", "call_id", "--together").stdout
    bob = ("--attribute", "user", "--value", "bob", "--spend-max", "1")
    assert "user bob  up to 1 in all" in shell(*put, "b", *bob).stdout
    written = answer(shell(*put, "all", "--spend-max", "90", "--json"))
    assert (written["spend_max"], written["period"]) == ("90", "TOTAL")
    shell("charge", "acme", "4", "--hold", "a", "--attribute", "agent=ann")
    denied = shell("charge", "acme", "2", "--hold", "b", "--attribute", "agent=ann")
    assert (denied.exit_code, "limit budget/agents" in denied.stdout) == (3, True)
    lines = shell("budget", "list", "acme").stdout.splitlines()
    assert lines[:2] == [line, "budget all  all holds  up to 90 in all"]
    assert lines[4].startswith("agents  ann  spent 4  held 0 in 0  until 2030-01-0")
    assert lines[5] == "all  spent 4  held 0 in 0"
    listed = answer(shell("budget", "list", "acme", "--json"))
    assert [each["own"] for each in listed["budgets"]] == [True] * 4
    assert [each["spent"] for each in listed["counters"]] == ["4", "4"]
    assert shell("budget", "delete", "acme", "agents").stdout == "deleted\n"


def test_work_is_described(shell: Shell) -> None:
    words = ("--attribute", "agent=ann", "--attribute", "topic=a=b", "--json")
    held = answer(shell("reserve", "acme", "1", "--hold", "a", *words))
    assert held["hold"]["attributes"]["agent"] == "ann"
    assert held["hold"]["attributes"]["topic"] == "a=b"
    for wrong in ("agent", "colour=red"):
        told = shell("charge", "acme", "1", "--attribute", wrong)
        assert (told.exit_code, wrong in told.stderr) == (2, True)


def test_commands_about_plans(shell: Shell) -> None:
    put = ("plan", "put", "pro@1", "--policy", "deny", "--json")
    budgets = (
        *("--budget", "calls,attribute=call_id,together=yes,open-holds-max=3"),
        *("--budget", "agents,attribute=agent,period=day,spend-max=0.5"),
    )
    plan = answer(shell(*put, *budgets))["plan"]
    assert plan["overage_policy"] == "DENY"
    assert [each["budget_id"] for each in plan["budgets"]] == ["agents", "calls"]
    assert plan["budgets"][0]["spend_max_micros"] == 500_000
    assert "budget agents  budget calls" in shell("plan", "get", "pro").stdout
    shell("account", "update", "acme", "--plan", "pro@1")
    assert "of the plan" in shell("budget", "list", "acme").stdout
    shell("budget", "put", "acme", "agents")
    assert "each agent" in shell("budget", "delete", "acme", "agents").stdout


@pytest.mark.parametrize(
    "term",
    ["day", "period=week", "spend-max=1.0000001", "together=1", "open=1", "open-holds-max=x"],
)
def test_a_wrong_term_is_told(shell: Shell, term: str) -> None:
    told = shell("plan", "put", "pro@1", "--budget", f"b,{term}")
    assert told.exit_code == 2
    assert term in told.stderr
