"""From messages about calls to the values of the domain."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from google.protobuf.duration_pb2 import Duration

from creditgate.v1 import authorization_service_pb2 as pb
from creditgate.v1 import catalog_service_pb2 as catalog_pb
from creditgate_server.domain.calls import CallTerms, FailureHandling, FinalAction, gateway_key
from creditgate_server.domain.rates import Usage

from . import fields

MARGIN_MS_MAX = 3_600_000
SECONDS_MAX = 86_400
TARGET_MAX = 256
USUAL = CallTerms()
PATH = "plan.call_terms"

_ACTIONS = frozenset(map(int, FinalAction))
_HANDLINGS = frozenset(map(int, FailureHandling))


def call_terms(request: catalog_pb.PutPlanRequest) -> CallTerms:
    """Decode the call terms of a PutPlan; what is left out is as usual."""
    given = request.plan.call_terms
    margin_ms = partial(fields.usual_ms, request, PATH, given, high=MARGIN_MS_MAX)
    action = _choice(request, "final_action", given.final_action, USUAL.final_action, _ACTIONS)
    return CallTerms(
        max_duration_seconds=_seconds(request, "max_duration", given.max_duration),
        renew_before_ms=margin_ms("renew_before", usual=USUAL.renew_before_ms, low=1000),
        warn_before_ms=margin_ms("warn_before", usual=USUAL.warn_before_ms, low=0),
        final_action=action,
        redirect_target=_target(request, action),
        on_reserve_failure=_choice(
            request, "on_reserve_failure", given.on_reserve_failure, USUAL.on_reserve_failure,
            _HANDLINGS,
        ),
        on_extend_failure=_choice(
            request, "on_extend_failure", given.on_extend_failure, USUAL.on_extend_failure,
            _HANDLINGS,
        ),
        offline_allowance_seconds=_seconds(request, "offline_allowance", given.offline_allowance),
    )  # fmt: skip


def of_gateway(
    request: pb.ReserveRequest, tenant_id: UUID, works: tuple[Usage, ...]
) -> tuple[Usage, ...]:
    """Add the gateway of a call to what it uses, which is seconds of one meter."""
    if request.WhichOneof("price") != "usage":
        raise fields.bad(request, "usage", "must be set where call is: its quantity is seconds")
    (work,), call = works, request.call
    gateway_id = fields.identifier(request, "call.gateway_id", call.gateway_id)
    epoch = fields.amount(request, "call.gateway_epoch", call.gateway_epoch)
    key = gateway_key(tenant_id, gateway_id)
    return (work._replace(gateway_id=gateway_id, gateway_key=key, gateway_epoch=epoch),)


def _seconds(request: catalog_pb.PutPlanRequest, name: str, span: Duration) -> int:
    if not 0 <= span.seconds <= SECONDS_MAX or span.nanos:
        got = f"got {span.seconds} s and {span.nanos} ns"
        problem = f"must be whole seconds, 0 to {SECONDS_MAX}, {got}"
        raise fields.bad(request, f"{PATH}.{name}", problem)
    return span.seconds


def _choice(
    request: catalog_pb.PutPlanRequest, name: str, value: int, usual: int, known: frozenset[int]
) -> int:
    return fields.choice(request, f"{PATH}.{name}", value or usual, known)


def _target(request: catalog_pb.PutPlanRequest, action: int) -> str:
    field, target = f"{PATH}.redirect_target", request.plan.call_terms.redirect_target
    if action != FinalAction.REDIRECT:
        if target:
            raise fields.bad(request, field, "must be empty unless final_action is REDIRECT")
        return ""
    return fields.text(request, field, target, low=1, high=TARGET_MAX)
