"""What the service refuses before it looks at any account: the limits the protos state."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from zoneinfo import available_timezones

from google.protobuf.message import Message

from creditgate.testing._activity_checks import check_activity, check_range
from creditgate.testing._call_terms import check_call, check_call_terms
from creditgate.testing._conversation_terms import (
    check_committed_message,
    check_conversation_terms,
    check_listed,
    check_message,
    check_session,
)
from creditgate.testing._lines import replaced_commit
from creditgate.testing._link_checks import check_usage_link
from creditgate.testing._rate_checks import check_list, check_rate_card, check_usage, check_usages
from creditgate.testing._usage_checks import check_distribution, check_usage_query
from creditgate.v1 import account_pb2, delivery_pb2, event_pb2, hold_pb2
from creditgate.v1 import authorization_service_pb2 as messages

AMOUNT_MAX = 10**18
WARN_MAX = timedelta(minutes=10)
TTL_MIN, TTL_MAX = timedelta(milliseconds=1), timedelta(hours=24)
LABELS_MAX = 16
TEXT_MAX, LABEL_KEY_MAX, LABEL_MAX, REFERENCE_MAX = 128, 64, 256, 256
PRIORITY_MAX = 1000
ADDON_ID_MAX = 80
VERSION_MAX = 2**31 - 1
BUDGETS_MAX = 8
THRESHOLDS_MAX, PERCENT_MAX = 8, 100
NOTICE_MAX = timedelta(days=366)
VALID_MAX, QUANTITY_MAX = timedelta(days=3652, hours=12), 10**9

URL_MAX = 2048
# Of what the service takes as a webhook's URL, what tests have use for.
URLS = re.compile(r"https://[A-Za-z0-9.-]+(:(443|[1-9]\d{3,4}))?([/?][!\"$-~]*)?", re.ASCII)
MAILS = re.compile(r"[^@\s]+@[A-Za-z0-9.-]+", re.ASCII)
HOLDS = re.compile(r"[A-Za-z0-9._:@/#-]{1,300}", re.ASCII)
IDS = re.compile(r"[A-Za-z0-9._:@/-]{1,128}", re.ASCII)


def check(request: Message) -> str:
    """The name of the first field that is wrong; empty when all are right."""
    return next((field for field, right in _checked(request) if not right), "")


def _checked(request: Any) -> Iterator[tuple[str, bool]]:
    """Each field, or part of one, and whether it is right."""
    for field in request.DESCRIPTOR.fields:
        value = getattr(request, field.name)
        if field.name in _PARTS:
            yield from _PARTS[field.name](value)
        elif (type(request).__name__, field.name) in _APART:
            continue
        elif field.name in _TESTS and (value or type(request).__name__ not in _OPTIONAL):
            yield field.name, _TESTS[field.name](value)
        elif field.name.endswith("_micros"):
            yield field.name, 0 <= value <= AMOUNT_MAX
    holds = request.DESCRIPTOR.name != "CreateUsageLinkRequest"
    if holds and "ttl" in request.DESCRIPTOR.fields_by_name and request.HasField("ttl"):
        yield "ttl", TTL_MIN <= request.ttl.ToTimedelta() <= TTL_MAX
    yield from _OF_MESSAGES.get(request.DESCRIPTOR.name, _nothing)(request)


def _priced(request: Any) -> Iterator[tuple[str, bool]]:
    price = request.WhichOneof("price")
    by_usage = price in {"usage", "usages"}
    yield "amount_micros", by_usage or request.amount_micros > 0
    yield from check_call(request)
    yield "minimum_micros", by_usage or request.minimum_micros <= request.amount_micros
    yield from check_usage(request) if price == "usage" else ()
    yield from check_usages(request, "usages")
    if isinstance(request, messages.ReserveRequest) and request.HasField("replaces"):
        for name, right in _checked(replaced_commit(request)):
            yield f"replaces.{name}", right
        yield "replaces.hold_id", request.replaces.hold_id != request.hold_id


def _extend(request: Any) -> Iterator[tuple[str, bool]]:
    yield "amount_micros", not request.HasField("amount_micros") or request.amount_micros > 0
    yield "quantity", not request.HasField("quantity") or 1 <= request.quantity <= AMOUNT_MAX
    yield "used_quantity", 0 <= request.used_quantity <= AMOUNT_MAX
    yield from check_usages(request, "quantities")
    yield from check_usages(request, "used_quantities")


def _commit(request: Any) -> Iterator[tuple[str, bool]]:
    yield "used_micros", request.WhichOneof("used") is not None
    yield "used_quantity", 0 <= request.used_quantity <= AMOUNT_MAX
    yield from check_usages(request, "used_quantities")


def _quote(request: Any) -> Iterator[tuple[str, bool]]:
    if request.usages:
        yield "usages", not request.HasField("usage")
        yield from check_list(request.usages, "usages")
    else:
        yield "usage", request.HasField("usage")
        yield from check_usage(request)
    yield "pin_for", timedelta() <= request.pin_for.ToTimedelta() <= TTL_MAX


def _holds(request: Any) -> Iterator[tuple[str, bool]]:
    by_gateway = bool(request.gateway_id)
    named = _id(request.account_id)
    yield "account_id", named or (by_gateway and not request.account_id)
    yield "gateway_id", not by_gateway or _id(request.gateway_id)
    yield "epoch_below", 0 <= request.epoch_below <= (AMOUNT_MAX if by_gateway else 0)
    known = (0, hold_pb2.HOLD_STATE_OPEN) if by_gateway else hold_pb2.HoldState.values()
    yield "state", request.state in known


def _look(request: Any) -> Iterator[tuple[str, bool]]:
    yield "hold_id", HOLDS.fullmatch(request.hold_id) is not None


def _refund(request: Any) -> Iterator[tuple[str, bool]]:
    yield from _look(request)
    yield "amount_micros", request.amount_micros > 0


def _grant(request: Any) -> Iterator[tuple[str, bool]]:
    yield "grant_id", not request.grant_id.startswith("cycle/")
    yield "kind", request.kind not in {0, account_pb2.GRANT_KIND_ROLLOVER}
    yield "priority", 0 <= request.priority <= PRIORITY_MAX
    of_package = request.HasField("package")
    if of_package:
        yield "package.package_id", _id(request.package.package_id)
        yield "package.version", request.package.version >= 0
        yield "package.quantity", 1 <= request.package.quantity <= QUANTITY_MAX
        yield "expires_at", not request.HasField("expires_at")
        yield "priority", not request.priority
    yield "amount_micros", (request.amount_micros > 0) is not of_package
    begins, ends = request.effective_at.ToMicroseconds(), request.expires_at.ToMicroseconds()
    both = request.HasField("effective_at") and request.HasField("expires_at")
    yield "expires_at", not both or begins < ends


def _addon(request: Any) -> Iterator[tuple[str, bool]]:
    yield "amount_micros", request.amount_micros > 0
    yield "priority", 0 <= request.priority <= PRIORITY_MAX


def _package(request: Any) -> Iterator[tuple[str, bool]]:
    package = request.package
    yield "package", request.HasField("package")
    yield "package.package_id", _id(package.package_id)
    yield "package.version", package.version > 0
    yield "package.name", len(package.name) <= TEXT_MAX
    yield "package.amount_micros", 1 <= package.amount_micros <= AMOUNT_MAX
    yield "package.priority", 0 <= package.priority <= PRIORITY_MAX
    valid = package.valid_for.ToTimedelta()
    yield "package.valid_for", not package.HasField("valid_for") or TTL_MIN <= valid <= VALID_MAX


def _plan(request: Any) -> Iterator[tuple[str, bool]]:
    plan, limits = request.plan, request.plan.limits
    yield "plan", request.HasField("plan")
    yield "plan.plan_id", _id(plan.plan_id)
    yield "plan.version", plan.version > 0
    yield "plan.name", len(plan.name) <= TEXT_MAX
    for name in ("allowance_micros", "rollover_max_micros"):
        yield f"plan.{name}", 0 <= getattr(plan, name) <= (AMOUNT_MAX if plan.cycle else 0)
    for name in ("welcome_micros", "overdraft_limit_micros"):
        yield f"plan.{name}", 0 <= getattr(plan, name) <= AMOUNT_MAX
    for name in ("hold_max_micros", "open_holds_max"):
        yield f"plan.limits.{name}", 0 <= getattr(limits, name) <= AMOUNT_MAX
    longest = limits.hold_ttl_max
    unlimited = not longest.ToNanoseconds()
    yield "plan.limits.hold_ttl_max", unlimited or TTL_MIN <= longest.ToTimedelta() <= TTL_MAX
    yield from _plan_budgets(request)
    yield from _thresholds(plan.thresholds.thresholds, "plan.thresholds.thresholds")
    carded = plan.rate_card_id
    yield "plan.rate_card_id", not carded or _id(carded)
    yield "plan.rate_card_version", 0 <= plan.rate_card_version <= (VERSION_MAX if carded else 0)
    yield "plan.expiry_notice", timedelta() <= plan.expiry_notice.ToTimedelta() <= NOTICE_MAX
    yield from check_call_terms(request)
    yield from check_conversation_terms(request)


def _plan_budgets(request: Any) -> Iterator[tuple[str, bool]]:
    budgets = request.plan.budgets
    yield "plan.budgets", len(budgets) <= BUDGETS_MAX
    for number, budget in enumerate(budgets):
        yield from _budget(f"plan.budgets[{number}]", budget)
    yield "plan.budgets", len({budget.budget_id for budget in budgets}) == len(budgets)


def _own_budget(request: Any) -> Iterator[tuple[str, bool]]:
    yield "budget", request.HasField("budget")
    yield from _budget("budget", request.budget)


def _budget(path: str, budget: account_pb2.Budget) -> Iterator[tuple[str, bool]]:
    known = {"", *hold_pb2.Attributes.DESCRIPTOR.fields_by_name}
    yield f"{path}.budget_id", _id(budget.budget_id)
    yield f"{path}.attribute", budget.attribute in known
    yield f"{path}.value", len(budget.value) <= (TEXT_MAX if budget.attribute else 0)
    yield f"{path}.period", budget.period in account_pb2.BudgetPeriod.values()
    for name in ("spend_max_micros", "open_holds_max"):
        yield f"{path}.{name}", 0 <= getattr(budget, name) <= AMOUNT_MAX


def _thresholds(given: Any, path: str) -> Iterator[tuple[str, bool]]:
    for place, each in enumerate(given):
        at = each.WhichOneof("at")
        yield f"{path}[{place}]", at is not None
        if at == "percent":
            yield f"{path}[{place}].percent", 1 <= each.percent <= PERCENT_MAX
        yield f"{path}[{place}].amount_micros", 0 <= each.amount_micros <= AMOUNT_MAX
    differ = len({each.SerializeToString() for each in given}) == len(given)
    yield path, differ and len(given) <= THRESHOLDS_MAX


def _change(request: Any) -> Iterator[tuple[str, bool]]:
    if request.HasField("auto_topup"):
        wish = request.auto_topup
        yield "auto_topup.amount_micros", 1 <= wish.amount_micros <= AMOUNT_MAX
        for name in ("below_micros", "month_max_micros"):
            yield f"auto_topup.{name}", 0 <= getattr(wish, name) <= AMOUNT_MAX
    own = request.thresholds
    yield from _thresholds(own.thresholds, "thresholds.thresholds")
    yield "thresholds.thresholds", not (own.reset and own.thresholds)
    if request.HasField("plan"):
        yield "plan.plan_id", _id(request.plan.plan_id)
        yield "plan.version", request.plan.version > 0
    yield "time_zone", not request.HasField("time_zone") or request.time_zone != ""


def _statement(request: Any) -> Iterator[tuple[str, bool]]:
    begins, ends = getattr(request, "from").ToNanoseconds(), request.until.ToNanoseconds()
    both = request.HasField("from") and request.HasField("until")
    yield "until", not both or begins < ends


def _watch(request: Any) -> Iterator[tuple[str, bool]]:
    yield "warn_before", timedelta() <= request.warn_before.ToTimedelta() <= WARN_MAX


def _endpoint(request: Any) -> Iterator[tuple[str, bool]]:
    given, target = request.endpoint, request.endpoint.WhichOneof("target")
    yield "endpoint", request.HasField("endpoint")
    yield "endpoint.endpoint_id", _id(given.endpoint_id)
    yield "endpoint.account_id", not given.account_id or _id(given.account_id)
    yield "endpoint.target", target is not None
    right = URLS.fullmatch(given.webhook_url) and len(given.webhook_url) <= URL_MAX
    yield "endpoint.webhook_url", target != "webhook_url" or bool(right)
    yield "endpoint.email", target != "email" or MAILS.fullmatch(given.email) is not None
    yield "endpoint.kinds", len(set(given.kinds)) == len(given.kinds)
    known = set(event_pb2.EventKind.values()) - {0}
    for place, kind in enumerate(given.kinds):
        yield f"endpoint.kinds[{place}]", kind in known


def _rotate(request: Any) -> Iterator[tuple[str, bool]]:
    yield "endpoint_id", _id(request.endpoint_id)
    yield "generation", request.generation > 0


def _delete_endpoint(request: Any) -> Iterator[tuple[str, bool]]:
    yield "endpoint_id", _id(request.endpoint_id)


def _deliveries(request: Any) -> Iterator[tuple[str, bool]]:
    yield "state", request.state in delivery_pb2.DeliveryState.values()
    yield "endpoint_id", not request.endpoint_id or _id(request.endpoint_id)


def _retry(request: Any) -> Iterator[tuple[str, bool]]:
    yield "event_number", request.event_number > 0
    yield "endpoint_id", _id(request.endpoint_id)


def _nothing(_: Any) -> Iterator[tuple[str, bool]]:
    return iter(())


def _attributes(attributes: Any) -> Iterator[tuple[str, bool]]:
    for each, text in attributes.ListFields():
        yield f"attributes.{each.name}", len(text) <= TEXT_MAX


def _id(value: str) -> bool:
    return IDS.fullmatch(value) is not None


def _labels(labels: Any) -> Iterator[tuple[str, bool]]:
    yield "labels", len(labels) <= LABELS_MAX
    for key, value in labels.items():
        yield "labels", _id(key) and len(key) <= LABEL_KEY_MAX
        yield f"labels[{key}]", len(value) <= LABEL_MAX


_TESTS: dict[str, Callable[[Any], bool]] = {
    "account_id": _id,
    "hold_id": _id,
    "grant_id": _id,
    "refund_id": _id,
    "budget_id": _id,
    "conversation_id": _id,
    "message_id": _id,
    "addon_id": lambda name: _id(name) and len(name) <= ADDON_ID_MAX,
    "plan_id": _id,
    "request_id": _id,
    "reason": lambda note: len(note) <= REFERENCE_MAX,
    "package_id": _id,
    "rate_card_id": _id,
    "version": lambda version: version >= 0,
    "after_version": lambda version: version >= 0,
    "after_number": lambda number: number >= 0,
    "time_zone": lambda zone: not zone or zone in available_timezones(),
    "termination_cause": lambda cause: not cause or _id(cause),
    "page_size": lambda size: size >= 0,
    "page_token": lambda token: not token or token.isdecimal(),
    "reference": lambda note: len(note) <= REFERENCE_MAX,
}
# Where an empty name means everything.
_OPTIONAL = {"ListDeliveriesRequest", "ListHoldsRequest", "ListConversationsRequest"}
# Where a name may be one that callers cannot choose.
_APART = {("GetHoldRequest", "hold_id"), ("RefundRequest", "hold_id")}
_PARTS = {"labels": _labels, "attributes": _attributes}
_OF_MESSAGES: dict[str, Callable[[Any], Iterator[tuple[str, bool]]]] = {
    "ReserveRequest": _priced,
    "ChargeRequest": _priced,
    "ExtendRequest": _extend,
    "CommitRequest": _commit,
    "QuoteRequest": _quote,
    "ListHoldsRequest": _holds,
    "ListActivityRequest": check_activity,
    "ExportActivityRequest": check_activity,
    "CreateUsageLinkRequest": check_usage_link,
    "QueryUsageRequest": check_usage_query,
    "GetDistributionRequest": check_distribution,
    "GetSummaryRequest": check_range,
    "GetHoldRequest": _look,
    "RefundRequest": _refund,
    "ReserveMessageRequest": check_message,
    "CommitMessageRequest": check_committed_message,
    "CloseConversationRequest": check_session,
    "GetConversationRequest": check_session,
    "ListConversationsRequest": check_listed,
    "AddGrantRequest": _grant,
    "AddAddonRequest": _addon,
    "PutPlanRequest": _plan,
    "PutPackageRequest": _package,
    "PutRateCardRequest": check_rate_card,
    "PutBudgetRequest": _own_budget,
    "UpdateAccountRequest": _change,
    "GetStatementRequest": _statement,
    "WatchAccountRequest": _watch,
    "PutEndpointRequest": _endpoint,
    "RotateEndpointSecretRequest": _rotate,
    "DeleteEndpointRequest": _delete_endpoint,
    "ListDeliveriesRequest": _deliveries,
    "RetryDeliveryRequest": _retry,
}
