"""Links: the fake answers as the real server does, but for what is signed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from creditgate import AsyncClient, NotFound, UsageLink
from creditgate.testing import FakeCreditgate
from creditgate_server.domain.keys import key_id_of
from creditgate_server.domain.links import Links
from tests.support.clock import DatabaseClock
from tests.support.database import Database
from tests.support.server import PEPPER, running_server

NOW = datetime(2030, 1, 1, 12, 30, 0, 1, tzinfo=UTC)


async def made(client: AsyncClient) -> list[UsageLink]:
    await client.create_account("acme")
    with pytest.raises(NotFound):
        await client.create_usage_link("nobody")
    return [
        await client.create_usage_link("acme"),
        await client.create_usage_link("acme", ttl_seconds=1),
        await client.create_usage_link("acme", ttl_seconds=30 * 86_400),
        await client.create_usage_link(
            "acme", ttl_seconds=2.9999, allowed_origins=["https://shop.example.com:8443"]
        ),
    ]


async def test_the_fake_links_as_the_real_server_does(database: Database) -> None:
    connection = await database.connect()
    clock = DatabaseClock(connection)
    await clock.stop()
    await clock.set_time(int(NOW.timestamp()) * 10**6 + NOW.microsecond)
    with FakeCreditgate(now=NOW) as service:
        async with service.async_client() as client:
            faked = await made(client)
    async with (
        running_server(database.url, run_workers=False) as server,
        AsyncClient(server.target, api_key=server.key) as client,
    ):
        real = await made(client)
    ends = [link.expires_at for link in real]
    assert ends == [link.expires_at for link in faked]
    start = NOW.replace(microsecond=0) + timedelta(seconds=1)
    assert [(end - start).total_seconds() for end in ends] == [3_600, 1, 30 * 86_400, 2]
    for link in (*faked, *real):
        assert link.url == f"http://127.0.0.1:8080/u/{link.token}"
        assert link.token not in repr(link)
    said = Links(PEPPER, base_url="").open(real[-1].token)
    assert said == (
        server.tenant_id,
        "acme",
        key_id_of(server.key),
        real[-1].expires_at,
        ("https://shop.example.com:8443",),
    )
    await connection.close()
