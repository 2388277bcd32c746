"""The requests about endpoints and deliveries."""

from __future__ import annotations

from collections.abc import Iterable

from creditgate._messages.convert import (
    instant,
    number,
    optional_instant,
    word,
)
from creditgate._messages.work import (
    Call,
)
from creditgate._types.base import Page
from creditgate._types.delivery import (
    Delivery,
    DeliveryState,
    Endpoint,
    EndpointSecret,
    EndpointState,
)
from creditgate._types.event import EventKind
from creditgate.v1 import delivery_pb2, event_pb2
from creditgate.v1 import event_service_pb2 as messages


def put_endpoint(
    endpoint_id: str,
    *,
    webhook_url: str | None,
    email: str | None,
    kinds: Iterable[EventKind],
    account_id: str,
) -> Call[EndpointSecret]:
    if (webhook_url is None) == (email is None):
        raise ValueError("an endpoint has a webhook_url or an email, and not both")
    endpoint = delivery_pb2.Endpoint(
        endpoint_id=endpoint_id,
        kinds=[
            event_pb2.EventKind.ValueType(number(event_pb2.EventKind, EventKind(kind).value))
            for kind in kinds
        ],
        account_id=account_id,
    )
    if webhook_url is not None:
        endpoint.webhook_url = webhook_url
    if email is not None:
        endpoint.email = email
    return Call("PutEndpoint", messages.PutEndpointRequest(endpoint=endpoint), read_secret)


def list_endpoints(*, page_size: int, page_token: str) -> Call[Page[Endpoint]]:
    request = messages.ListEndpointsRequest(page_size=page_size, page_token=page_token)
    return Call("ListEndpoints", request, read_endpoints, writes=False)


def delete_endpoint(endpoint_id: str) -> Call[None]:
    request = messages.DeleteEndpointRequest(endpoint_id=endpoint_id)
    return Call("DeleteEndpoint", request, read_nothing)


def rotate_endpoint_secret(endpoint_id: str, *, generation: int) -> Call[EndpointSecret]:
    request = messages.RotateEndpointSecretRequest(endpoint_id=endpoint_id, generation=generation)
    return Call("RotateEndpointSecret", request, read_secret)


def list_deliveries(
    *,
    state: DeliveryState | None,
    endpoint_id: str,
    account_id: str,
    page_size: int,
    page_token: str,
) -> Call[Page[Delivery]]:
    chosen = 0 if state is None else number(delivery_pb2.DeliveryState, DeliveryState(state).value)
    request = messages.ListDeliveriesRequest(
        state=delivery_pb2.DeliveryState.ValueType(chosen),
        endpoint_id=endpoint_id,
        account_id=account_id,
        page_size=page_size,
        page_token=page_token,
    )
    return Call("ListDeliveries", request, read_deliveries, writes=False)


def retry_delivery(account_id: str, *, event_number: int, endpoint_id: str) -> Call[Delivery]:
    request = messages.RetryDeliveryRequest(
        account_id=account_id, event_number=event_number, endpoint_id=endpoint_id
    )
    return Call("RetryDelivery", request, lambda answer: read_delivery(answer.delivery))


def read_endpoint(endpoint: delivery_pb2.Endpoint) -> Endpoint:
    return Endpoint(
        endpoint_id=endpoint.endpoint_id,
        webhook_url=endpoint.webhook_url,
        email=endpoint.email,
        kinds=tuple(EventKind(word(event_pb2.EventKind, kind)) for kind in endpoint.kinds),
        account_id=endpoint.account_id,
        state=EndpointState(word(delivery_pb2.EndpointState, endpoint.state)),
        secret_generation=endpoint.secret_generation,
        rotated_at=optional_instant(endpoint, "rotated_at"),
        created_at=instant(endpoint.created_at),
    )


def read_endpoints(answer: messages.ListEndpointsResponse) -> Page[Endpoint]:
    items = tuple(map(read_endpoint, answer.endpoints))
    return Page(items=items, next_page_token=answer.next_page_token)


def read_secret(
    answer: messages.PutEndpointResponse | messages.RotateEndpointSecretResponse,
) -> EndpointSecret:
    return EndpointSecret(endpoint=read_endpoint(answer.endpoint), secret=answer.secret)


def read_nothing(_: messages.DeleteEndpointResponse) -> None:
    """Nothing is answered."""


def read_delivery(delivery: delivery_pb2.Delivery) -> Delivery:
    return Delivery(
        event_id=delivery.event_id,
        account_id=delivery.account_id,
        event_number=delivery.event_number,
        event_kind=EventKind(word(event_pb2.EventKind, delivery.event_kind)),
        endpoint_id=delivery.endpoint_id,
        state=DeliveryState(word(delivery_pb2.DeliveryState, delivery.state)),
        attempts=delivery.attempts,
        next_attempt_at=optional_instant(delivery, "next_attempt_at"),
        last_status=delivery.last_status or None,
        last_error=delivery.last_error,
        created_at=instant(delivery.created_at),
        ended_at=optional_instant(delivery, "ended_at"),
    )


def read_deliveries(answer: messages.ListDeliveriesResponse) -> Page[Delivery]:
    items = tuple(map(read_delivery, answer.deliveries))
    return Page(items=items, next_page_token=answer.next_page_token)
