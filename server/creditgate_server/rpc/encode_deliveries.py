"""From what the store answers about endpoints and deliveries to messages."""

from __future__ import annotations

from creditgate.v1 import delivery_pb2 as pb
from creditgate_server.domain.deliveries import Delivery, Endpoint, EndpointKind

from .encode import moment


def endpoint(to: pb.Endpoint, of: Endpoint) -> None:
    """Write an endpoint."""
    to.endpoint_id = of.endpoint_id
    if of.kind == EndpointKind.WEBHOOK:
        to.webhook_url = of.address
    else:
        to.email = of.address
    to.kinds.extend(of.kinds)  # type: ignore[arg-type]  # the numbers are those of the API
    to.account_id = of.account_id
    to.state = of.state  # type: ignore[assignment]  # as above
    to.secret_generation = of.generation
    if of.rotated_at is not None:
        moment(to.rotated_at, of.rotated_at)
    if of.created_at is not None:
        moment(to.created_at, of.created_at)


def delivery(to: pb.Delivery, of: Delivery) -> None:
    """Write a delivery."""
    to.event_id = f"{of.account_id}/{of.event_no}"
    to.account_id = of.account_id
    to.event_number = of.event_no
    to.event_kind = of.event_kind  # type: ignore[assignment]  # as above
    to.endpoint_id = of.endpoint_id
    to.state = of.state  # type: ignore[assignment]  # as above
    to.attempts = of.attempts
    to.last_status = of.last_status or 0
    to.last_error = of.last_error
    moment(to.created_at, of.created_at)
    if of.next_at is not None:
        moment(to.next_attempt_at, of.next_at)
    if of.ended_at is not None:
        moment(to.ended_at, of.ended_at)
