"""A website whose agents have answered messages and calls for weeks, for tests of its page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from creditgate import AsyncClient, Attributes, CycleUnit, GrantKind, Rate, Usage
from tests.support.clock import DatabaseClock
from tests.support.dashboard import Dashboard, running_dashboard
from tests.support.database import Connection, Database
from tests.support.server import Running, running_server

SITE = "northwind"
CHAT, VOICE = "chat.message", "voice.call"
RATES = (
    Rate.of(CHAT, model="small", unit_price=1),
    Rate.of(CHAT, model="large", unit_price=3),
    Rate.of(VOICE, model="small", unit_price=60, unit_size=60),
    Rate.of(VOICE, model="large", unit_price=90, unit_size=60),
)
_AGENTS, _TOPICS = ("ann", "max", "otto"), ("billing", "shipping", "returns")


@dataclass
class Website:
    """A tenant's client, its dashboard, and the clock that everything goes by."""

    client: AsyncClient
    dashboard: Dashboard
    clock: DatabaseClock
    connection: Connection
    server: Running

    async def at(self, when: datetime) -> None:
        """Let it be this time."""
        since = when - datetime.fromtimestamp(0, UTC)
        await self.clock.set_time(since // timedelta(microseconds=1))

    async def url(self, account_id: str = SITE) -> str:
        """The URL of an account's page, for its customer."""
        expires_at = await self.clock.read() + timedelta(hours=1)
        return self.dashboard.url + self.dashboard.link(account_id, expires_at=expires_at)


@asynccontextmanager
async def website(database: Database) -> AsyncIterator[Website]:
    """Run a server and a dashboard, on a database whose clock stands still."""
    connection = await database.connect()
    clock = DatabaseClock(connection)
    await clock.stop()
    async with (
        running_server(database.url, run_workers=False) as server,
        running_dashboard(server) as dashboard,
        AsyncClient(server.target, api_key=server.key) as client,
    ):
        yield Website(client, dashboard, clock, connection, server)
    await connection.close()


async def sell(of: Website, *, allowance: int = 500) -> None:
    """Put the rates and the plan that sites are on."""
    await of.client.put_rate_card("site", version=1, rates=RATES)
    await of.client.put_plan(
        "site",
        version=1,
        name="Website",
        cycle=CycleUnit.MONTH,
        allowance=allowance,
        rate_card_id="site",
    )


async def open_site(
    of: Website, account_id: str = SITE, *, time_zone: str = "UTC", anchor: datetime | None = None
) -> None:
    """Open an account on the plan."""
    await of.client.create_account(account_id)
    await of.client.update_account(
        account_id, plan="site@1", time_zone=time_zone, billing_anchor=anchor
    )


async def answer(
    of: Website, name: str, random: Random, *, account_id: str = SITE, topic: str = ""
) -> None:
    """Answer a message, or take a call, of a visitor."""
    model = random.choice(("small", "large", "large"))
    attributes = Attributes(
        agent=random.choice(_AGENTS),
        topic=topic or random.choice(_TOPICS),
        user=f"user-{random.randint(1, 9)}",
        conversation_id=f"visitor-{random.randint(1, 12)}",
    )
    called = random.random() < 0.2
    usage = Usage(VOICE, random.randint(5, 30), model) if called else Usage(CHAT, 1, model)
    await of.client.charge(account_id, hold_id=name, usage=usage, attributes=attributes)


async def weeks(of: Website, *, now: datetime, days: int, each: int, seed: int = 1) -> None:
    """Let a site be used for so many days until now, and let it buy and be given credits."""
    random = Random(seed)
    start = now - timedelta(days=days)
    await of.at(start)
    await sell(of)
    await open_site(of, time_zone="Europe/Berlin", anchor=start)
    gift = {"grant_id": "welcome", "kind": GrantKind.PROMOTIONAL, "amount": 25}
    await of.client.add_grant(SITE, **gift, expires_at=now + timedelta(days=5))  # type: ignore[arg-type]
    for day in range(days):
        if day == days // 2:
            await of.client.add_grant(SITE, grant_id="order-1", amount=300, reference="INV-7")
        for number in range(random.randint(1, each)):
            share = (number + 1) / (each + 1)
            await of.at(start + timedelta(days=day + share))
            await answer(of, f"work-{day}-{number}", random)
    await of.client.refund(SITE, refund_id="sorry", hold_id="work-2-0", amount="0.5")
    await of.at(now)
