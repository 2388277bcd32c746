"""The rules that let the schema be distributed by bucket as it is, and keep the server's role
small, read off the catalog."""

from __future__ import annotations

import asyncpg
import pytest

from tests.support.database import Connection, Database, run

MONEY_TABLES = (
    "accounts",
    "addons",
    "archived_entries",
    "archived_holds",
    "archived_names",
    "archives",
    "budget_counters",
    "conversations",
    "deliveries",
    "delivery_queues",
    "emptied_sessions",
    "emptied_spent",
    "entries",
    "events",
    "grants",
    "holds",
    "messages",
    "refunds",
    "topups",
    "usage_progress",
    "usage_slots",
)
IN_MONEY = str(MONEY_TABLES)
# It is of no account: whoever does a bucket's background work holds its row.
OTHER_TABLES = ("archive_rounds", "fan_outs")


@pytest.fixture(scope="module")
def catalog(module_database: Database) -> Database:
    return module_database


def rows(database: Database, sql: str) -> list[asyncpg.Record]:
    async def fetch() -> list[asyncpg.Record]:
        connection: Connection = await database.connect()
        try:
            return await connection.fetch(sql)
        finally:
            await connection.close()

    return run(fetch())


def test_money_tables_are_the_ones_with_a_bucket(catalog: Database) -> None:
    found = rows(
        catalog,
        """
        SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
         WHERE c.relnamespace = 'creditgate'::regnamespace AND c.relkind = 'r'
           AND a.attname = 'bucket'
         ORDER BY c.relname
        """,
    )
    assert [row[0] for row in found] == sorted(MONEY_TABLES + OTHER_TABLES)


def test_every_unique_key_of_the_money_tables_begins_with_bucket_and_account_key(
    catalog: Database,
) -> None:
    found = rows(
        catalog,
        f"""
        SELECT i.indexrelid::regclass::text AS index,
               (SELECT array_agg(a.attname ORDER BY k.place)
                  FROM unnest(i.indkey::int[]) WITH ORDINALITY AS k (attnum, place)
                  JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum) AS columns
          FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
         WHERE c.relnamespace = 'creditgate'::regnamespace AND i.indisunique
           AND c.relname IN {IN_MONEY}
        """,
    )
    # Each has a primary key; grants and top-ups have a name besides, counters a budget and a value.
    assert len(found) == len(MONEY_TABLES) + 3
    for row in found:
        assert list(row["columns"][:2]) == ["bucket", "account_key"], row["index"]


def test_the_money_tables_have_no_foreign_keys_triggers_or_generated_values(
    catalog: Database,
) -> None:
    assert not rows(
        catalog,
        f"""
        SELECT conname FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
         WHERE k.contype = 'f' AND c.relname IN {IN_MONEY}
        """,
    )
    assert not rows(
        catalog,
        f"""
        SELECT tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
         WHERE c.relname IN {IN_MONEY}
        """,
    )
    assert not rows(
        catalog,
        f"""
        SELECT a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
         WHERE c.relname IN {IN_MONEY} AND (a.attidentity <> '' OR a.attgenerated <> '')
        """,
    )
    volatile_defaults = rows(
        catalog,
        f"""
        SELECT c.relname, pg_get_expr(d.adbin, d.adrelid) AS value
          FROM pg_attrdef d JOIN pg_class c ON c.oid = d.adrelid
         WHERE c.relname IN {IN_MONEY}
           AND pg_get_expr(d.adbin, d.adrelid) ~ '\\('
        """,
    )
    assert not volatile_defaults


def test_archives_have_the_columns_of_what_is_moved_there(catalog: Database) -> None:
    for name in ("entries", "holds"):
        of_each = [
            rows(
                catalog,
                f"""
                SELECT attname, atttypid, attnotnull FROM pg_attribute
                 WHERE attrelid = 'creditgate.{each}'::regclass AND attnum > 0 AND NOT attisdropped
                 ORDER BY attnum
                """,
            )
            for each in (name, f"archived_{name}", f"all_{name}")
        ]
        table, archive, view = of_each
        assert archive == table
        assert [row[:2] for row in view] == [row[:2] for row in table]


def test_only_functions_of_the_archive_run_as_the_owner_of_the_schema(catalog: Database) -> None:
    found = rows(
        catalog,
        """
        SELECT proname, proconfig::text, has_function_privilege('creditgate_server', oid, 'EXECUTE')
          FROM pg_proc
         WHERE pronamespace = 'creditgate'::regnamespace AND prosecdef ORDER BY proname
        """,
    )
    own_path = "{search_path=pg_catalog}"
    assert [tuple(row) for row in found] == [
        ("archive", own_path, True),
        ("restore_hold", own_path, True),
    ]


def test_there_are_no_sequences(catalog: Database) -> None:
    assert not rows(
        catalog,
        "SELECT relname FROM pg_class"
        " WHERE relkind = 'S' AND relnamespace = 'creditgate'::regnamespace",
    )


def test_no_function_takes_advisory_locks_or_reads_another_clock(catalog: Database) -> None:
    found = rows(
        catalog,
        """
        SELECT proname, prosrc FROM pg_proc
         WHERE pronamespace = 'creditgate'::regnamespace AND proname <> 'clock'
        """,
    )
    assert len(found) > 20
    for name, body in found:
        for word in ("advisory", "now()", "clock_timestamp", "random(", "gen_random", "nextval"):
            assert word not in body, f"{name} uses {word}"


def test_whatever_decides_is_immutable(catalog: Database) -> None:
    found = rows(
        catalog,
        """
        SELECT proname, provolatile::text FROM pg_proc
         WHERE pronamespace = 'creditgate'::regnamespace
           AND (proname LIKE 'decide_%'
                OR proname IN ('settle_usage', 'book', 'draw_from', 'answer', 'crossings',
                               'booking_events'))
        """,
    )
    assert len(found) == 11
    assert {row[1] for row in found} == {"i"}


@pytest.mark.parametrize(
    "forbidden",
    [
        "UPDATE creditgate.entries SET amount_micros = 1",
        "DELETE FROM creditgate.entries",
        "TRUNCATE creditgate.entries",
        "DELETE FROM creditgate.holds",
        "DELETE FROM creditgate.archived_entries",
        "UPDATE creditgate.archived_holds SET charged_micros = 0",
        "INSERT INTO creditgate.archived_names SELECT bucket, account_key FROM creditgate.accounts",
        "UPDATE creditgate.archives SET amount_micros = 0",
        "UPDATE creditgate.archive_rounds SET account_key = NULL",
        """SELECT creditgate.empty_archive(
               0::smallint, '00000000-0000-0000-0000-000000000000', now(), 1)""",
        "DELETE FROM creditgate.accounts",
        "DELETE FROM creditgate.grants",
        "UPDATE creditgate.refunds SET amount_micros = 1",
        "UPDATE creditgate.plans SET allowance_micros = 1",
        "DELETE FROM creditgate.plans",
        "DELETE FROM creditgate.addons",
        "DELETE FROM creditgate.budget_counters",
        "UPDATE creditgate.plan_budgets SET budgets = '{}'",
        "UPDATE creditgate.events SET body = '{}'",
        "UPDATE creditgate.api_keys SET scopes = '{admin}'",
        "UPDATE creditgate.tenants SET name = 'other'",
        "DELETE FROM creditgate.api_keys",
        "CREATE TABLE creditgate.mine (i int)",
        "ALTER TABLE creditgate.accounts DROP CONSTRAINT accounts_pkey",
        """CREATE OR REPLACE FUNCTION creditgate.clock() RETURNS timestamptz
           LANGUAGE sql AS 'SELECT now()'""",
        "DROP FUNCTION creditgate.verify(smallint)",
        "SELECT pg_read_file('postgresql.conf')",
        "COPY creditgate.accounts TO PROGRAM 'cat'",
        "CREATE ROLE other",
    ],
)
async def test_the_servers_role_cannot(forbidden: str, catalog: Database) -> None:
    connection = await catalog.connect(role="creditgate_server")
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(forbidden)
    finally:
        await connection.close()
