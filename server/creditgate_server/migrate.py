"""Brings a database to the schema of this version: forward only, while servers serve.

`migrations/NNNN_name/up.sql` run once each, in order. `migrations/functions/*.sql` and
`migrations/views/*.sql` are the current truth and are applied again whenever any of them has
changed. Whatever is lacking is applied in one transaction: a function never meets tables and types
that are newer or older than it is. `migrations/indexes/*.sql` make one index each, of the file's
name, on tables that were there before and may be large: after that transaction, while others write.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

Log = Callable[[str], None]

# One for all databases: PostgreSQL keeps advisory locks apart by database.
_LOCK_KEY = 0x63726564_67617465
_LOCK_POLL_SECONDS = 0.05
# A migration gives up its place rather than letting requests queue up behind it.
_TABLE_LOCK_TIMEOUT_MS = 1000
_TABLE_LOCK_ATTEMPTS_MAX = 20
_TABLE_LOCK_PAUSE_SECONDS = 0.5

_CURRENT_VERSION = 0
_CURRENT_NAME = "functions and views"
_CREATE_TABLE = """
CREATE TABLE IF NOT EXISTS public.creditgate_schema_migrations (
    version    integer PRIMARY KEY,
    name       text NOT NULL,
    checksum   text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
-- A server asks what is there before it serves, as whoever it logs in as.
GRANT SELECT ON public.creditgate_schema_migrations TO PUBLIC;
"""
_SELECT = "SELECT version, name, checksum FROM public.creditgate_schema_migrations"
_RECORD = """
INSERT INTO public.creditgate_schema_migrations (version, name, checksum)
VALUES ($1, $2, $3)
ON CONFLICT (version) DO UPDATE SET checksum = excluded.checksum, applied_at = now()
"""

_IS_VALID = """
SELECT i.indisvalid FROM pg_index AS i
 WHERE i.indexrelid = to_regclass('creditgate.' || quote_ident($1))
"""


class MigrationError(RuntimeError):
    """The database or the migrations are not as expected; nothing was applied."""


@dataclass(frozen=True, slots=True)
class Script:
    """SQL from a file."""

    path: Path
    sql: str = field(repr=False)

    @classmethod
    def read(cls, path: Path) -> Script:
        """The file's text, as UTF-8."""
        return cls(path, path.read_text(encoding="utf-8"))

    def where(self, error: asyncpg.PostgresError) -> str:
        """The file and, where PostgreSQL names the place, the line that caused `error`."""
        name = "/".join(self.path.parts[-2:])
        position = getattr(error, "position", None)
        line = self.sql.count("\n", 0, int(position)) + 1 if position else None
        return f"{name}:{line}" if line else name


@dataclass(frozen=True, slots=True)
class Migration:
    """Scripts that are applied together, under one version, and their checksum."""

    version: int
    name: str
    scripts: tuple[Script, ...]

    @property
    def checksum(self) -> str:
        """SHA-256 over the names and texts of the scripts, in hexadecimal."""
        digest = hashlib.sha256()
        for script in self.scripts:
            digest.update(f"{script.path.name}\0{len(script.sql)}\0{script.sql}".encode())
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Migrations:
    """What a migrations folder holds: the numbered steps, and the current functions and views."""

    steps: tuple[Migration, ...]
    current: Migration
    indexes: tuple[Script, ...] = ()

    @classmethod
    def load(cls, folder: Path | None = None) -> Migrations:
        """Reads the folder given, else the one this package came with."""
        root = folder or _default_folder()
        paths = sorted(path for path in root.iterdir() if re.match(r"\d{4}_", path.name))
        steps = tuple(
            Migration(int(path.name[:4]), path.name, (Script.read(path / "up.sql"),))
            for path in paths
        )
        if [step.version for step in steps] != list(range(1, len(steps) + 1)):
            raise MigrationError(f"The versions in {root} do not count from 0001 without a gap")
        files = [*sorted(root.glob("functions/*.sql")), *sorted(root.glob("views/*.sql"))]
        scripts = tuple(Script.read(path) for path in files)
        indexes = tuple(Script.read(path) for path in sorted(root.glob("indexes/*.sql")))
        return cls(steps, Migration(_CURRENT_VERSION, _CURRENT_NAME, scripts), indexes)


@dataclass(frozen=True, slots=True)
class MigrationReport:
    """What migrate() did: the names it applied, in order, and the version reached."""

    applied: tuple[str, ...]
    version: int


async def migrate(
    url: str,
    *,
    log: Log = lambda _: None,
    folder: Path | None = None,
    wait_seconds: float = 600.0,
) -> MigrationReport:
    """Applies what the database at `url` lacks, as a role that owns the schema.

    Any number may run at once: one works, the others wait for it, at most `wait_seconds`.
    Raises MigrationError if the database's past differs from the folder's, if the database is
    newer than the folder, or if a script fails.
    """
    migrations = Migrations.load(folder)
    connection = await asyncpg.connect(
        url, server_settings={"application_name": "creditgate-migrate", "statement_timeout": "0"}
    )
    try:
        async with _exclusively(connection, wait_seconds=wait_seconds):
            await connection.execute(_CREATE_TABLE)
            checksums = await _applied(connection)
            lacking = _lacking(migrations, checksums)
            if lacking:
                await _apply(connection, lacking)
            await _build(connection, migrations.indexes)
            for migration in lacking:
                log(f"applied {migration.name}")
    finally:
        await connection.close()
    return MigrationReport(tuple(step.name for step in lacking), len(migrations.steps))


async def pending(url: str, *, folder: Path | None = None) -> list[str]:
    """The names of what the database lacks before servers of this version can use it.

    A database that a newer version has migrated lacks nothing.
    """
    migrations = Migrations.load(folder)
    connection = await asyncpg.connect(url)
    try:
        there = await connection.fetchval(
            "SELECT to_regclass('public.creditgate_schema_migrations') IS NOT NULL"
        )
        checksums = await _applied(connection) if there else {}
    finally:
        await connection.close()
    everything = (*migrations.steps, migrations.current)
    return [each.name for each in everything if each.version not in checksums]


async def _apply(
    connection: asyncpg.Connection[asyncpg.Record], migrations: Sequence[Migration]
) -> None:
    """Applies migrations and records them, in one transaction.

    Tries again when a table they need is busy. Raises MigrationError if a script fails.
    """
    for attempt in range(1, _TABLE_LOCK_ATTEMPTS_MAX + 1):
        try:
            async with connection.transaction():
                await connection.execute(f"SET LOCAL lock_timeout = {_TABLE_LOCK_TIMEOUT_MS}")
                for each in migrations:
                    await _execute(connection, each.scripts)
                    await connection.execute(_RECORD, each.version, each.name, each.checksum)
        except asyncpg.LockNotAvailableError as error:
            if attempt == _TABLE_LOCK_ATTEMPTS_MAX:
                names = ", ".join(each.name for each in migrations)
                raise MigrationError(f"{names}: {error}, {attempt} times") from error
            await asyncio.sleep(_TABLE_LOCK_PAUSE_SECONDS)
        else:
            return


async def _build(connection: asyncpg.Connection[asyncpg.Record], indexes: Iterable[Script]) -> None:
    """Builds indexes that are not there. One whose building was broken off is built anew."""
    for script in indexes:
        valid = await connection.fetchval(_IS_VALID, script.path.stem)
        if valid is False:
            await connection.execute(f"DROP INDEX CONCURRENTLY creditgate.{script.path.stem}")
        if not valid:
            await _execute(connection, (script,))


async def _execute(
    connection: asyncpg.Connection[asyncpg.Record], scripts: Iterable[Script]
) -> None:
    for script in scripts:
        try:
            await connection.execute(script.sql)
        except asyncpg.LockNotAvailableError:
            raise
        except asyncpg.PostgresError as error:
            raise MigrationError(f"{script.where(error)}: {error}") from error


@asynccontextmanager
async def _exclusively(
    connection: asyncpg.Connection[asyncpg.Record], *, wait_seconds: float
) -> AsyncIterator[None]:
    """Holds the lock that one runner at a time has. It goes with the connection, too."""
    clock = asyncio.get_running_loop()
    deadline = clock.time() + wait_seconds
    while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK_KEY):
        if clock.time() > deadline:
            raise MigrationError(f"Another migration is still running after {wait_seconds} s")
        await asyncio.sleep(_LOCK_POLL_SECONDS)
    yield
    await connection.execute("SELECT pg_advisory_unlock($1)", _LOCK_KEY)


async def _applied(
    connection: asyncpg.Connection[asyncpg.Record],
) -> dict[int, tuple[str, str]]:
    rows = await connection.fetch(_SELECT)
    return {row["version"]: (row["name"], row["checksum"]) for row in rows}


def _lacking(migrations: Migrations, applied: dict[int, tuple[str, str]]) -> tuple[Migration, ...]:
    """What is to be applied. Raises MigrationError if the past is not the folder's."""
    newest = max(applied, default=_CURRENT_VERSION)
    if newest > len(migrations.steps):
        raise MigrationError(
            f"This database is at {applied[newest][0]}, which this version does not know: "
            "it was migrated by a newer Creditgate. Use that one."
        )
    for step in migrations.steps[:newest]:
        if applied.get(step.version, ("", ""))[1] != step.checksum:
            raise MigrationError(
                f"{step.name} is not what was applied to this database. What was applied stays "
                "as it is: restore it, and put the change into a new migration."
            )
    current = migrations.current
    unchanged = applied.get(current.version, ("", ""))[1] == current.checksum
    return (*migrations.steps[newest:], *(() if unchanged else (current,)))


def _default_folder() -> Path:
    packaged = Path(__file__).parent / "migrations"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "migrations"
