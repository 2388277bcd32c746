"""Between the oracle's words and the messages of the API."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import Message

from creditgate._messages.convert import number, word
from creditgate.v1 import account_pb2, conversation_pb2, hold_pb2
from creditgate.v1 import account_service_pb2 as accounts
from creditgate.v1 import authorization_service_pb2 as messages
from creditgate.v1 import catalog_service_pb2 as catalog
from creditgate.v1 import conversation_service_pb2 as conversations
from creditgate.v1 import event_service_pb2 as events
from creditgate.v1 import usage_service_pb2 as usage
from tests.contract.call_words import to_call_terms, to_leg, to_quota
from tests.contract.conversation_words import to_conversation, to_conversation_terms
from tests.contract.summary_words import to_range, to_summary
from tests.contract.topup_words import read_auto_topup, to_auto_topup, to_topup
from tests.contract.usage_words import read_usage, usage_request
from tests.contract.wire_budgets import to_budget, to_budget_message, to_counter
from tests.contract.wire_events import to_event
from tests.contract.wire_rates import (
    to_line,
    to_quoted,
    to_rate,
    to_rate_card,
    to_replaced,
    to_usage,
    to_usages,
)
from tests.oracle.answers import (
    AccountView,
    AddonView,
    Answer,
    BalanceView,
    CycleView,
    GrantView,
    HoldView,
    StandingView,
    Threshold,
)
from tests.oracle.packages import Package
from tests.oracle.subscriber import Plan


@dataclass(frozen=True)
class Operation:
    """One request: the oracle's method, and its arguments but for time and account."""

    verb: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


# What the oracle calls differently than the API does.
_FIELDS = {
    "reserve": {"amount": "amount_micros", "minimum": "minimum_micros"},
    "charge": {"amount": "amount_micros", "minimum": "minimum_micros"},
    "extend": {"total": "amount_micros", "used": "used_micros", "minimum": "minimum_micros"},
    "commit": {"used": "used_micros", "cause": "termination_cause"},
    "release": {"cause": "termination_cause"},
    "add_grant": {"amount": "amount_micros"},
    "refund": {"amount": "amount_micros"},
    "create_account": {"overdraft": "overdraft_limit_micros", "policy": "overage_policy"},
    "update_account": {
        "overdraft": "overdraft_limit_micros",
        "policy": "overage_policy",
        "anchor": "billing_anchor",
    },
    "add_addon": {"amount": "amount_micros"},
    "get_statement": {"start": "from"},
    "get_summary": {"asked": "range"},
    "list_events": {"after": "after_number"},
    "commit_message": {"used": "used_micros"},
    "release_message": {"cause": "termination_cause"},
    "close_conversation": {"cause": "termination_cause"},
    "list_conversations": {"start": "from"},
}
_INSTANTS = frozenset({"effective_at", "expires_at", "billing_anchor", "from", "until"})
_ENUMERATIONS = {
    "kind": account_pb2.GrantKind,
    "overage_policy": account_pb2.OveragePolicy,
    "status": account_pb2.AccountStatus,
    "state": hold_pb2.HoldState,
}
_NUMBERS = {
    "asked": "asked_micros",
    "shortfall": "shortfall_micros",
    "charged": "charged_micros",
    "uncollected": "uncollected_micros",
    "revoked": "revoked_micros",
    "lapsed": "expired_micros",
    "price": "price_micros",
    "affordable": "affordable_quantity",
    "opening": "opening_micros",
    "closing": "closing_micros",
}
SERVICES = (messages, accounts, events, conversations, usage)
HOT_VERBS = frozenset({"reserve", "extend", "commit", "release", "charge"})


def method_name(operation: Operation) -> str:
    """The RPC of an operation."""
    return "".join(part.capitalize() for part in operation.verb.split("_"))


def to_request(operation: Operation, account_id: str) -> Message:
    """The message of an operation. Plans have the account's name before theirs."""
    if operation.verb == "put_plan":
        return catalog.PutPlanRequest(plan=to_plan(operation.arguments["plan"], account_id))
    if operation.verb == "put_package":
        package = to_package(operation.arguments["package"], account_id)
        return catalog.PutPackageRequest(package=package)
    if operation.verb == "put_rate_card":
        card = to_rate_card(operation.arguments["card"], account_id)
        return catalog.PutRateCardRequest(rate_card=card)
    if operation.verb in {"query_usage", "get_distribution"}:
        return usage_request(operation.verb, account_id, operation.arguments)
    name = f"{method_name(operation)}Request"
    kind = next(getattr(each, name) for each in SERVICES if hasattr(each, name))
    request: Message = kind(account_id=account_id)
    renamed = _FIELDS.get(operation.verb, {})
    arguments = dict(operation.arguments)
    if operation.verb == "list_conversations" and (state := arguments.pop("state", None)):
        kept: Any = request
        kept.state = number(conversation_pb2.ConversationState, state)
    if bought := arguments.pop("package", None):
        order: Any = request
        order.package.package_id, order.package.version = f"{account_id}/{bought[0]}", bought[1]
        order.package.quantity = arguments.pop("quantity", 1)
    for argument, value in arguments.items():
        if value is not None and argument != "pinned":
            _set(request, renamed.get(argument, argument), value)
    return request


def _set(request: Any, name: str, value: Any) -> None:
    if name in {"ttl_ms", "pin_for_ms"}:
        getattr(request, name.removesuffix("_ms")).FromMilliseconds(value)
    elif name == "plan":
        request.plan.plan_id, request.plan.version = f"{request.account_id}/{value[0]}", value[1]
    elif isinstance(request, messages.QuoteRequest) and name == "usages":
        request.usages.extend(map(to_usage, value))
    elif name in _MESSAGES:
        getattr(request, name).CopyFrom(_MESSAGES[name](value))
    elif name == "timing":
        request.plan.timing = number(accounts.PlanTiming, value)
    elif name in {"thresholds", "plan_thresholds", "auto_topup"}:
        _set_alert(request, name, value)
    elif name in _INSTANTS:
        getattr(request, name).FromMicroseconds(value)
    elif name == "attributes":
        for key, text in value:
            setattr(request.attributes, key, text)
    elif name == "labels":
        request.labels.update(value)
    elif name in _ENUMERATIONS:
        setattr(request, name, number(_ENUMERATIONS[name], value))
    else:
        setattr(request, name, value)


def _set_alert(request: accounts.UpdateAccountRequest, name: str, value: Any) -> None:
    """Set what an account is to alert at, or to ask for."""
    if name == "auto_topup":
        request.auto_topup.CopyFrom(to_auto_topup(value))
        return
    request.thresholds.reset = name == "plan_thresholds"
    if name == "thresholds":
        add_thresholds(request.thresholds.thresholds, value)


def to_answer(response: Any) -> Answer:
    """The oracle's form of a response."""
    given: dict[str, Any] = {"outcome": "ACCEPTED"}
    for name, shown in _NUMBERS.items():
        given[name] = getattr(response, shown, 0)
    if isinstance(response, messages.QuoteResponse):
        given |= to_quoted(response)
    given["replayed"] = getattr(response, "replayed", False)
    given["late"] = getattr(response, "late", False)
    given["limit"] = getattr(response, "limit", "")
    if hasattr(response, "decision"):
        given["outcome"] = word(messages.Decision, response.decision)
        if response.HasField("retry_after"):
            given["retry_after"] = response.retry_after.ToMicroseconds()
    given["replaced"] = _replaced(response)
    if hasattr(response, "balance"):
        given["balance"] = to_balance(response.balance)
    if hasattr(response, "hold") and response.HasField("hold"):
        given["hold"] = to_hold(response.hold)
    if hasattr(response, "quota") and response.HasField("quota"):
        given["quota"] = to_quota(response.quota)
    if hasattr(response, "conversation") and response.HasField("conversation"):
        given["conversation"] = to_conversation(response.conversation)
    given["conversations"] = tuple(map(to_conversation, getattr(response, "conversations", ())))
    summed = hasattr(response, "summary")
    given["summary"] = to_summary(response.summary, to_balance) if summed else None
    given["opened"] = getattr(response, "opened", False)
    if hasattr(response, "grant"):
        given["grant"] = to_grant(response.grant)
    if hasattr(response, "account"):
        given["account"] = to_account(response.account)
        given["balance"] = to_balance(response.account.balance)
    if hasattr(response, "addon"):
        given["addon"] = to_addon(response.addon)
    if hasattr(response, "budget") and response.HasField("budget"):
        given["budget"] = to_budget(response.budget)
    bound = getattr(response, "budgets", ())
    given["budgets"] = tuple((to_budget(each.budget), each.own) for each in bound)
    given["counters"] = tuple(map(to_counter, getattr(response, "counters", ())))
    given["addons"] = tuple(map(to_addon, getattr(response, "addons", ())))
    given["holds"] = tuple(map(to_hold, getattr(response, "holds", ())))
    given["grants"] = tuple(map(to_grant, getattr(response, "grants", ())))
    given["topup"] = to_topup(response.topup) if hasattr(response, "topup") else None
    given["topups"] = tuple(map(to_topup, getattr(response, "topups", ())))
    given["events"] = tuple(map(to_event, getattr(response, "events", ())))
    return Answer(**given, **read_usage(response))


def _replaced(response: Any) -> Answer | None:
    """What became of the hold that was replaced."""
    if hasattr(response, "replaced") and response.HasField("replaced"):
        return to_answer(response.replaced)
    return None


def to_balance(balance: account_pb2.Balance) -> BalanceView:
    return BalanceView(
        balance.settled_micros,
        balance.held_micros,
        balance.available_micros,
        balance.overdraft_limit_micros,
        balance.version,
        balance.as_of.ToMicroseconds(),
    )


def to_hold(hold: hold_pb2.Hold) -> HoldView:
    described = ((each.name, text) for each, text in hold.attributes.ListFields())
    return HoldView(
        hold_id=hold.hold_id,
        state=word(hold_pb2.HoldState, hold.state),
        granted=hold.granted_micros,
        held=hold.held_micros,
        used=hold.used_micros,
        charged=hold.charged_micros,
        uncollected=hold.uncollected_micros,
        refunded=hold.refunded_micros,
        created_at=hold.created_at.ToMicroseconds(),
        expires_at=hold.expires_at.ToMicroseconds(),
        settled_at=hold.settled_at.ToMicroseconds() if hold.HasField("settled_at") else None,
        late=hold.late,
        cause=hold.termination_cause,
        attributes=tuple(sorted(described)),
        labels=tuple(sorted(hold.labels.items())),
        granted_quantity=hold.granted_quantity,
        used_quantity=hold.used_quantity,
        rate=to_rate(hold.rate) if hold.HasField("rate") else None,
        lines=tuple(map(to_line, hold.lines)),
        call=to_leg(hold),
    )


def to_grant(grant: account_pb2.Grant) -> GrantView:
    return GrantView(
        grant_id=grant.grant_id,
        kind=word(account_pb2.GrantKind, grant.kind),
        amount=grant.amount_micros,
        remaining=grant.remaining_micros,
        priority=grant.priority,
        effective_at=grant.effective_at.ToMicroseconds(),
        expires_at=grant.expires_at.ToMicroseconds() if grant.HasField("expires_at") else None,
        state=word(account_pb2.GrantState, grant.state),
        reference=grant.reference,
        created_at=grant.created_at.ToMicroseconds(),
        package=_bought(grant.package) if grant.HasField("package") else None,
    )


def _bought(order: account_pb2.PackageOrder) -> tuple[str, int, int]:
    """Packages are named after the account of their story, which may have slashes of its own."""
    return order.package_id.rpartition("/")[2], order.version, order.quantity


def to_package(package: Package, account_id: str) -> catalog.Package:
    message = catalog.Package(
        package_id=f"{account_id}/{package.package_id}",
        version=package.version,
        amount_micros=package.amount,
        priority=package.priority,
    )
    if package.valid_for_ms is not None:
        message.valid_for.FromMilliseconds(package.valid_for_ms)
    return message


def to_account(account: account_pb2.Account) -> AccountView:
    return AccountView(
        account_id=account.account_id,
        status=word(account_pb2.AccountStatus, account.status),
        policy=word(account_pb2.OveragePolicy, account.overage_policy),
        debt=account.debt_micros,
        open_holds=account.open_holds,
        labels=tuple(sorted(account.labels.items())),
        created_at=account.created_at.ToMicroseconds(),
        standing=to_standing(account),
        thresholds=tuple(map(to_threshold, account.thresholds)),
        own_thresholds=account.own_thresholds,
        unpaid=account.unpaid_micros,
        auto_topup=read_auto_topup(account),
        topup_request=account.topup_request_id,
    )


def to_standing(account: account_pb2.Account) -> StandingView:
    prefix, it = f"{account.account_id}/", account.cycle
    cycle = CycleView(it.number, it.starts_at.ToMicroseconds(), it.ends_at.ToMicroseconds())
    anchored = account.HasField("billing_anchor")
    plan = (account.plan_id.removeprefix(prefix), account.plan_version)
    following = (account.next_plan_id.removeprefix(prefix), account.next_plan_version)
    return StandingView(
        plan=plan if account.plan_id else None,
        next_plan=following if account.next_plan_id else None,
        time_zone=account.time_zone,
        anchor=account.billing_anchor.ToMicroseconds() if anchored else None,
        cycle=cycle if account.HasField("cycle") else None,
    )


def to_addon(addon: accounts.Addon) -> AddonView:
    cancelled = addon.HasField("cancelled_at")
    return AddonView(
        addon_id=addon.addon_id,
        amount=addon.amount_micros,
        outlives_cycle=addon.outlives_cycle,
        priority=addon.priority,
        created_at=addon.created_at.ToMicroseconds(),
        cancelled_at=addon.cancelled_at.ToMicroseconds() if cancelled else None,
    )


def to_plan(plan: Plan, account_id: str) -> catalog.Plan:
    message = catalog.Plan(
        plan_id=f"{account_id}/{plan.plan_id}",
        version=plan.version,
        allowance_micros=plan.allowance,
        rollover_max_micros=plan.rollover_max,
        welcome_micros=plan.welcome,
        overdraft_limit_micros=plan.overdraft,
        limits=catalog.PlanLimits(
            hold_max_micros=plan.hold_max or 0, open_holds_max=plan.open_holds_max or 0
        ),
    )
    if plan.card:
        message.rate_card_id = f"{account_id}/{plan.card[0]}"
        message.rate_card_version = plan.card[1]
    message.budgets.extend(map(to_budget_message, plan.budgets))
    unit = 0 if plan.unit == "NONE" else number(catalog.CycleUnit, plan.unit)
    message.cycle = catalog.CycleUnit.ValueType(unit)
    policy = number(account_pb2.OveragePolicy, plan.policy)
    message.overage_policy = account_pb2.OveragePolicy.ValueType(policy)
    if plan.hold_ttl_max_ms:
        message.limits.hold_ttl_max.FromMilliseconds(plan.hold_ttl_max_ms)
    if plan.thresholds != Plan.thresholds:
        message.thresholds.SetInParent()
        add_thresholds(message.thresholds.thresholds, plan.thresholds)
    if plan.expiry_notice_ms != Plan.expiry_notice_ms:
        message.expiry_notice.FromMilliseconds(plan.expiry_notice_ms)
    if plan.terms != Plan.terms:
        message.call_terms.CopyFrom(to_call_terms(plan.terms))
    if plan.conversations != Plan.conversations:
        message.conversation_terms.CopyFrom(to_conversation_terms(plan.conversations))
    return message


_MESSAGES: dict[str, Callable[[Any], Message]] = {
    "budget": to_budget_message,
    "usage": to_usage,
    "usages": to_usages,
    "replaces": to_replaced,
    "quantities": to_usages,
    "used_quantities": to_usages,
    "range": to_range,
    "call": lambda call: hold_pb2.Call(gateway_id=call[0], gateway_epoch=call[1]),
}


def add_thresholds(to: Any, thresholds: Iterable[Threshold]) -> None:
    for unit, value in thresholds:
        to.add(**{"percent": value} if unit == "percent" else {"amount_micros": value})


def to_threshold(threshold: account_pb2.Threshold) -> Threshold:
    if threshold.WhichOneof("at") == "percent":
        return "percent", threshold.percent
    return "amount", threshold.amount_micros
