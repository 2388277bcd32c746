from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from creditgate_server.migrate import MigrationError, MigrationReport, migrate, pending
from tests.support.database import Database

FUNCTION = "CREATE OR REPLACE FUNCTION answer() RETURNS int LANGUAGE sql AS 'SELECT 41';"
LAST_APPLIED = "SELECT max(applied_at) FROM creditgate_schema_migrations"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "migrations"
    write(root, "0001_first", "CREATE TABLE first (id int PRIMARY KEY);")
    write(root, "0002_second", "CREATE TABLE second (id int REFERENCES first);")
    (root / "functions").mkdir()
    (root / "functions/answer.sql").write_text(FUNCTION)
    (root / "views").mkdir()
    (root / "views/answers.sql").write_text("CREATE OR REPLACE VIEW answers AS SELECT answer();")
    return root


def write(root: Path, name: str, sql: str) -> None:
    (root / name).mkdir(parents=True, exist_ok=True)
    (root / name / "up.sql").write_text(sql)


async def fetchval(database: Database, sql: str) -> object:
    connection = await database.connect()
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def test_applies_everything_to_a_fresh_database(
    empty_database: Database, folder: Path
) -> None:
    lines: list[str] = []
    report = await migrate(empty_database.url, folder=folder, log=lines.append)

    assert report == MigrationReport(("0001_first", "0002_second", "functions and views"), 2)
    assert lines == [
        "applied 0001_first",
        "applied 0002_second",
        "applied functions and views",
    ]
    assert await fetchval(empty_database, "SELECT answer FROM answers") == 41


async def test_a_second_run_changes_nothing(empty_database: Database, folder: Path) -> None:
    await migrate(empty_database.url, folder=folder)
    before = await fetchval(
        empty_database, "SELECT max(applied_at) FROM creditgate_schema_migrations"
    )

    assert await migrate(empty_database.url, folder=folder) == MigrationReport((), 2)
    after = await fetchval(
        empty_database, "SELECT max(applied_at) FROM creditgate_schema_migrations"
    )
    assert before == after


async def test_of_runners_at_the_same_time_one_works(
    empty_database: Database, folder: Path
) -> None:
    write(folder, "0003_slow", "SELECT pg_sleep(0.3); CREATE TABLE third (id int);")
    reports = await asyncio.gather(*(migrate(empty_database.url, folder=folder) for _ in range(4)))
    assert sorted(len(report.applied) for report in reports) == [0, 0, 0, 4]


async def test_a_runner_does_not_wait_for_ever(empty_database: Database, folder: Path) -> None:
    write(folder, "0003_slow", "SELECT pg_sleep(1);")
    slow = asyncio.create_task(migrate(empty_database.url, folder=folder))
    await asyncio.sleep(0.3)
    with pytest.raises(MigrationError, match=r"still running after 0\.1 s"):
        await migrate(empty_database.url, folder=folder, wait_seconds=0.1)
    await slow


async def test_a_changed_past_is_refused(empty_database: Database, folder: Path) -> None:
    await migrate(empty_database.url, folder=folder)
    write(folder, "0001_first", "CREATE TABLE first (id bigint PRIMARY KEY);")
    write(folder, "0003_third", "CREATE TABLE third (id int);")

    with pytest.raises(MigrationError, match="0001_first is not what was applied"):
        await migrate(empty_database.url, folder=folder)
    assert await fetchval(empty_database, "SELECT to_regclass('third')") is None


async def test_a_newer_database_is_refused_but_lacks_nothing(
    empty_database: Database, folder: Path
) -> None:
    await migrate(empty_database.url, folder=folder)
    shutil.rmtree(folder / "0002_second")

    with pytest.raises(MigrationError, match="at 0002_second, which this version does not know"):
        await migrate(empty_database.url, folder=folder)
    assert await pending(empty_database.url, folder=folder) == []


async def test_a_gap_in_the_versions_is_refused(empty_database: Database, folder: Path) -> None:
    write(folder, "0004_fourth", "SELECT 1;")
    with pytest.raises(MigrationError, match="without a gap"):
        await migrate(empty_database.url, folder=folder)


async def test_a_changed_function_is_applied_again(empty_database: Database, folder: Path) -> None:
    await migrate(empty_database.url, folder=folder)
    (folder / "functions/answer.sql").write_text(FUNCTION.replace("41", "42"))

    report = await migrate(empty_database.url, folder=folder)
    assert report.applied == ("functions and views",)
    assert await fetchval(empty_database, "SELECT answer FROM answers") == 42


async def test_an_index_is_built_beside_writers_and_anew_where_it_was_broken_off(
    empty_database: Database, folder: Path
) -> None:
    (folder / "indexes").mkdir()
    (folder / "indexes/by_id.sql").write_text(
        "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS by_id ON creditgate.pairs (id);"
    )
    write(
        folder,
        "0003_pairs",
        "CREATE SCHEMA creditgate; CREATE TABLE creditgate.pairs (id int);"
        " INSERT INTO creditgate.pairs VALUES (1), (1);",
    )
    valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('creditgate.by_id')"
    with pytest.raises(MigrationError, match=r"indexes/by_id\.sql: .*could not create unique"):
        await migrate(empty_database.url, folder=folder)
    assert await fetchval(empty_database, valid) is False

    await fetchval(empty_database, "DELETE FROM creditgate.pairs")
    assert (await migrate(empty_database.url, folder=folder)).applied == ()
    assert await fetchval(empty_database, valid) is True


async def test_a_failing_script_leaves_nothing_and_names_its_line(
    empty_database: Database, folder: Path
) -> None:
    await migrate(empty_database.url, folder=folder)
    write(folder, "0003_third", "CREATE TABLE third (id int);")
    write(folder, "0004_fourth", "CREATE TABLE fourth (id int);\nSELECT no_such_column;")

    with pytest.raises(MigrationError, match=r"0004_fourth/up\.sql:2: .*no_such_column"):
        await migrate(empty_database.url, folder=folder)
    assert await fetchval(empty_database, "SELECT to_regclass('third')") is None
    assert await pending(empty_database.url, folder=folder) == ["0003_third", "0004_fourth"]


async def test_functions_never_meet_tables_that_are_newer_or_older_than_they_are(
    empty_database: Database, folder: Path
) -> None:
    pair = "CREATE OR REPLACE FUNCTION pair() RETURNS third LANGUAGE plpgsql AS "
    write(folder, "0003_third", "CREATE TABLE third (a int);")
    (folder / "functions/pair.sql").write_text(f"{pair}'BEGIN RETURN ROW(1)::third; END';")
    await migrate(empty_database.url, folder=folder)
    write(folder, "0004_wider", "ALTER TABLE third ADD COLUMN b int;")
    (folder / "functions/a_slow_one.sql").write_text("SELECT pg_sleep(0.3);")
    (folder / "functions/pair.sql").write_text(f"{pair}'BEGIN RETURN ROW(1, 2)::third; END';")

    seen = set()
    connection = await empty_database.connect()
    migration = asyncio.create_task(migrate(empty_database.url, folder=folder))
    while not migration.done():
        seen.add(await connection.fetchval("SELECT pair()::text"))
    await migration
    seen.add(await connection.fetchval("SELECT pair()::text"))
    assert seen == {"(1)", "(1,2)"}
    await connection.close()


async def test_pending_names_what_is_lacking(empty_database: Database, folder: Path) -> None:
    names = ["0001_first", "0002_second", "functions and views"]
    assert await pending(empty_database.url, folder=folder) == names
    await migrate(empty_database.url, folder=folder)
    assert await pending(empty_database.url, folder=folder) == []


async def test_a_busy_table_is_waited_for_without_blocking_its_users(
    empty_database: Database, folder: Path
) -> None:
    await migrate(empty_database.url, folder=folder)
    write(folder, "0003_widen", "ALTER TABLE second ADD COLUMN note text;")
    reader, other = await empty_database.connect(), await empty_database.connect()
    transaction = reader.transaction()
    await transaction.start()
    await reader.fetch("SELECT * FROM second")

    migration = asyncio.create_task(migrate(empty_database.url, folder=folder))
    await asyncio.sleep(0.2)
    # The migration now waits for the lock, and this for the migration: at most its time-out.
    await asyncio.wait_for(other.fetch("SELECT * FROM second"), timeout=1.5)
    assert not migration.done()
    await transaction.rollback()
    assert "0003_widen" in (await migration).applied

    await reader.close()
    await other.close()
