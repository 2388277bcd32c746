"""The database of `creditgate-server dev`: one of its own, or the one that is named."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

from creditgate_server.dev.screen import say
from creditgate_server.embedded import EmbeddedPostgres
from creditgate_server.logs import without_secrets

_WATCH_SECONDS = 0.5


class Database(Protocol):
    """A database that runs."""

    url: str
    words: str

    async def ended(self) -> str:
        """Wait until it is gone; answers what to tell about it."""
        ...


class NamedDatabase:
    """The one CREDITGATE_DATABASE_URL names. Somebody else looks after it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.words = f"{without_secrets(url)} (CREDITGATE_DATABASE_URL)"

    async def ended(self) -> str:
        """Wait for ever: the server tells when it does not answer, and goes on when it does."""
        await asyncio.Event().wait()
        return ""


class OwnDatabase:
    """A PostgreSQL server of one's own, with its data in `folder`."""

    def __init__(self, postgres: EmbeddedPostgres, url: str, folder: Path) -> None:
        self._postgres = postgres
        self._folder = folder
        self.url = url
        self.url_of = postgres.url
        major = (folder / "data" / "PG_VERSION").read_text(encoding="utf-8").strip()
        self.words = f"PostgreSQL {major}, data in {folder}"

    def beside(self, name: str) -> OwnDatabase:
        """Answer another database of the same server."""
        other = OwnDatabase(self._postgres, self.url_of(name), self._folder)
        other.words = f"{self.words}, {name}"
        return other

    async def ended(self) -> str:
        """Wait until its process is gone."""
        while self._postgres.pid is not None:  # noqa: ASYNC110 - processes signal no events
            await asyncio.sleep(_WATCH_SECONDS)
        return f"PostgreSQL has ended; why is in {self._postgres.log_path}"


@asynccontextmanager
async def running_database(environ: Mapping[str, str], folder: Path) -> AsyncIterator[Database]:
    """Start a database in `folder` and stop it at the end, unless the environment names one.

    Raises EmbeddedPostgresError.
    """
    named = environ.get("CREDITGATE_DATABASE_URL", "").strip()
    if named:
        yield NamedDatabase(named)
        return
    first = not (folder / "data").exists()
    say(f"starting PostgreSQL{' for the first time' if first else ''}")
    postgres = EmbeddedPostgres(folder)
    try:
        # Broken off, the thread starts it all the same; stopping waits for that.
        yield OwnDatabase(postgres, await asyncio.to_thread(postgres.start), folder)
    finally:
        await asyncio.to_thread(postgres.stop)
