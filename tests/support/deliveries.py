"""What tests of deliveries have in common: endpoints, and a sender that says what it is told."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

from creditgate_server.domain.account_keys import AccountKey, account_key
from creditgate_server.domain.accounts import NewAccount
from creditgate_server.domain.deliveries import (
    Answer,
    Delivery,
    DeliveryFilter,
    DeliveryMark,
    Endpoint,
    EndpointKind,
    EndpointState,
    Task,
    Verdict,
)
from creditgate_server.postgres.accounts import PostgresAccounts
from creditgate_server.postgres.endpoints import PostgresEndpoints
from creditgate_server.postgres.outbox import PostgresOutbox
from creditgate_server.postgres.pool import Pool
from creditgate_server.workers.deliver_events import DeliverEvents

DAY = 86_400


async def account(pool: Pool, tenant: UUID, name: str) -> AccountKey:
    await PostgresAccounts(pool).create_account(tenant, NewAccount(name))
    return account_key(tenant, name)


def endpoint(endpoint_id: str = "main", **changes: Any) -> Endpoint:
    made = Endpoint(
        endpoint_id=endpoint_id,
        kind=EndpointKind.WEBHOOK,
        address="https://example.com/hook",
        kinds=(),
        account_id="",
        state=EndpointState.ACTIVE,
        generation=1,
        rotated_at=None,
        created_at=None,
    )
    return made._replace(**changes)


async def put(pool: Pool, tenant: UUID, *args: Any, **changes: Any) -> Endpoint:
    result = await PostgresEndpoints(pool).put_endpoint(tenant, endpoint(*args, **changes))
    assert result.endpoint is not None, result.outcome
    return result.endpoint


class Post:
    """A sender that keeps what it is to send, and answers as it is told."""

    def __init__(self, *answers: Verdict) -> None:
        self.answers = list(answers)
        self.sent: list[Task] = []
        self.closed = False
        self.open = asyncio.Event()
        self.open.set()

    async def send(self, task: Task) -> Answer:
        self.sent.append(task)
        await self.open.wait()
        return Answer(self.answers.pop(0) if self.answers else Verdict.DELIVERED, 200, "words")

    async def close(self) -> None:
        self.closed = True

    @property
    def names(self) -> list[tuple[str, str, int]]:
        return [(task.endpoint_id, task.account_id, task.event_no) for task in self.sent]


class Told:
    """Whom deliveries are told."""

    def __init__(self) -> None:
        self.results: list[str] = []

    def delivered(self, result: str, *, seconds: float) -> None:
        assert seconds >= 0
        self.results.append(str(result))


def worker(pool: Pool, post: Post, told: Told | None = None, *, at_once: int = 16) -> DeliverEvents:
    return DeliverEvents(
        PostgresOutbox(pool),
        post,
        at_once=at_once,
        timeout_seconds=5,
        pause_seconds=0.2,
        retention_seconds=7 * DAY,
        observer=told or Told(),
    )


async def work(worker: DeliverEvents, *, rounds_max: int = 2_000) -> None:
    """Work until nothing is due."""
    for _ in range(rounds_max):
        if not await worker():
            return
    raise AssertionError("it does not come to an end")


async def listed(pool: Pool, tenant: UUID, **chosen: Any) -> list[Delivery]:
    found = await PostgresEndpoints(pool).list_deliveries(
        tenant, DeliveryFilter(**chosen), after=DeliveryMark(), limit=1_000
    )
    return [delivery for delivery, _ in found]
