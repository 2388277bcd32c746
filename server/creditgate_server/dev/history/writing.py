"""Writes a history: moves the clock, and lets happen what happens then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from creditgate import AsyncClient
from creditgate_server.app import App
from creditgate_server.dev.history.cast import ACCOUNTS, cast
from creditgate_server.dev.history.days import days_until
from creditgate_server.dev.history.story import Story
from creditgate_server.domain.keys import Scope
from creditgate_server.migrate import migrate
from creditgate_server.postgres.drafts import Drafts, SetClock, clock_set
from creditgate_server.postgres.keys import PostgresKeys
from creditgate_server.postgres.pool import Pool, open_pool
from creditgate_server.postgres.sweeps import PostgresSweeps
from creditgate_server.settings import Settings
from creditgate_server.telemetry import Telemetry
from creditgate_server.workers.expire_holds import ExpireHolds

_SWEEP_LIMIT = 500
_OPENING = timedelta(minutes=10)
_BEFORE_NOW = timedelta(seconds=1)


class HistoryError(Exception):
    """What was written breaks a rule of the ledger; the draft is left to be looked at."""


@dataclass(frozen=True, kw_only=True)
class Plot:
    """What is to be written: the `days` before `now`, in the life of accounts of a tenant."""

    tenant: str
    now: datetime
    days: int = 365
    accounts: Sequence[str] = ACCOUNTS
    seed: str = "creditgate"


async def ensure_history(
    drafts: Drafts, name: str, plot: Plot, *, pepper: str, told: Callable[[str], None]
) -> None:
    """Write a database's history, unless it is there.

    Broken off, it leaves a draft that the next one drops. `told` hears of the progress.
    """
    if await drafts.is_whole(name):
        return
    url = await drafts.begin(name)
    await write_history(url, plot, pepper=pepper, told=told)
    await drafts.finish(name)


async def write_history(url: str, plot: Plot, *, pepper: str, told: Callable[[str], None]) -> None:
    """Live through a history in an empty database. Raises `HistoryError`."""
    await migrate(url)
    # Whatever is due comes at its instant; nothing must happen in between.
    own = Settings(
        database_url=url,
        key_pepper=pepper,
        listen="127.0.0.1:0",
        run_workers=False,
        allow_unsafe_durability=True,
        drain_notice_ms=0,
    )
    pool = await open_pool(own)
    async with _serving(own, pool) as app:
        keys = PostgresKeys(pool)
        tenant, _ = await keys.ensure_tenant(plot.tenant)
        key = await keys.create_key(
            tenant.tenant_id, pepper=pepper, scopes=list(Scope), name="history"
        )
        async with AsyncClient(app.address, api_key=key.text, stream=True) as client:
            async with clock_set(url) as clock:
                stories = cast(client, plot.accounts, seed=plot.seed)
                await History(clock, PostgresSweeps(pool), stories).write(plot, told=told)
            await _check(pool)
        await keys.revoke_key(key.key_id)


class History:
    """Stories that share a clock."""

    def __init__(self, clock: SetClock, sweeps: PostgresSweeps, stories: Sequence[Story]) -> None:
        self._clock, self._stories = clock, stories
        self._sweep = ExpireHolds(sweeps, limit=_SWEEP_LIMIT, swept=lambda _: None)

    async def write(self, plot: Plot, *, told: Callable[[str], None]) -> None:
        """Live through all days, and stop in the middle of what is under way."""
        month = ""
        for day in days_until(plot.now - _BEFORE_NOW, days=plot.days, seed=plot.seed):
            if day.number == 0:
                await self._open(day.start - _OPENING)
            if f"{day.start:%B %Y}" != month:
                month = f"{day.start:%B %Y}"
                told(month)
            for story in self._stories:
                story.plan(day)
            await self._live(min(day.start + timedelta(days=1), plot.now - _BEFORE_NOW))
        await self._clock.set(plot.now - _BEFORE_NOW)
        await asyncio.gather(*(story.end(plot.now) for story in self._stories))

    async def _open(self, at: datetime) -> None:
        """Open the accounts, one after the other: some are on the same plans."""
        await self._clock.set(at)
        for story in self._stories:
            await story.open(at)

    async def _live(self, until: datetime) -> None:
        """Live from instant to instant, before the one given."""
        while (now := self._next_at()) is not None and now < until:
            await self._come_due(now)
            await self._clock.set(now)
            await asyncio.gather(*(story.until(now) for story in self._stories))
        await self._come_due(until)

    def _next_at(self) -> datetime | None:
        planned = [story.next_at for story in self._stories if story.next_at is not None]
        return min(planned, default=None)

    async def _come_due(self, until: datetime) -> None:
        """Let come what comes by itself, at its instants: the turns of cycles and all ends."""
        while (due := await self._clock.next_due()) is not None and due < until:
            await self._clock.set(due)
            await self._sweep()


@asynccontextmanager
async def _serving(settings: Settings, pool: Pool) -> AsyncIterator[App]:
    telemetry = Telemetry()
    app = App(settings, telemetry, pool)
    try:
        await app.start()
        yield app
        await app.drain()
    finally:
        await app.close()
        await asyncio.to_thread(telemetry.close)


async def _check(pool: Pool) -> None:
    broken = await PostgresSweeps(pool).verify()
    if broken:
        first = broken[0]
        raise HistoryError(
            f"{len(broken)} rules are broken, such as {first.rule}: {first.detail}"
            f" (account {first.account_id})"
        )
