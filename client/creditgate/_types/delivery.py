"""What the service answers about endpoints and deliveries, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from creditgate._types.base import Word
from creditgate._types.event import EventKind


class EndpointState(Word):
    """Whether events are sent to an endpoint; DISABLED ones said that they are gone."""

    UNKNOWN = "UNKNOWN"
    ACTIVE = "ACTIVE"
    DISABLED = "DISABLED"


class DeliveryState(Word):
    """How far a delivery is; DEAD ones were given up."""

    UNKNOWN = "UNKNOWN"
    PENDING = "PENDING"
    DONE = "DONE"
    DEAD = "DEAD"


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Where events go: one of `webhook_url` and `email`, the other is empty.

    `kinds` is empty for all kinds, `account_id` for all accounts.
    """

    endpoint_id: str
    webhook_url: str
    email: str
    kinds: tuple[EventKind, ...]
    account_id: str
    state: EndpointState
    secret_generation: int
    rotated_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class EndpointSecret:
    """An endpoint, and the secret its webhooks are signed with; empty for e-mail."""

    endpoint: Endpoint
    secret: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """An event on its way to an endpoint.

    `last_status` is what the receiver answered, None where it answered nothing. `ended_at` is None
    while the delivery is pending, `next_attempt_at` afterwards.
    """

    event_id: str
    account_id: str
    event_number: int
    event_kind: EventKind
    endpoint_id: str
    state: DeliveryState
    attempts: int
    next_attempt_at: datetime | None
    last_status: int | None
    last_error: str
    created_at: datetime
    ended_at: datetime | None
