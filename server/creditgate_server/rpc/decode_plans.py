"""From messages about plans and add-ons to the values of the domain."""

from __future__ import annotations

from typing import NamedTuple

from creditgate.v1 import account_service_pb2 as pb
from creditgate.v1 import catalog_service_pb2 as catalog_pb
from creditgate_server.domain.accounts import OveragePolicy
from creditgate_server.domain.events import EXPIRY_NOTICE_MS_DEFAULT, THRESHOLDS_DEFAULT
from creditgate_server.domain.plans import Addon, CycleUnit, Plan

from . import decode_budgets, decode_calls, decode_conversations, fields, thresholds
from .fingerprint import fingerprint, unusual

VERSION_MAX = 2**31 - 1
EXPIRY_NOTICE_MS_MAX = 366 * 86_400_000
ADDON_ID_MAX = 80
"""Shorter than other names: grants are named after add-ons, and after when they began."""

_CAP = int(OveragePolicy.CAP)
_POLICIES = frozenset(map(int, OveragePolicy))
_UNITS = frozenset(map(int, CycleUnit))
_TIMINGS = frozenset(pb.PlanTiming.values())
# Fields that name a plan, and those that a fingerprint writes in its own way.
_APART = frozenset({"plan_id", "version", "budgets", "call_terms", "conversation_terms"})
# Left out of fingerprints where they are as usual: plans were written before they were known.
_USUAL = {"thresholds": THRESHOLDS_DEFAULT, "expiry_notice_ms": EXPIRY_NOTICE_MS_DEFAULT}


class PlanChoice(NamedTuple):
    """The plan an account is put on: the fields of `AccountChange` of the same names."""

    plan_id: str | None = None
    plan_version: int | None = None
    next_cycle: bool = False


def plan_change(request: pb.UpdateAccountRequest) -> PlanChoice:
    """Decode which plan an UpdateAccount chooses, and when."""
    if not request.HasField("plan"):
        return PlanChoice()
    chosen = request.plan
    plan_id = fields.identifier(request, "plan.plan_id", chosen.plan_id)
    version = fields.number(request, "plan.version", chosen.version, low=1, high=VERSION_MAX)
    timing = fields.choice(request, "plan.timing", chosen.timing, _TIMINGS)
    return PlanChoice(plan_id, version, timing == pb.PLAN_TIMING_NEXT_CYCLE)


def new_plan(request: catalog_pb.PutPlanRequest) -> Plan:
    """Decode a PutPlan."""
    if not request.HasField("plan"):
        raise fields.bad(request, "plan", "must be set")
    given, limits = request.plan, request.plan.limits
    unit = fields.choice(request, "plan.cycle", given.cycle, _UNITS)
    plan = Plan(
        plan_id=fields.identifier(request, "plan.plan_id", given.plan_id),
        version=fields.number(request, "plan.version", given.version, low=1, high=VERSION_MAX),
        name=fields.text(request, "plan.name", given.name),
        allowance_micros=_per_cycle(request, "allowance_micros", given.allowance_micros),
        cycle_unit=unit,
        rollover_max_micros=_per_cycle(request, "rollover_max_micros", given.rollover_max_micros),
        welcome_micros=_amount(request, "welcome_micros", given.welcome_micros),
        overdraft_limit_micros=_amount(
            request, "overdraft_limit_micros", given.overdraft_limit_micros
        ),
        overage_policy=fields.choice(
            request, "plan.overage_policy", given.overage_policy or _CAP, _POLICIES
        ),
        hold_max_micros=_amount(request, "limits.hold_max_micros", limits.hold_max_micros) or None,
        hold_ttl_max_ms=_hold_ttl_max_ms(request),
        open_holds_max=_amount(request, "limits.open_holds_max", limits.open_holds_max) or None,
        budgets=decode_budgets.plan_budgets(request),
        thresholds=_thresholds(request),
        expiry_notice_ms=_expiry_notice_ms(request),
        rate_card_id=fields.identifier_or_empty(request, "plan.rate_card_id", given.rate_card_id),
        rate_card_version=_rate_card_version(request),
        call_terms=decode_calls.call_terms(request),
        conversation_terms=decode_conversations.conversation_terms(request),
    )
    return plan._replace(fingerprint=_plan_fingerprint(plan))


def asked_plan(request: catalog_pb.GetPlanRequest) -> tuple[str, int]:
    """Decode a GetPlan: the plan's id and version, 0 for the latest."""
    plan_id = fields.identifier(request, "plan_id", request.plan_id)
    return plan_id, fields.number(request, "version", request.version, high=VERSION_MAX)


def new_addon(request: pb.AddAddonRequest) -> Addon:
    """Decode an AddAddon."""
    addon = Addon(
        addon_id=_addon_id(request),
        amount_micros=fields.amount(request, "amount_micros", request.amount_micros),
        lasts=request.outlives_cycle,
        priority=fields.number(request, "priority", request.priority, high=fields.PRIORITY_MAX),
        fingerprint=b"",
    )
    return addon._replace(fingerprint=_addon_fingerprint(addon))


def _addon_id(request: pb.AddAddonRequest) -> str:
    addon_id = fields.identifier(request, "addon_id", request.addon_id)
    if len(addon_id) > ADDON_ID_MAX:
        problem = f"must have 1 to {ADDON_ID_MAX} characters, got {len(addon_id)}"
        raise fields.bad(request, "addon_id", problem)
    return addon_id


def _amount(request: catalog_pb.PutPlanRequest, field: str, value: int) -> int:
    return fields.amount(request, f"plan.{field}", value, low=0)


def _per_cycle(request: catalog_pb.PutPlanRequest, field: str, value: int) -> int:
    if value and not request.plan.cycle:
        raise fields.bad(request, f"plan.{field}", f"must be 0 without cycles, got {value}")
    return _amount(request, field, value)


def _hold_ttl_max_ms(request: catalog_pb.PutPlanRequest) -> int | None:
    longest = request.plan.limits.hold_ttl_max
    if not (longest.seconds or longest.nanos):
        return None
    return fields.ttl_ms(request, longest, field="plan.limits.hold_ttl_max")


def _rate_card_version(request: catalog_pb.PutPlanRequest) -> int:
    field, version = "plan.rate_card_version", request.plan.rate_card_version
    if version and not request.plan.rate_card_id:
        raise fields.bad(request, field, f"must be 0 without rate_card_id, got {version}")
    return fields.number(request, field, version, high=VERSION_MAX)


def _thresholds(request: catalog_pb.PutPlanRequest) -> tuple[int, ...]:
    if not request.plan.HasField("thresholds"):
        return THRESHOLDS_DEFAULT
    given = request.plan.thresholds.thresholds
    # The order in which they are given means nothing.
    return tuple(sorted(thresholds.decode(request, "plan.thresholds.thresholds", given)))


def _expiry_notice_ms(request: catalog_pb.PutPlanRequest) -> int:
    if not request.plan.HasField("expiry_notice"):
        return EXPIRY_NOTICE_MS_DEFAULT
    notice = request.plan.expiry_notice
    return fields.duration_ms(request, "plan.expiry_notice", notice, high=EXPIRY_NOTICE_MS_MAX)


def _plan_fingerprint(plan: Plan) -> bytes:
    parts = [
        f"{name}={value}"
        for name, value in plan._asdict().items()
        if name not in _APART and (value != _USUAL[name] if name in _USUAL else value)
    ]
    if plan.budgets:
        parts.append(f"budgets={decode_budgets.meaning(plan.budgets)}")
    parts += unusual("call_terms", plan.call_terms, decode_calls.USUAL)
    parts += unusual("conversation_terms", plan.conversation_terms, decode_conversations.USUAL)
    return fingerprint("plan", parts)


def _addon_fingerprint(addon: Addon) -> bytes:
    parts = [f"amount_micros={addon.amount_micros}"]
    if addon.lasts:
        parts.append("outlives_cycle=true")
    if addon.priority:
        parts.append(f"priority={addon.priority}")
    return fingerprint("addon", parts)
