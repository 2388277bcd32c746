"""The requests about plans, add-ons and statements."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from creditgate._messages import conversation as conversations
from creditgate._messages.account import policy_number
from creditgate._messages.budget import budget_message, read_budget
from creditgate._messages.call import read_terms, terms_message
from creditgate._messages.convert import (
    duration,
    instant,
    number,
    optional_instant,
    optional_seconds,
    timestamp,
    word,
)
from creditgate._messages.event import read_threshold, to_thresholds
from creditgate._messages.work import (
    Call,
    read_balance,
)
from creditgate._types.account import OveragePolicy
from creditgate._types.amount import Amount, to_micros
from creditgate._types.base import Page
from creditgate._types.budget import Budget
from creditgate._types.call import CallTerms
from creditgate._types.conversation import ConversationTerms
from creditgate._types.plan import (
    Addon,
    Booking,
    CycleUnit,
    Draw,
    Entry,
    EntryKind,
    Plan,
    Publication,
    StatementPage,
)
from creditgate._types.threshold import Threshold
from creditgate.v1 import account_pb2
from creditgate.v1 import account_service_pb2 as messages
from creditgate.v1 import catalog_service_pb2 as catalog


def put_plan(
    plan_id: str,
    *,
    version: int,
    name: str,
    allowance: Amount,
    cycle: CycleUnit | None,
    rollover_max: Amount,
    welcome: Amount,
    overdraft_limit: Amount,
    overage_policy: OveragePolicy,
    hold_max: Amount | None,
    hold_ttl_max_seconds: float | None,
    open_holds_max: int | None,
    budgets: Iterable[Budget],
    thresholds: Sequence[Threshold | Amount] | None,
    expiry_notice_seconds: float | None,
    rate_card_id: str,
    rate_card_version: int,
    call_terms: CallTerms | None,
    conversation_terms: ConversationTerms | None,
) -> Call[Publication]:
    unit = 0 if cycle is None else number(catalog.CycleUnit, CycleUnit(cycle).value)
    longest = None if hold_ttl_max_seconds is None else duration(hold_ttl_max_seconds)
    plan = catalog.Plan(
        plan_id=plan_id,
        version=version,
        name=name,
        allowance_micros=to_micros(allowance, name="allowance"),
        cycle=catalog.CycleUnit.ValueType(unit),
        rollover_max_micros=to_micros(rollover_max, name="rollover_max"),
        welcome_micros=to_micros(welcome, name="welcome"),
        overdraft_limit_micros=to_micros(overdraft_limit, name="overdraft_limit"),
        overage_policy=policy_number(overage_policy),
        limits=catalog.PlanLimits(
            hold_max_micros=to_micros(hold_max or 0, name="hold_max"),
            hold_ttl_max=longest,
            open_holds_max=open_holds_max or 0,
        ),
        budgets=map(budget_message, budgets),
        rate_card_id=rate_card_id,
        rate_card_version=rate_card_version,
    )
    if thresholds is not None:
        plan.thresholds.CopyFrom(catalog.Thresholds(thresholds=to_thresholds(thresholds)))
    if expiry_notice_seconds is not None:
        plan.expiry_notice.CopyFrom(duration(expiry_notice_seconds))
    if call_terms is not None:
        plan.call_terms.CopyFrom(terms_message(call_terms))
    if conversation_terms is not None:
        plan.conversation_terms.CopyFrom(conversations.terms_message(conversation_terms))
    return Call("PutPlan", catalog.PutPlanRequest(plan=plan), read_publication)


def get_plan(plan_id: str, *, version: int | None) -> Call[Plan]:
    request = catalog.GetPlanRequest(plan_id=plan_id, version=version or 0)
    return Call("GetPlan", request, lambda answer: read_plan(answer.plan), writes=False)


def list_plans(*, page_size: int, page_token: str) -> Call[Page[Plan]]:
    request = catalog.ListPlansRequest(page_size=page_size, page_token=page_token)
    return Call("ListPlans", request, read_plans, writes=False)


def add_addon(
    account_id: str, *, addon_id: str, amount: Amount, outlives_cycle: bool, priority: int
) -> Call[Booking]:
    request = messages.AddAddonRequest(
        account_id=account_id,
        addon_id=addon_id,
        amount_micros=to_micros(amount),
        outlives_cycle=outlives_cycle,
        priority=priority,
    )
    return Call("AddAddon", request, read_booking)


def cancel_addon(account_id: str, *, addon_id: str) -> Call[Addon]:
    request = messages.CancelAddonRequest(account_id=account_id, addon_id=addon_id)
    return Call("CancelAddon", request, lambda answer: read_addon(answer.addon))


def list_addons(account_id: str, *, page_size: int, page_token: str) -> Call[Page[Addon]]:
    request = messages.ListAddonsRequest(
        account_id=account_id, page_size=page_size, page_token=page_token
    )
    return Call("ListAddons", request, read_addons, writes=False)


def get_statement(
    account_id: str,
    *,
    since: datetime | None,
    until: datetime | None,
    page_size: int,
    page_token: str,
) -> Call[StatementPage]:
    # The field's name is a word of Python's own.
    begins: Any = {"from": timestamp(since)}
    request = messages.GetStatementRequest(
        account_id=account_id,
        until=timestamp(until),
        page_size=page_size,
        page_token=page_token,
        **begins,
    )
    return Call("GetStatement", request, read_statement_page, writes=False)


def read_plan(plan: catalog.Plan) -> Plan:
    limits = plan.limits
    return Plan(
        plan_id=plan.plan_id,
        version=plan.version,
        name=plan.name,
        allowance_micros=plan.allowance_micros,
        cycle=CycleUnit(word(catalog.CycleUnit, plan.cycle)) if plan.cycle else None,
        rollover_max_micros=plan.rollover_max_micros,
        welcome_micros=plan.welcome_micros,
        overdraft_limit_micros=plan.overdraft_limit_micros,
        overage_policy=OveragePolicy(word(account_pb2.OveragePolicy, plan.overage_policy)),
        hold_max_micros=limits.hold_max_micros or None,
        hold_ttl_max_seconds=optional_seconds(limits, "hold_ttl_max"),
        open_holds_max=limits.open_holds_max or None,
        created_at=instant(plan.created_at),
        budgets=tuple(map(read_budget, plan.budgets)),
        thresholds=tuple(map(read_threshold, plan.thresholds.thresholds)),
        expiry_notice_seconds=plan.expiry_notice.ToTimedelta().total_seconds(),
        rate_card_id=plan.rate_card_id,
        rate_card_version=plan.rate_card_version,
        call_terms=read_terms(plan.call_terms),
        conversation_terms=conversations.read_terms(plan.conversation_terms),
    )


def read_publication(answer: catalog.PutPlanResponse) -> Publication:
    return Publication(plan=read_plan(answer.plan), replayed=answer.replayed)


def read_plans(answer: catalog.ListPlansResponse) -> Page[Plan]:
    return Page(items=tuple(map(read_plan, answer.plans)), next_page_token=answer.next_page_token)


def read_addon(addon: messages.Addon) -> Addon:
    return Addon(
        addon_id=addon.addon_id,
        amount_micros=addon.amount_micros,
        outlives_cycle=addon.outlives_cycle,
        priority=addon.priority,
        created_at=instant(addon.created_at),
        cancelled_at=optional_instant(addon, "cancelled_at"),
    )


def read_booking(answer: messages.AddAddonResponse) -> Booking:
    return Booking(
        addon=read_addon(answer.addon),
        balance=read_balance(answer.balance),
        replayed=answer.replayed,
    )


def read_addons(answer: messages.ListAddonsResponse) -> Page[Addon]:
    return Page(items=tuple(map(read_addon, answer.addons)), next_page_token=answer.next_page_token)


def read_entry(entry: messages.Entry) -> Entry:
    return Entry(
        version=entry.version,
        line=entry.line,
        kind=EntryKind(word(messages.EntryKind, entry.kind)),
        amount_micros=entry.amount_micros,
        settled_micros=entry.settled_micros,
        hold_id=entry.hold_id,
        name=entry.name,
        draws=tuple(
            Draw(grant_id=draw.grant_id, amount_micros=draw.amount_micros) for draw in entry.draws
        ),
        created_at=instant(entry.created_at),
    )


def read_statement_page(answer: messages.GetStatementResponse) -> StatementPage:
    return StatementPage(
        opening_micros=answer.opening_micros,
        closing_micros=answer.closing_micros,
        entries=tuple(map(read_entry, answer.entries)),
        next_page_token=answer.next_page_token,
    )
