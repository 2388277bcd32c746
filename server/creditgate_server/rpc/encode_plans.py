"""From what the store answers about plans, add-ons and statements to messages."""

from __future__ import annotations

from datetime import timedelta

from creditgate.v1 import account_service_pb2 as pb
from creditgate.v1 import catalog_service_pb2
from creditgate_server.domain.plans import Addon, Plan
from creditgate_server.domain.statements import Entry

from . import encode_budgets, encode_calls, encode_conversations, thresholds
from .encode import moment


def plan(to: catalog_service_pb2.Plan, of: Plan) -> None:
    """Write a version of a plan."""
    to.plan_id = of.plan_id
    to.version = of.version
    to.name = of.name
    to.allowance_micros = of.allowance_micros
    to.cycle = of.cycle_unit  # type: ignore[assignment]  # the numbers are those of the API
    to.rollover_max_micros = of.rollover_max_micros
    to.welcome_micros = of.welcome_micros
    to.overdraft_limit_micros = of.overdraft_limit_micros
    to.overage_policy = of.overage_policy  # type: ignore[assignment]  # as above
    to.limits.hold_max_micros = of.hold_max_micros or 0
    to.limits.open_holds_max = of.open_holds_max or 0
    if of.hold_ttl_max_ms is not None:
        to.limits.hold_ttl_max.FromTimedelta(timedelta(milliseconds=of.hold_ttl_max_ms))
    for each in of.budgets:
        encode_budgets.budget(to.budgets.add(), each)
    if of.created_at is not None:
        moment(to.created_at, of.created_at)
    to.thresholds.SetInParent()
    thresholds.encode(to.thresholds.thresholds, of.thresholds)
    to.expiry_notice.FromMilliseconds(of.expiry_notice_ms)
    to.rate_card_id = of.rate_card_id
    to.rate_card_version = of.rate_card_version
    encode_calls.call_terms(to.call_terms, of.call_terms)
    encode_conversations.conversation_terms(to.conversation_terms, of.conversation_terms)


def addon(to: pb.Addon, of: Addon) -> None:
    """Write an add-on."""
    to.addon_id = of.addon_id
    to.amount_micros = of.amount_micros
    to.outlives_cycle = of.lasts
    to.priority = of.priority
    if of.created_at is not None:
        moment(to.created_at, of.created_at)
    if of.cancelled_at is not None:
        moment(to.cancelled_at, of.cancelled_at)


def entry(to: pb.Entry, of: Entry) -> None:
    """Write a line of a statement."""
    to.version = of.version
    to.line = of.line
    to.kind = of.kind  # type: ignore[assignment]  # as above
    to.amount_micros = of.amount_micros
    to.settled_micros = of.settled_micros
    to.hold_id = of.hold_id or ""
    to.name = of.name or ""
    for grant_id, micros in of.draws:
        if micros:  # a grant that only paid debt has nothing of its amount
            to.draws.add(grant_id=grant_id, amount_micros=micros)
    moment(to.created_at, of.created_at)
