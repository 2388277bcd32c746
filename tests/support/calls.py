"""One good request for every method, and what the errors of bad ones say."""

from __future__ import annotations

from typing import Any, NamedTuple

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from creditgate.v1 import account_pb2, conversation_pb2, delivery_pb2, event_pb2, hold_pb2
from creditgate.v1 import account_service_pb2 as accounts_pb
from creditgate.v1 import catalog_service_pb2 as catalog_pb
from creditgate_server.rpc.method import (
    ACCOUNTS,
    ADMINISTRATION,
    CATALOG,
    CONVERSATIONS,
    CONVERSING,
    EVENTS,
    METHODS,
    OPERATIONS,
    REPORTING,
    SELLING,
    STREAM,
    TELLING,
    USAGE,
    WATCH,
    Method,
)
from tests.support.bad_activity import good_filter, good_range
from tests.support.bad_queries import good_question

UNARY = tuple(method for method in METHODS if not method.streams)
BY_NAME = {method.name: method for method in METHODS}


def good_body(method: Method, account_id: str, *, name: str = "n-1") -> dict[str, Any]:
    """Answer the fields of a request that is right, every one of them set."""
    body = {
        "account_id": account_id,
        "hold_id": name,
        "grant_id": name,
        "refund_id": f"r-{name}",
        "addon_id": name,
        **{f"{each}_id": name for each in ("plan", "rate_card", "package")},
        "rate_card": good_rate_card(rate_card_id=name),
        "request_id": "topup/1",
        "reason": "card",
        "budget_id": name,
        "budget": good_budget(budget_id=name),
        "version": 1,
        "after_version": 1,
        "warn_before": Duration(seconds=30),
        "minimum_micros": 1,
        "ttl": Duration(seconds=30),
        "attributes": hold_pb2.Attributes(
            agent="a", model="m", conversation_id="c", call_id="c", user="u", topic="t"
        ),
        "labels": {"team": "blue"},
        "termination_cause": "done",
        "overdraft_limit_micros": 0,
        "overage_policy": account_pb2.OVERAGE_POLICY_CAP,
        "status": account_pb2.ACCOUNT_STATUS_ACTIVE,
        "kind": account_pb2.GRANT_KIND_PURCHASED,
        "priority": 5,
        "effective_at": Timestamp(seconds=1_700_000_000),
        "expires_at": Timestamp(seconds=4_000_000_000),
        "reference": "invoice 7",
        "state": hold_pb2.HOLD_STATE_OPEN,
        "page_size": 10,
        "amount_micros": 10,
        "used_micros": 5,
        "outlives_cycle": True,
        "time_zone": "Asia/Kolkata",
        "billing_anchor": Timestamp(seconds=1_700_000_000),
        "from": Timestamp(seconds=1_700_000_000),
        "until": Timestamp(seconds=4_000_000_000),
        "after_number": 0,
        "endpoint_id": name,
        "endpoint": good_endpoint(endpoint_id=name, account_id=account_id),
        "generation": 2,
        "event_number": 1,
        "conversation_id": "c",
        "message_id": name,
        "type": "sales",
        "session": 1,
        "order": 2,
        "allowed_origins": ["https://shop.example.com"],
    }
    body |= {"filter": good_filter(), "range": good_range()}
    if method.name in {"ReserveMessage", "Quote"}:
        body["usage"] = hold_pb2.Usage(meter="chat.message", model="m", quantity=2)
    body |= good_question(method.name)
    if method.name == "PutPackage":
        body["package"] = good_package(package_id=name)
    if method.name == "PutPlan":
        body["plan"] = good_plan(plan_id=name)
    elif method.name == "UpdateAccount":
        timing = accounts_pb.PLAN_TIMING_NEXT_CYCLE
        body["plan"] = accounts_pb.PlanChange(plan_id=name, version=1, timing=timing)
        body["auto_topup"] = good_auto_topup()
        body["thresholds"] = accounts_pb.ThresholdChange(thresholds=good_thresholds())
    fields = method.request.DESCRIPTOR.fields_by_name
    return {name: value for name, value in body.items() if name in fields}


def good_package(**changes: Any) -> catalog_pb.Package:
    """Answer a package that is right, every field of it set."""
    body: dict[str, Any] = {
        "package_id": "coins",
        "version": 1,
        "name": "Coins",
        "amount_micros": 50,
        "priority": 3,
        "valid_for": Duration(seconds=86_400),
    }
    return catalog_pb.Package(**body | changes)


def good_auto_topup(**changes: Any) -> account_pb2.AutoTopup:
    """Answer an automatic top-up that is right, every field of it set."""
    body: dict[str, Any] = {
        "enabled": True,
        "below_micros": 10**18,
        "amount_micros": 5,
        "month_max_micros": 5,
    }
    return account_pb2.AutoTopup(**body | changes)


def good_rate_card(**changes: Any) -> catalog_pb.RateCard:
    """Answer a rate card that is right, every field of it set."""
    rate = hold_pb2.Rate(
        meter="voice.call",
        model="*",
        unit_price_micros=9,
        unit_size=60,
        connection_fee_micros=2,
        minimum=10,
        initial=30,
        increment=6,
        tiers=[hold_pb2.RateTier(from_quantity=600, unit_price_micros=5)],
    )
    body: dict[str, Any] = {"rate_card_id": "std", "version": 1, "name": "Standard"}
    return catalog_pb.RateCard(**{**body, "rates": [rate], **changes})


def good_thresholds() -> list[account_pb2.Threshold]:
    """Answer thresholds of both sorts."""
    return [account_pb2.Threshold(percent=10), account_pb2.Threshold(amount_micros=3)]


def good_endpoint(**changes: Any) -> delivery_pb2.Endpoint:
    """Answer an endpoint that is right, every field of it set."""
    body: dict[str, Any] = {
        "endpoint_id": "main",
        "webhook_url": "https://hooks.example.com/credits",
        "kinds": [event_pb2.EVENT_KIND_BALANCE_LOW],
        "account_id": "acme",
    }
    return delivery_pb2.Endpoint(**body | changes)


def good_plan(**changes: Any) -> catalog_pb.Plan:
    """Answer a plan that is right, every field of it set."""
    limits = catalog_pb.PlanLimits(
        hold_max_micros=100, hold_ttl_max=Duration(seconds=3600), open_holds_max=10
    )
    body: dict[str, Any] = {
        "plan_id": "pro",
        "version": 1,
        "name": "Profi",
        "allowance_micros": 1000,
        "cycle": catalog_pb.CYCLE_UNIT_MONTH,
        "rollover_max_micros": 500,
        "welcome_micros": 5,
        "overdraft_limit_micros": 7,
        "overage_policy": account_pb2.OVERAGE_POLICY_DEBT,
        "limits": limits,
        "budgets": [good_budget()],
        "thresholds": catalog_pb.Thresholds(thresholds=good_thresholds()),
        "expiry_notice": Duration(seconds=86_400),
        "call_terms": good_call_terms(),
        "conversation_terms": good_conversation_terms(),
    }
    return catalog_pb.Plan(**body | changes)


def good_call_terms() -> account_pb2.CallTerms:
    """Answer terms of calls that are right, every field of them set."""
    return account_pb2.CallTerms(
        max_duration=Duration(seconds=3600),
        renew_before=Duration(seconds=2, nanos=500_000_000),
        warn_before=Duration(seconds=20),
        final_action=account_pb2.FINAL_ACTION_REDIRECT,
        redirect_target="desk",
        on_reserve_failure=account_pb2.FAILURE_HANDLING_CONTINUE,
        on_extend_failure=account_pb2.FAILURE_HANDLING_TERMINATE,
        offline_allowance=Duration(seconds=30),
    )


def good_conversation_terms(**changes: Any) -> conversation_pb2.ConversationTerms:
    """Answer terms of conversations that are right, every field of them set."""
    body: dict[str, Any] = {
        "pricing": conversation_pb2.CONVERSATION_PRICING_BOTH,
        "inactivity_timeout": Duration(seconds=90, nanos=500_000_000),
        "reopen_within": Duration(seconds=30),
        "conversation_meter": "talk",
        "message_meter": "word",
    }
    return conversation_pb2.ConversationTerms(**body | changes)


def good_budget(**changes: Any) -> account_pb2.Budget:
    """Answer a budget that is right, every field of it set."""
    body: dict[str, Any] = {
        "budget_id": "per-agent",
        "attribute": "agent",
        "value": "a",
        "together": True,
        "period": account_pb2.BUDGET_PERIOD_DAY,
        "spend_max_micros": 1000,
        "open_holds_max": 10,
    }
    return account_pb2.Budget(**body | changes)


def good(method: Method, account_id: str, *, name: str = "n-1") -> Message:
    """Answer a request that is right."""
    if method.name == "BatchAuthorize":
        reserve = good_body(BY_NAME["Reserve"], account_id, name=name)
        return method.request(operations=[{"request_id": "1", "reserve": reserve}])
    return method.request(**good_body(method, account_id, name=name))


class Failure(NamedTuple):
    """An error as a caller can act on it."""

    code: grpc.StatusCode
    reason: str
    fields: tuple[str, ...]
    text: str


async def failure(call: Any) -> Failure:
    """Await a call that must fail, and read its error."""
    try:
        answer = await call
    except grpc.aio.AioRpcError as error:
        return read_failure(error)
    raise AssertionError(f"answered: {answer}")


def read_failure(error: grpc.aio.AioRpcError) -> Failure:
    """Read an error and its details."""
    status = rpc_status.from_call(error)
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status.details if status else ():
        for known in (info, bad):
            detail.Unpack(known)
    fields = tuple(violation.field for violation in bad.field_violations)
    return Failure(error.code(), info.reason, fields, error.details() or "")


def service_of(caller: Any, method: Method) -> Any:
    """Answer the stub's function for a method."""
    services = {
        ACCOUNTS: caller.accounts,
        CATALOG: caller.catalog,
        EVENTS: caller.events,
        CONVERSATIONS: caller.conversations,
        USAGE: caller.usage,
    }
    return getattr(services.get(method.service, caller.authorization), method.name)


__all__ = [
    "ADMINISTRATION",
    "BY_NAME",
    "CONVERSING",
    "METHODS",
    "OPERATIONS",
    "REPORTING",
    "SELLING",
    "STREAM",
    "TELLING",
    "UNARY",
    "WATCH",
    "Failure",
    "failure",
    "good",
    "good_body",
    "good_budget",
    "good_plan",
    "read_failure",
    "service_of",
]
