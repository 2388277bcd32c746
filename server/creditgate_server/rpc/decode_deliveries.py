"""From messages about endpoints and deliveries to the values of the domain."""

from __future__ import annotations

import re
from uuid import UUID

from creditgate.v1 import event_service_pb2 as pb
from creditgate_server.domain.account_keys import account_key
from creditgate_server.domain.deliveries import (
    DeliveryFilter,
    DeliveryMark,
    DeliveryName,
    DeliveryState,
    Endpoint,
    EndpointKind,
    EndpointState,
)
from creditgate_server.domain.events import EventKind

from . import fields
from .call import Call
from .targets import Targets

GENERATION_MAX = 2**31 - 1
EVENT_NUMBER_MAX = 2**63 - 1

_KINDS = frozenset(map(int, EventKind))
_STATES = frozenset({0, *map(int, DeliveryState)})
_is_mark = re.compile(r"(\d) ([0-9a-f]{32}) (\d{1,19}) (.*)").fullmatch


def new_endpoint(request: pb.PutEndpointRequest, targets: Targets) -> Endpoint:
    """Decode a PutEndpoint."""
    if not request.HasField("endpoint"):
        raise fields.bad(request, "endpoint", "must be set")
    given = request.endpoint
    endpoint_id = fields.identifier(request, "endpoint.endpoint_id", given.endpoint_id)
    kind, address = _target(request, targets)
    account_id = fields.identifier_or_empty(request, "endpoint.account_id", given.account_id)
    return Endpoint(
        endpoint_id=endpoint_id,
        kind=kind,
        address=address,
        kinds=_kinds(request),
        account_id=account_id,
        state=EndpointState.ACTIVE,
        generation=1,
        rotated_at=None,
        created_at=None,
    )


def endpoint_id_of(request: pb.DeleteEndpointRequest | pb.RotateEndpointSecretRequest) -> str:
    """Check and answer an endpoint's name."""
    return fields.identifier(request, "endpoint_id", request.endpoint_id)


def generation(request: pb.RotateEndpointSecretRequest) -> int:
    """Decode which secret is to be made."""
    given = request.generation
    return fields.number(request, "generation", given, low=1, high=GENERATION_MAX)


def delivery_filter(request: pb.ListDeliveriesRequest, call: Call) -> DeliveryFilter:
    """Decode which deliveries are to be listed."""
    state = fields.choice(request, "state", request.state, _STATES)
    endpoint_id = fields.identifier_or_empty(request, "endpoint_id", request.endpoint_id)
    account_id = fields.identifier_or_empty(request, "account_id", request.account_id)
    return DeliveryFilter(
        state=state or None,
        endpoint_id=endpoint_id or None,
        account=account_key(call.tenant_id, account_id) if account_id else None,
    )


def delivery_name(request: pb.RetryDeliveryRequest) -> DeliveryName:
    """Decode which delivery is meant."""
    return DeliveryName(
        fields.identifier(request, "account_id", request.account_id),
        fields.number(request, "event_number", request.event_number, low=1, high=EVENT_NUMBER_MAX),
        fields.identifier(request, "endpoint_id", request.endpoint_id),
    )


def write_mark(mark: DeliveryMark) -> str:
    """Write where a list goes on as a page token has it."""
    return f"{mark.state} {mark.account_key.hex} {mark.event_no} {mark.endpoint_id}"


def read_mark(text: str) -> DeliveryMark:
    """Read what `write_mark` has written; empty is the beginning."""
    if not text:
        return DeliveryMark()
    match = _is_mark(text)
    assert match is not None, "page tokens are signed"
    return DeliveryMark(int(match[1]), UUID(match[2]), match[4], int(match[3]))


def _target(request: pb.PutEndpointRequest, targets: Targets) -> tuple[int, str]:
    given = request.endpoint
    field = given.WhichOneof("target")
    if field == "webhook_url":
        kind, problem = EndpointKind.WEBHOOK, targets.url_problem(given.webhook_url)
    elif field == "email":
        kind, problem = EndpointKind.EMAIL, targets.mail_problem(given.email)
    else:
        raise fields.bad(request, "endpoint.target", "must be webhook_url or email")
    if problem is not None:
        raise fields.bad(request, f"endpoint.{field}", problem)
    return kind, getattr(given, field)


def _kinds(request: pb.PutEndpointRequest) -> tuple[int, ...]:
    given = request.endpoint.kinds
    if len(set(given)) < len(given):
        raise fields.bad(request, "endpoint.kinds", "must name each kind once")
    for at, kind in enumerate(given):
        fields.choice(request, f"endpoint.kinds[{at}]", kind, _KINDS)
    return tuple(sorted(given))
