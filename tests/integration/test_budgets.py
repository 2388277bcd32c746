"""Budgets as their callers see them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from creditgate.v1 import account_pb2, hold_pb2
from creditgate.v1 import account_service_pb2 as accounts_pb
from creditgate.v1 import authorization_service_pb2 as pb
from creditgate.v1 import catalog_service_pb2 as catalog_pb
from tests.support.calls import failure, good_budget, good_plan
from tests.support.clock import DatabaseClock, set_clock, stamp
from tests.support.database import Database
from tests.support.server import Caller, running_server


@pytest.fixture
async def caller(database: Database) -> AsyncIterator[Caller]:
    async with (
        running_server(database.url, run_workers=False) as server,
        server.caller() as caller,
    ):
        await caller.account(account_id="acme")
        yield caller


async def put(caller: Caller, **terms: Any) -> account_pb2.Budget:
    request = accounts_pb.PutBudgetRequest(account_id="acme", budget=account_pb2.Budget(**terms))
    budget = (await caller.accounts.PutBudget(request)).budget
    assert isinstance(budget, account_pb2.Budget)
    return budget


async def charge(caller: Caller, name: str, **attributes: str) -> pb.ChargeResponse:
    request = pb.ChargeRequest(account_id="acme", hold_id=name, amount_micros=5)
    request.attributes.CopyFrom(hold_pb2.Attributes(**attributes))
    answer = await caller.authorization.Charge(request)
    assert isinstance(answer, pb.ChargeResponse)
    return answer


async def listed(caller: Caller, **page: Any) -> accounts_pb.ListBudgetsResponse:
    request = accounts_pb.ListBudgetsRequest(account_id="acme", **page)
    answer = await caller.accounts.ListBudgets(request)
    assert isinstance(answer, accounts_pb.ListBudgetsResponse)
    return answer


async def test_a_budget_is_shown_as_it_was_put(caller: Caller, clock: DatabaseClock) -> None:
    await set_clock(clock, "2030-01-01T12:00")
    whole = good_budget()
    request = accounts_pb.PutBudgetRequest(account_id="acme", budget=whole)
    assert (await caller.accounts.PutBudget(request)).budget == whole
    plain = await put(caller, budget_id="all")
    assert plain == account_pb2.Budget(budget_id="all", period=account_pb2.BUDGET_PERIOD_TOTAL)
    await charge(caller, "a", agent="a")
    answer = await listed(caller)
    assert [(each.budget, each.own) for each in answer.budgets] == [(plain, True), (whole, True)]
    assert list(answer.counters) == [
        accounts_pb.BudgetCounter(budget_id="all", spent_micros=5),
        accounts_pb.BudgetCounter(
            budget_id="per-agent",
            value="a",
            spent_micros=5,
            period_ends_at=stamp("2030-01-02T00:00"),
        ),
    ]


async def test_counters_are_listed_page_by_page_with_values_of_any_letters(caller: Caller) -> None:
    values = ["", "a b", "z", "Ä", "ä", "日本", "a\n", "%", "_", "a/b", "'", '"', "0", "B", "b"]
    for budget_id in ("users", "agents", "Users"):
        attribute = "user" if budget_id.lower() == "users" else "agent"
        await put(caller, budget_id=budget_id, attribute=attribute)
    for number, value in enumerate(values):
        await charge(caller, f"c-{number}", user=value, agent=value)
    expected = sorted(
        (budget_id, value)
        for budget_id in ("users", "agents", "Users")
        for value in values
        if value
    )
    for size in (1, 2, 7, 1000):
        found, token = [], ""
        while True:
            page = await listed(caller, page_size=size, page_token=token)
            assert len(page.counters) <= size
            assert [each.budget.budget_id for each in page.budgets] == ["Users", "agents", "users"]
            found += [(each.budget_id, each.value) for each in page.counters]
            token = page.next_page_token
            if not token:
                break
        assert found == expected


async def test_a_token_is_good_for_its_account_alone(caller: Caller) -> None:
    await put(caller, budget_id="agents", attribute="agent")
    for agent in ("ann", "bob"):
        await charge(caller, agent, agent=agent)
    token = (await listed(caller, page_size=1)).next_page_token
    await caller.account(account_id="other")
    request = accounts_pb.ListBudgetsRequest(account_id="other", page_token=token)
    told = await failure(caller.accounts.ListBudgets(request))
    assert (told.code, told.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ("page_token",))


async def test_a_plan_means_the_same_with_its_budgets_in_any_order(caller: Caller) -> None:
    first, second = good_budget(budget_id="b"), good_budget(budget_id="a", period=0)
    for replayed, budgets in ((False, [first, second]), (True, [second, first])):
        plan = good_plan(budgets=budgets)
        answer = await caller.catalog.PutPlan(catalog_pb.PutPlanRequest(plan=plan))
        assert answer.replayed == replayed
        assert [each.budget_id for each in answer.plan.budgets] == ["a", "b"]
        assert answer.plan.budgets[0].period == account_pb2.BUDGET_PERIOD_TOTAL
    for other in ([first], [first, good_budget(budget_id="a")]):
        plan = good_plan(budgets=other)
        told = await failure(caller.catalog.PutPlan(catalog_pb.PutPlanRequest(plan=plan)))
        assert told.reason == "NAME_REUSED"
    plans = (await caller.catalog.ListPlans(catalog_pb.ListPlansRequest())).plans
    assert [[each.budget_id for each in plan.budgets] for plan in plans] == [["a", "b"]]


async def test_an_account_is_bound_by_its_plan_and_says_so(caller: Caller) -> None:
    plan = good_plan(budgets=[good_budget(budget_id="mine"), good_budget(budget_id="theirs")])
    await caller.catalog.PutPlan(catalog_pb.PutPlanRequest(plan=plan))
    change = accounts_pb.PlanChange(plan_id="pro", version=1)
    await caller.accounts.UpdateAccount(
        accounts_pb.UpdateAccountRequest(account_id="acme", plan=change)
    )
    await put(caller, budget_id="mine")
    own = {each.budget.budget_id: each.own for each in (await listed(caller)).budgets}
    assert own == {"mine": True, "theirs": False}
    for budget_id, successor in (("mine", True), ("mine", True), ("none", False)):
        request = accounts_pb.DeleteBudgetRequest(account_id="acme", budget_id=budget_id)
        assert (await caller.accounts.DeleteBudget(request)).HasField("budget") == successor
    for number in range(8):
        await put(caller, budget_id=f"own-{number}")
    told = await failure(put(caller, budget_id="one-more"))
    assert told[:2] == (grpc.StatusCode.FAILED_PRECONDITION, "TOO_MANY_BUDGETS")
    assert len((await listed(caller)).budgets) == 10
