"""Requests about plans, add-ons and statements with one field wrong, and the name of that field."""

from __future__ import annotations

from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from creditgate.v1 import account_pb2, conversation_pb2
from creditgate.v1 import account_service_pb2 as accounts
from creditgate.v1 import catalog_service_pb2 as catalog
from tests.support.calls import good_budget, good_plan

MAX = 10**18
GIVEN: dict[str, Any] = {"account_id": "acme", "amount_micros": 5}
ACME: dict[str, Any] = {"account_id": "acme"}


def _put(**changes: Any) -> catalog.PutPlanRequest:
    return catalog.PutPlanRequest(plan=good_plan(**changes))


def _limit(**limits: Any) -> catalog.PutPlanRequest:
    return _put(limits=catalog.PlanLimits(**limits))


def _calls(**terms: Any) -> catalog.PutPlanRequest:
    return _put(call_terms=account_pb2.CallTerms(**terms))


def _talks(**terms: Any) -> catalog.PutPlanRequest:
    return _put(conversation_terms=conversation_pb2.ConversationTerms(**terms))


def _change(**changes: Any) -> accounts.UpdateAccountRequest:
    body: dict[str, Any] = {"plan_id": "pro", "version": 1} | changes
    return accounts.UpdateAccountRequest(account_id="acme", plan=accounts.PlanChange(**body))


def _period(begins: int, ends: int) -> accounts.GetStatementRequest:
    since: dict[str, Any] = {"from": Timestamp(seconds=begins)}
    until = Timestamp(seconds=ends)
    return accounts.GetStatementRequest(account_id="acme", until=until, **since)


def _addon(**changes: Any) -> accounts.AddAddonRequest:
    return accounts.AddAddonRequest(**{**GIVEN, "addon_id": "a"} | changes)


WRONG_BUDGETS: list[tuple[account_pb2.Budget, str]] = [
    (good_budget(budget_id=""), "budget_id"),
    (good_budget(budget_id="a b"), "budget_id"),
    (good_budget(attribute="labels"), "attribute"),
    (good_budget(attribute=""), "value"),
    (good_budget(value="a" * 129), "value"),
    (good_budget(period=4), "period"),
    (good_budget(spend_max_micros=-1), "spend_max_micros"),
    (good_budget(spend_max_micros=MAX + 1), "spend_max_micros"),
    (good_budget(open_holds_max=-1), "open_holds_max"),
]
WRONG: list[tuple[Any, str]] = [
    (catalog.PutPlanRequest(), "plan"),
    (_put(plan_id=""), "plan.plan_id"),
    (_put(plan_id="a b"), "plan.plan_id"),
    (_put(version=0), "plan.version"),
    (_put(name="a" * 129), "plan.name"),
    (_put(allowance_micros=-1), "plan.allowance_micros"),
    (_put(allowance_micros=MAX + 1), "plan.allowance_micros"),
    (_put(cycle=0), "plan.allowance_micros"),
    (_put(cycle=0, allowance_micros=0), "plan.rollover_max_micros"),
    (_put(rollover_max_micros=-1), "plan.rollover_max_micros"),
    (_put(welcome_micros=-1), "plan.welcome_micros"),
    (_put(overdraft_limit_micros=MAX + 1), "plan.overdraft_limit_micros"),
    *[
        (_put(budgets=[good_budget(budget_id="first"), wrong]), f"plan.budgets[1].{field}")
        for wrong, field in WRONG_BUDGETS
    ],
    (_put(budgets=[good_budget(), good_budget()]), "plan.budgets"),
    (_put(budgets=[good_budget(budget_id=str(number)) for number in range(9)]), "plan.budgets"),
    *[
        (accounts.PutBudgetRequest(**ACME, budget=wrong), f"budget.{field}")
        for wrong, field in WRONG_BUDGETS
    ],
    (accounts.PutBudgetRequest(**ACME), "budget"),
    (accounts.DeleteBudgetRequest(**ACME), "budget_id"),
    (accounts.ListBudgetsRequest(**ACME, page_size=-1), "page_size"),
    (accounts.ListBudgetsRequest(**ACME, page_token="forged"), "page_token"),
    (_limit(hold_max_micros=-1), "plan.limits.hold_max_micros"),
    (_limit(open_holds_max=-1), "plan.limits.open_holds_max"),
    (_limit(hold_ttl_max=Duration(nanos=1)), "plan.limits.hold_ttl_max"),
    (_limit(hold_ttl_max=Duration(seconds=86_401)), "plan.limits.hold_ttl_max"),
    *[
        (_calls(**{name: bad}), f"plan.call_terms.{name}")
        for name in ("max_duration", "offline_allowance")
        for bad in (Duration(seconds=-1), Duration(seconds=86_401), Duration(nanos=500_000_000))
    ],
    *[
        (_calls(renew_before=bad), "plan.call_terms.renew_before")
        for bad in (Duration(), Duration(nanos=999_000_000), Duration(seconds=3601))
    ],
    (_calls(warn_before=Duration(seconds=-1)), "plan.call_terms.warn_before"),
    (_calls(warn_before=Duration(seconds=3601)), "plan.call_terms.warn_before"),
    (_calls(final_action=4), "plan.call_terms.final_action"),
    (_calls(final_action=2), "plan.call_terms.redirect_target"),
    (_calls(final_action=2, redirect_target="a" * 257), "plan.call_terms.redirect_target"),
    (_calls(redirect_target="desk"), "plan.call_terms.redirect_target"),
    (_calls(on_reserve_failure=4), "plan.call_terms.on_reserve_failure"),
    (_calls(on_extend_failure=-1), "plan.call_terms.on_extend_failure"),
    (_talks(pricing=4), "plan.conversation_terms.pricing"),
    *[
        (_talks(inactivity_timeout=bad), "plan.conversation_terms.inactivity_timeout")
        for bad in (Duration(), Duration(seconds=59), Duration(seconds=86_401))
    ],
    (_talks(reopen_within=Duration(seconds=-1)), "plan.conversation_terms.reopen_within"),
    (_talks(reopen_within=Duration(seconds=86_401)), "plan.conversation_terms.reopen_within"),
    (_talks(conversation_meter="a" * 129), "plan.conversation_terms.conversation_meter"),
    (_talks(message_meter="a" * 129), "plan.conversation_terms.message_meter"),
    (catalog.GetPlanRequest(), "plan_id"),
    (catalog.GetPlanRequest(plan_id="pro", version=-1), "version"),
    (catalog.ListPlansRequest(page_size=-1), "page_size"),
    (catalog.ListPlansRequest(page_token="forged"), "page_token"),
    (_change(plan_id=""), "plan.plan_id"),
    (_change(version=0), "plan.version"),
    (accounts.UpdateAccountRequest(**ACME, time_zone=""), "time_zone"),
    (accounts.UpdateAccountRequest(**ACME, time_zone="Mars/Olympus"), "time_zone"),
    (accounts.UpdateAccountRequest(**ACME, time_zone="asia/tokyo"), "time_zone"),
    (
        accounts.AddGrantRequest(
            **GIVEN, grant_id="cycle/welcome", kind=account_pb2.GRANT_KIND_PLAN
        ),
        "grant_id",
    ),
    (
        accounts.AddGrantRequest(**GIVEN, grant_id="g", kind=account_pb2.GRANT_KIND_ROLLOVER),
        "kind",
    ),
    (_addon(addon_id=""), "addon_id"),
    (_addon(addon_id="a" * 81), "addon_id"),
    (_addon(amount_micros=0), "amount_micros"),
    (_addon(priority=1001), "priority"),
    (accounts.CancelAddonRequest(account_id="acme"), "addon_id"),
    (accounts.ListAddonsRequest(**ACME, page_token="forged"), "page_token"),
    (_period(5, 5), "until"),
    (_period(5, 4), "until"),
    (accounts.GetStatementRequest(**ACME, page_token="forged"), "page_token"),
]
