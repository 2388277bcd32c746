"""Endpoints: the fake answers as the real server does, but for its clock and its secrets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from creditgate import AsyncClient, Endpoint, EndpointSecret, EventKind, Refused
from creditgate.testing import FakeCreditgate
from tests.support.database import Database
from tests.support.server import running_server

URL = "https://hooks.example.com/credits"
SOME_TIME = datetime(2030, 1, 1, tzinfo=UTC)


@asynccontextmanager
async def real(database: Database) -> AsyncIterator[AsyncClient]:
    settings = {"smtp_url": "smtp://localhost", "smtp_from": "c@example.com", "run_workers": False}
    async with (
        running_server(database.url, **settings) as server,
        AsyncClient(server.target, api_key=server.key) as client,
    ):
        yield client


@asynccontextmanager
async def fake(_database: Database) -> AsyncIterator[AsyncClient]:
    with FakeCreditgate() as service:
        async with service.async_client() as client:
            yield client


def shown(answer: Any) -> Any:
    """An answer without what differs: times, of which it says that they are there, and secrets."""
    if isinstance(answer, list):
        return [shown(each) for each in answer]
    if isinstance(answer, EndpointSecret):
        assert bool(answer.secret) == bool(answer.endpoint.webhook_url)
        return shown(answer.endpoint)
    if isinstance(answer, Endpoint):
        rotated = answer.rotated_at and SOME_TIME
        return replace(answer, created_at=SOME_TIME, rotated_at=rotated)
    return answer


async def told(call: Awaitable[Any]) -> Any:
    try:
        return shown(await call)
    except Refused as refused:
        return refused.reason


async def story(client: AsyncClient) -> list[Any]:
    """Do to endpoints all that can be done to them; answers what was answered."""
    put, rotate = client.put_endpoint, client.rotate_endpoint_secret
    answers = [
        await told(put("a", webhook_url=URL)),
        await told(put("a", webhook_url=URL)),
        await told(
            put("a", webhook_url=URL + "?b", kinds=[EventKind.HOLD_LATE, EventKind.BALANCE_LOW])
        ),
        await told(put("b", email="ada@example.com", account_id="acme")),
    ]
    await client.create_account("acme")
    answers += [
        await told(put("b", email="ada@example.com", account_id="acme")),
        await told(rotate("a", generation=1)),
        await told(rotate("a", generation=3)),
        await told(rotate("a", generation=2)),
        await told(rotate("a", generation=2)),
        await told(put("a", webhook_url=URL)),
        await told(rotate("c", generation=2)),
        await told(client.delete_endpoint("c")),
        [await told(client.delete_endpoint("a")) for _ in range(2)],
        await told(rotate("a", generation=3)),
        shown([each async for each in client.list_endpoints()]),
        await told(put("a", webhook_url=URL)),
        [await told(put(f"e{number}", webhook_url=URL)) for number in range(16)],
        [await told(put(f"f{number}", webhook_url=URL, account_id="acme")) for number in range(16)],
        shown([each async for each in client.list_endpoints(page_size=7)]),
        [each async for each in client.list_deliveries()],
        await told(client.retry_delivery("acme", event_number=1, endpoint_id="a")),
    ]
    return answers


async def test_the_fake_tells_the_story_of_the_server(database: Database) -> None:
    told_by = []
    for service in (real, fake):
        async with service(database) as client:
            told_by.append(await story(client))
    ours, theirs = told_by
    assert len(ours) == 21
    for ours_each, theirs_each in zip(ours, theirs, strict=True):
        assert ours_each == theirs_each
    assert [answer for answer in ours if isinstance(answer, str)] == [
        "ACCOUNT_NOT_FOUND",
        "VERSION_SKIPPED",
        "ENDPOINT_NOT_FOUND",
        "ENDPOINT_NOT_FOUND",
        "ENDPOINT_NOT_FOUND",
        "DELIVERY_NOT_FOUND",
    ]
    assert "TOO_MANY_ENDPOINTS" in ours[16]
    assert "TOO_MANY_ENDPOINTS" in ours[17]
