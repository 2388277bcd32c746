from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner, Result

from creditgate_server.cli import main
from creditgate_server.domain.keys import digest_of, key_id_of
from tests.support.database import Database

PEPPER = "a pepper for tests, long enough to be one"
Run = Callable[..., Result]


@pytest.fixture
def run(database: Database) -> Run:
    """Runs a command against a migrated database of the test's own."""
    return runner(database.url)


def runner(url: str) -> Run:
    def run(*arguments: str, **environ: str) -> Result:
        env = {"CREDITGATE_DATABASE_URL": url, "CREDITGATE_KEY_PEPPER": PEPPER, **environ}
        return CliRunner().invoke(main, arguments, env=env, catch_exceptions=False)

    return run


def answer(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


async def execute(database: Database, sql: str, *values: object) -> Any:
    connection = await database.connect()
    try:
        return await connection.fetchval(sql, *values)
    finally:
        await connection.close()


def test_a_tenant_is_made_once(run: Run) -> None:
    assert answer(run("tenants", "create", "acme", "--json"))["created"] is True
    assert answer(run("tenants", "create", "acme", "--json"))["created"] is False
    run("tenants", "create", "beta")
    assert [row["name"] for row in answer(run("tenants", "list", "--json"))] == ["acme", "beta"]
    assert "acme" in run("tenants", "list").output


def test_a_key_is_shown_once_and_kept_as_a_digest(run: Run, database: Database) -> None:
    run("tenants", "create", "acme")
    result = run("keys", "create", "acme", "--scope", "read", "--scope", "read", "--name", "ci")
    text = result.stdout.strip()
    key_id = key_id_of(text)
    assert key_id is not None
    assert "only time" in result.stderr
    assert asyncio.run(
        execute(database, "SELECT digest FROM creditgate.api_keys WHERE key_id = $1", key_id)
    ) == digest_of(text, pepper=PEPPER)
    listed = run("keys", "list", "acme").output
    assert key_id in listed
    assert text.split("_")[2] not in listed
    [row] = answer(run("keys", "list", "acme", "--json"))
    assert row["scopes"] == ["read"]
    assert row["name"] == "ci"


def test_a_rotated_key_works_beside_its_successor_until_the_overlap_is_over(run: Run) -> None:
    run("tenants", "create", "acme")
    old = answer(run("keys", "create", "acme", "--scope", "admin", "--name", "ci", "--json"))
    new = answer(run("keys", "rotate", old["key"], "--overlap", "2h", "--json"))
    ends = datetime.fromisoformat(new["old_key_ends_at"]) - datetime.now(UTC)
    assert timedelta(minutes=119) < ends < timedelta(hours=2)
    rows = {row["key_id"]: row for row in answer(run("keys", "list", "acme", "--json"))}
    assert rows[old["key_id"]]["expires_at"] == new["old_key_ends_at"]
    assert rows[old["key_id"]]["revoked_at"] is None
    assert rows[new["key_id"]]["scopes"] == ["admin"]
    assert rows[new["key_id"]]["name"] == "ci"
    assert rows[new["key_id"]]["expires_at"] is None


def test_a_revoked_key_can_be_neither_revoked_nor_rotated_again(run: Run) -> None:
    run("tenants", "create", "acme")
    key = answer(run("keys", "create", "acme", "--json"))["key_id"]
    assert answer(run("keys", "revoke", key, "--json")) == {"key_id": key, "revoked": True}
    for command in (("revoke", key), ("rotate", key), ("revoke", "unknown")):
        result = run("keys", *command)
        assert result.exit_code == 1
        assert "there is no key" in result.stderr


def test_a_key_can_be_made_to_expire(run: Run) -> None:
    run("tenants", "create", "acme")
    run("keys", "create", "acme", "--expires-in", "30d")
    [row] = answer(run("keys", "list", "acme", "--json"))
    left = datetime.fromisoformat(row["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=29, hours=23) < left < timedelta(days=30)


@pytest.mark.parametrize(
    ("arguments", "environ", "expected"),
    [
        (("keys", "create", "nobody"), {}, "there is no tenant 'nobody'"),
        (("keys", "create", "x"), {"CREDITGATE_KEY_PEPPER": "short"}, "CREDITGATE_KEY_PEPPER"),
        (("keys", "rotate", "x", "--overlap", "soon"), {}, "not a period such as"),
        (("keys", "create", "x", "--scope", "root"), {}, "'root' is not one of"),
        (("tenants", "list"), {"CREDITGATE_DATABASE_URL": ""}, "CREDITGATE_DATABASE_URL"),
        (
            ("tenants", "list"),
            {"CREDITGATE_DATABASE_URL": "postgresql://me:hunter2@127.0.0.1:1/x"},
            "Connect call failed",
        ),
        (
            ("migrate",),
            {"CREDITGATE_DATABASE_URL": "postgresql://me:hunter2@127.0.0.1:1/x"},
            "Connect call failed",
        ),
    ],
)
def test_errors_say_what_is_wrong_without_a_traceback_or_a_secret(
    run: Run, arguments: tuple[str, ...], environ: dict[str, str], expected: str
) -> None:
    result = run(*arguments, **environ)
    assert result.exit_code in {1, 2}
    assert expected in result.stderr
    assert "Traceback" not in result.output
    assert "hunter2" not in result.output


def test_a_database_without_our_schema_is_named_with_the_remedy(empty_database: Database) -> None:
    run = runner(empty_database.url)
    checked = run("migrate", "--check")
    assert checked.exit_code == 1
    assert "the database lacks 0001_ledger" in checked.stderr
    report = answer(run("migrate", "--json"))
    assert report["applied"][0] == "0001_ledger"
    assert answer(run("migrate", "--json"))["applied"] == []
    assert answer(run("migrate", "--check", "--json")) == {"pending": []}
    assert run("tenants", "list").exit_code == 0


def test_verify_names_the_account_whose_rule_is_broken(run: Run, database: Database) -> None:
    assert "rules hold for every account" in run("verify").output
    asyncio.run(execute(database, _FORGED))
    result = run("verify")
    assert result.exit_code == 1
    assert "forged" in result.stdout
    assert re.search(r"\d+ violations in 1 accounts", result.stderr)
    report = json.loads(run("verify", "--json").stdout)
    assert report["rules"]["settled = sum of entries"] == 1
    assert {row["account_id"] for row in report["violations"]} == {"forged"}


# An account that has credits nobody gave.
_FORGED = """
WITH tenant AS (
    INSERT INTO creditgate.tenants (tenant_id, name) VALUES (gen_random_uuid(), 'acme')
    RETURNING tenant_id
)
INSERT INTO creditgate.accounts (bucket, account_key, tenant_id, account_id, status, overage_policy,
                                 overdraft_limit_micros, settled_micros, opened_as, created_at)
SELECT 0, '00000000-0000-5000-8000-000000000000', tenant_id, 'forged', 1, 1, 0, 5, '[]', now()
  FROM tenant
"""


def test_check_config_shows_every_setting_and_no_secret(run: Run) -> None:
    url = "postgresql://me:hunter2@db.example/credits"
    result = run("check-config", CREDITGATE_DATABASE_URL=url)
    assert result.exit_code == 0, result.output
    assert "postgresql://me:***@db.example/credits" in result.stdout
    assert PEPPER not in result.output
    assert "hunter2" not in result.output
    for variable in ("CREDITGATE_SWEEP_INTERVAL_MS", "CREDITGATE_OTLP_ENDPOINT"):
        assert variable in result.stdout
    shown = answer(run("check-config", "--json"))
    assert shown["problems"] == []
    assert {s["variable"]: s["is_set"] for s in shown["settings"]}["CREDITGATE_LANES"] is False


def test_check_config_finds_every_mistake_at_once(run: Run) -> None:
    result = run(
        "check-config",
        CREDITGATE_DATABASE_URL="",
        CREDITGATE_LANES="0",
        CREDITGATE_LOG_LEVEL="loud",
        CREDITGATE_WOKERS="2",
    )
    assert result.exit_code == 2
    for problem in (
        "CREDITGATE_DATABASE_URL: is not set",
        "CREDITGATE_LANES: must be 1 to 64",
        "CREDITGATE_LOG_LEVEL: must be one of",
        "CREDITGATE_WOKERS: there is no such setting; CREDITGATE_WORKERS?",
    ):
        assert problem in result.stderr


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"CREDITGATE_LISTEN": "0.0.0.0:50051"}, "in the clear"),
        ({"OTEL_TRACES_SAMPLER": "jaeger"}, "OTEL_TRACES_SAMPLER"),
        ({"CREDITGATE_CALL_DEADLINE_DEFAULT_MS": "6000"}, "must be at most"),
    ],
)
def test_check_config_finds_what_does_not_go_together(
    run: Run, environ: dict[str, str], expected: str
) -> None:
    result = run("check-config", **environ)
    assert result.exit_code == 2
    assert expected in result.stderr


def test_check_config_asks_the_database_too(run: Run, empty_database: Database) -> None:
    assert run("check-config", "--database").exit_code == 0
    result = run("check-config", "--database", CREDITGATE_DATABASE_URL=empty_database.url)
    assert "the database lacks" in result.stderr
    result = run("check-config", "--database", CREDITGATE_DATABASE_URL="postgresql://127.0.0.1:1/x")
    assert result.exit_code == 2
    assert "Connect call failed" in result.stderr
