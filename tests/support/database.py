from __future__ import annotations

import asyncio
import itertools
import shutil
import tempfile
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias, TypeVar

import asyncpg

from creditgate_server.embedded import Binaries, EmbeddedPostgres, find_binaries
from creditgate_server.migrate import migrate

# In quotes, because only the stubs of asyncpg make its classes generic.
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
_Result = TypeVar("_Result")

_TEMPLATE = "creditgate_template"


@dataclass(frozen=True, slots=True)
class Database:
    """A database of one test's own, migrated, and the server it is on.

    `url` is for the superuser, who owns the schema.
    """

    name: str
    cluster: EmbeddedPostgres = field(repr=False)

    @property
    def url(self) -> str:
        return self.cluster.url(self.name)

    async def connect(self, *, role: str | None = None) -> Connection:
        """A connection as the owner, or with the rights of `role`. The caller closes it."""
        return await asyncpg.connect(self.url, server_settings={"role": role} if role else {})


class TestCluster:
    """One PostgreSQL server for a test session, and databases copied from a migrated one.

    Lies directly under the system's temporary folder, which every account reaches.
    """

    __test__ = False  # the name is a noun, not a test

    def __init__(self, binaries: Binaries) -> None:
        self._numbers = itertools.count(1)
        self._folder = unused_folder("creditgate-tests-")
        self._template_made = False
        self.postgres = EmbeddedPostgres(
            self._folder, binaries=binaries, options={"max_connections": "400"}
        )

    def create(self, *, migrated: bool = True) -> Database:
        """A new database; empty unless `migrated`."""
        name = f"test_{next(self._numbers)}"
        template = self._template() if migrated else "template0"
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return Database(name, self.postgres)

    def drop(self, database: Database) -> None:
        """Ends a database, whoever is still connected to it."""
        self._execute(f"DROP DATABASE {database.name} WITH (FORCE)")

    def __enter__(self) -> Self:
        self.postgres.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.postgres.stop("immediate")
        shutil.rmtree(self._folder)

    def _template(self) -> str:
        if not self._template_made:
            self._execute(f"CREATE DATABASE {_TEMPLATE}")
            run(migrate(self.postgres.url(_TEMPLATE)))
            self._template_made = True
        return _TEMPLATE

    def _execute(self, sql: str) -> None:
        run(_execute(self.postgres.url(), sql))


def unused_folder(prefix: str) -> Path:
    """A path that does not exist, under the system's temporary folder."""
    reserved = Path(tempfile.mkdtemp(prefix=prefix))
    reserved.rmdir()
    return reserved


def choose_binaries(wanted: str | None) -> Binaries:
    """PostgreSQL's programs by a folder, by a major version, or (None) the best there are."""
    if wanted is None:
        return find_binaries()
    return find_binaries(major=int(wanted)) if wanted.isdecimal() else Binaries.at(wanted)


def run(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Runs a coroutine to its end, without disturbing the event loop of the test."""
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(work)


async def _execute(url: str, sql: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()
