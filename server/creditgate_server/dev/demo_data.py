"""`dev --demo-data`: a database with a history, instead of an empty one; and `--demo-traffic`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from creditgate import CreditgateError
from creditgate_server.dev.database import Database, OwnDatabase
from creditgate_server.dev.demo import NAME
from creditgate_server.dev.history.traffic import Traffic
from creditgate_server.dev.history.writing import HistoryError, Plot, ensure_history
from creditgate_server.dev.screen import say
from creditgate_server.postgres.drafts import Drafts

DATABASE = "creditgate_demo"
DAYS = 365


class DemoDataError(Exception):
    """There is no demo data, and why."""


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What was asked for: `data` of so many `days`, and `traffic` that goes on with it."""

    data: bool = False
    days: int = DAYS
    traffic: bool = False


async def with_history(database: Database, wishes: Wishes, *, pepper: str) -> Database:
    """Answer the database to serve: the one given, or one beside it that has a history.

    Only a server of one's own has room for one: what somebody named is left as it is. Raises
    DemoDataError.
    """
    if not wishes.data:
        return database
    if not isinstance(database, OwnDatabase):
        raise DemoDataError(
            "demo data is made in a database of its own, whose clock is set while it is made:"
            " it goes with no CREDITGATE_DATABASE_URL"
        )
    drafts = Drafts(database.url_of)
    if not await drafts.is_whole(DATABASE):
        say(f"making demo data of {wishes.days} days: a minute or two, this once")
        plot = Plot(tenant=NAME, now=datetime.now(UTC), days=wishes.days)
        try:
            await ensure_history(drafts, DATABASE, plot, pepper=pepper, told=_told)
        except (CreditgateError, HistoryError) as error:
            raise DemoDataError(f"the demo data could not be made: {error}") from error
    return database.beside(DATABASE)


def _told(month: str) -> None:
    say(f"  {month}")


@asynccontextmanager
async def traffic(wishes: Wishes, *, target: str, api_key: str) -> AsyncIterator[None]:
    """Keep agents at work while the body runs, if that was asked for."""
    if not wishes.traffic:
        yield
        return
    work = asyncio.create_task(Traffic(target, api_key=api_key).run())
    try:
        yield
    finally:
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work
