"""Events on their way to those who asked for them: endpoints, and deliveries to them."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum, StrEnum
from random import uniform
from typing import TYPE_CHECKING, NamedTuple, Protocol
from uuid import UUID, uuid5

if TYPE_CHECKING:
    from datetime import datetime

    from .account_keys import AccountKey
    from .outcomes import Outcome

ENDPOINTS_MAX = 16
"""How many endpoints a tenant may have for all accounts, and for each single one."""

RETRY_SECONDS = (5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 28_800, 30_000)
"""How long after each failed attempt the next one follows; after the last, none does."""

_JITTER = 0.2


class EndpointKind(IntEnum):
    """How an endpoint is reached. The numbers are those of the database."""

    WEBHOOK = 1
    EMAIL = 2


class EndpointState(IntEnum):
    """Whether an endpoint is sent to. The numbers are those of the database and of the API."""

    ACTIVE = 1
    DISABLED = 2
    DELETED = 3


class DeliveryState(IntEnum):
    """How far a delivery is. The numbers are those of the database and of the API."""

    PENDING = 1
    DONE = 2
    DEAD = 3


class Endpoint(NamedTuple):
    """Where events go. `kinds` empty means all, `account_id` empty means those of all accounts.

    `generation` counts the secrets it has had; `rotated_at` is when it got this one, None for the
    first. `created_at` None: the database says when.
    """

    endpoint_id: str
    kind: int
    address: str
    kinds: Sequence[int]
    account_id: str
    state: int
    generation: int
    rotated_at: datetime | None
    created_at: datetime | None


class EndpointResult(NamedTuple):
    """The answer to what changes an endpoint."""

    outcome: Outcome
    endpoint: Endpoint | None


class DeliveryName(NamedTuple):
    """Which delivery: an account's event on its way to an endpoint."""

    account_id: str
    event_no: int
    endpoint_id: str


class Delivery(NamedTuple):
    """An event on its way to an endpoint. `next_at` is None unless it is to be tried."""

    account_id: str
    event_no: int
    endpoint_id: str
    event_kind: int
    state: int
    attempts: int
    next_at: datetime | None
    last_status: int | None
    last_error: str
    created_at: datetime
    ended_at: datetime | None


class DeliveryFilter(NamedTuple):
    """Which deliveries to list; None does not choose."""

    state: int | None = None
    endpoint_id: str | None = None
    account: AccountKey | None = None


class DeliveryMark(NamedTuple):
    """Where a list of deliveries goes on; by default at its beginning."""

    state: int = 0
    account_key: UUID = UUID(int=0)
    endpoint_id: str = ""
    event_no: int = 0


class DeliveryResult(NamedTuple):
    """The answer to RetryDelivery."""

    outcome: Outcome
    delivery: Delivery | None


class Task(NamedTuple):
    """An attempt to make now: the event, where it goes, and by which number it is known.

    `attempts` counts this one. `body` is JSON text, None when the event is no longer kept.
    `sent_at` is now, by the database's clock.
    """

    bucket: int
    account_key: UUID
    endpoint_id: str
    event_no: int
    attempts: int
    tenant_id: UUID
    endpoint_kind: int
    address: str
    endpoint_state: int
    generation: int
    rotated: bool
    account_id: str
    event_kind: int
    version: int
    settled_micros: int
    held_micros: int
    overdraft_limit_micros: int
    body: str | None
    created_at: datetime
    sent_at: datetime

    @property
    def endpoint(self) -> EndpointName:
        """The endpoint's full name."""
        return self.tenant_id, self.endpoint_id

    @property
    def message_id(self) -> str:
        """What the message is known by; the same for every attempt."""
        return f"evt_{self.account_key.hex}_{self.event_no}"

    @property
    def event_id(self) -> str:
        """The event's name, unique within the tenant."""
        return f"{self.account_id}/{self.event_no}"

    @property
    def endpoint_mark(self) -> str:
        """The endpoint in letters and digits alone."""
        return uuid5(self.tenant_id, self.endpoint_id).hex


EndpointName = tuple[UUID, str]
"""An endpoint's full name: its tenant, and its id. An empty id stands for all of the tenant's."""


class Places(NamedTuple):
    """How much may be taken: `limit` in all, and so much for each endpoint and each tenant.

    Of a `slow` endpoint one at most, and nothing for those that are `busy`. What is taken is nobody
    else's for `lease_seconds`.
    """

    limit: int
    lease_seconds: float
    per_endpoint: int = 8
    per_tenant: int = 16
    busy: Sequence[EndpointName] = ()
    slow: Sequence[EndpointName] = ()


class Verdict(StrEnum):
    """How an attempt ended."""

    DELIVERED = "delivered"
    FAILED = "failed"
    """It is tried again, unless it was the last attempt."""
    REJECTED = "rejected"
    """It will never be taken: it is not tried again."""
    GONE = "gone"
    """Nothing will ever be taken there: the endpoint is disabled."""


class Answer(NamedTuple):
    """What came of an attempt; `status` is the receiver's own number, where it gave one."""

    verdict: Verdict
    status: int | None = None
    error: str = ""


class Settled(NamedTuple):
    """What came of an attempt and what follows, as the database is told it.

    `wait_seconds` is None when nothing follows.
    """

    bucket: int
    account_key: UUID
    endpoint_id: str
    event_no: int
    attempts: int
    state: int
    wait_seconds: float | None
    disable: bool
    status: int | None
    error: str


class Backlog(NamedTuple):
    """What waits and what nobody took, in numbers."""

    pending: int = 0
    oldest_seconds: float = 0.0
    dead: int = 0

    def merged(self, other: Backlog) -> Backlog:
        """Put two parts together."""
        oldest = max(self.oldest_seconds, other.oldest_seconds)
        return Backlog(self.pending + other.pending, oldest, self.dead + other.dead)


def settled(task: Task, answer: Answer) -> Settled:
    """Decide what follows an attempt."""
    wait_seconds = None
    state = DeliveryState.DEAD
    if answer.verdict is Verdict.DELIVERED:
        state = DeliveryState.DONE
    elif answer.verdict is Verdict.FAILED and task.attempts <= len(RETRY_SECONDS):
        state = DeliveryState.PENDING
        wait_seconds = RETRY_SECONDS[task.attempts - 1] * _spread()
    return Settled(
        *task[:5],
        state=state,
        wait_seconds=wait_seconds,
        disable=answer.verdict is Verdict.GONE,
        status=answer.status,
        error=answer.error,
    )


def _spread() -> float:
    # Never earlier than said: a day of attempts is a day.
    return uniform(1, 1 + _JITTER)  # noqa: S311 - spreads attempts, hides nothing


class Endpoints(Protocol):
    """Endpoints and deliveries of a tenant. Raises only `domain.errors`."""

    async def put_endpoint(self, tenant_id: UUID, new: Endpoint) -> EndpointResult:
        """Write an endpoint: ACCEPTED, ACCOUNT_NOT_FOUND or TOO_MANY_ENDPOINTS."""
        ...

    async def list_endpoints(
        self, tenant_id: UUID, *, after: str, limit: int
    ) -> Sequence[Endpoint]:
        """Read endpoints whose ids come after `after`, in their order."""
        ...

    async def delete_endpoint(self, tenant_id: UUID, endpoint_id: str) -> EndpointResult:
        """Delete an endpoint: ACCEPTED or ENDPOINT_NOT_FOUND."""
        ...

    async def rotate_secret(
        self, tenant_id: UUID, endpoint_id: str, generation: int
    ) -> EndpointResult:
        """Give an endpoint its next secret: ACCEPTED, ENDPOINT_NOT_FOUND or VERSION_SKIPPED."""
        ...

    async def list_deliveries(
        self, tenant_id: UUID, chosen: DeliveryFilter, *, after: DeliveryMark, limit: int
    ) -> Sequence[tuple[Delivery, DeliveryMark]]:
        """Read deliveries in the order of their marks, each with where a list goes on after it."""
        ...

    async def retry_delivery(self, tenant_id: UUID, name: DeliveryName) -> DeliveryResult:
        """Try a dead delivery again: ACCEPTED or DELIVERY_NOT_FOUND."""
        ...


class Outbox(Protocol):
    """What delivers events needs of the database. Raises only `domain.errors`."""

    async def due_buckets(self) -> Sequence[int]:
        """Answer the buckets in which something is to be done."""
        ...

    async def fan_out(self, bucket: int, *, limit: int) -> int:
        """Make deliveries of up to `limit` events, in their order; answers how many events."""
        ...

    async def take(self, bucket: int, places: Places) -> Sequence[Task]:
        """Take what is to be tried now, as far as there are places for it."""
        ...

    async def settle(self, settled: Sequence[Settled]) -> None:
        """Note what came of attempts; of those that are no longer the latest, nothing."""
        ...

    async def forget(self, bucket: int, *, older_seconds: float, limit: int) -> int:
        """Remove deliveries that ended so long ago; answers how many."""
        ...

    async def backlog(self, bucket: int) -> Backlog:
        """Measure what waits in one bucket."""
        ...
