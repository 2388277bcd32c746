"""Every migration, one by one, on every PostgreSQL that is installed.

`before.sql` puts data into the schema that a migration finds, `after.sql` raises if the migration
did not do to them what it should. Neither can use functions or views: those are of the newest
version, and are applied last.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from creditgate_server.embedded import Binaries, EmbeddedPostgresError, find_binaries
from creditgate_server.embedded.binaries import SUPPORTED_MAJORS
from creditgate_server.migrate import Migrations, migrate, pending
from tests.support.database import Connection, Database, TestCluster

MIGRATIONS = Migrations.load()


def installed() -> Iterator[Binaries]:
    for major in SUPPORTED_MAJORS:
        try:
            yield find_binaries(major=major)
        except EmbeddedPostgresError:
            continue


@pytest.fixture(scope="module", params=installed(), ids=lambda binaries: str(binaries.major))
def any_cluster(request: pytest.FixtureRequest) -> Iterator[TestCluster]:
    with TestCluster(request.param) as cluster:
        yield cluster


@pytest.fixture
def any_database(any_cluster: TestCluster) -> Database:
    return any_cluster.create(migrated=False)


async def run_if_there(connection: Connection, name: str, step: int) -> None:
    script = MIGRATIONS.steps[step].scripts[0].path.with_name(name)
    if script.exists():
        await connection.execute(script.read_text())


async def test_each_step_does_to_data_what_its_checks_say(any_database: Database) -> None:
    connection = await any_database.connect()
    for step, migration in enumerate(MIGRATIONS.steps):
        await run_if_there(connection, "before.sql", step)
        await connection.execute(migration.scripts[0].sql)
        await run_if_there(connection, "after.sql", step)
    for script in MIGRATIONS.current.scripts:
        await connection.execute(script.sql)
    await connection.close()


async def test_everything_applies_once_and_current_files_any_number_of_times(
    any_database: Database,
) -> None:
    report = await migrate(any_database.url)
    assert report.version == len(MIGRATIONS.steps)
    assert (await migrate(any_database.url)).applied == ()
    assert await pending(any_database.url) == []

    connection = await any_database.connect()
    for script in MIGRATIONS.current.scripts:
        await connection.execute(script.sql)
    await connection.close()


def test_each_step_says_why() -> None:
    for migration in MIGRATIONS.steps:
        assert migration.scripts[0].path.with_name("notes.md").read_text().strip()
