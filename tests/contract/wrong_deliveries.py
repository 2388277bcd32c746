"""Requests about endpoints and deliveries with one field wrong, and the name of that field."""

from __future__ import annotations

from typing import Any

from creditgate.v1 import event_service_pb2 as events
from tests.support.bad_values import bad_endpoints

_NAMED: dict[str, Any] = {"account_id": "acme", "event_number": 1, "endpoint_id": "main"}


def _retry(**changes: Any) -> events.RetryDeliveryRequest:
    return events.RetryDeliveryRequest(**_NAMED | changes)


# Whether mail can be sent at all is the server's own affair.
WRONG: list[tuple[Any, str]] = [
    *[
        (events.PutEndpointRequest(endpoint=endpoint), field)
        for field, endpoint in bad_endpoints()
        if endpoint is None or endpoint.email != "a@b.de"
    ],
    (events.DeleteEndpointRequest(endpoint_id="a b"), "endpoint_id"),
    (events.RotateEndpointSecretRequest(endpoint_id="", generation=2), "endpoint_id"),
    (events.RotateEndpointSecretRequest(endpoint_id="main"), "generation"),
    (events.ListEndpointsRequest(page_size=-1), "page_size"),
    (events.ListDeliveriesRequest(state=4), "state"),  # type: ignore[arg-type]
    (events.ListDeliveriesRequest(endpoint_id="a b"), "endpoint_id"),
    (events.ListDeliveriesRequest(account_id="a b"), "account_id"),
    (_retry(account_id=""), "account_id"),
    (_retry(event_number=0), "event_number"),
    (_retry(endpoint_id=""), "endpoint_id"),
]
