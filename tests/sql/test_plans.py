"""The hot path finds rows by their keys, also with plans that were made while tables were empty."""

from __future__ import annotations

from uuid import uuid4

from creditgate_server.domain.account_keys import AccountKey
from creditgate_server.domain.account_keys import account_key as key_of
from creditgate_server.domain.accounts import NewAccount
from creditgate_server.domain.grants import GrantKind, NewGrant
from creditgate_server.domain.operations import Operation, Verb
from creditgate_server.domain.outcomes import Outcome
from creditgate_server.postgres.accounts import PostgresAccounts
from creditgate_server.postgres.pool import APPLY, Connection, Pool, open_pool
from creditgate_server.settings import Settings
from tests.support.database import Database

OTHERS = 5_000
_OTHERS = f"""
INSERT INTO creditgate.accounts (bucket, account_key, tenant_id, account_id, status,
                                 overage_policy, overdraft_limit_micros, created_at)
SELECT n % 64, gen_random_uuid(), gen_random_uuid(), n::text, 1, 1, 0, now()
  FROM generate_series(1, {OTHERS}) AS n;
INSERT INTO creditgate.grants (bucket, account_key, seq, grant_id, kind, state, spendable,
                               amount_micros, remaining_micros, priority, effective_at,
                               fingerprint, created_at)
SELECT bucket, account_key, 1, 'first', 2, 2, true, 1000, 1000, 100, now(), '', now()
  FROM creditgate.accounts WHERE version = 0;
INSERT INTO creditgate.holds (bucket, account_key, hold_id, state, asked_micros, reserved_micros,
                              granted_micros, held_micros, used_micros, charged_micros,
                              uncollected_micros, created_at, expires_at)
SELECT bucket, account_key, 'other', 1, 1, 1, 1, 1, 0, 0, 0, now(), 'infinity'
  FROM creditgate.accounts WHERE version = 0;
"""
_ROWS_READ = """
SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::bigint
  FROM pg_stat_xact_user_tables
"""


async def test_a_plan_made_for_empty_tables_reads_few_rows_of_full_ones(database: Database) -> None:
    pool = await open_pool(Settings(database_url=database.url, key_pepper="p" * 32))
    try:
        account = await opened(pool)
        async with pool.connection() as connection:
            for name in ("first", "second"):
                for operation in turn(account, name):
                    await connection.fetch(APPLY, [operation[:12]], [])
            owner = await database.connect()
            await owner.execute(_OTHERS)
            await owner.close()
            for operation in turn(account, "third"):
                assert await rows_read(connection, operation) < 10
    finally:
        await pool.close(timeout_seconds=5)


async def opened(pool: Pool) -> AccountKey:
    accounts, tenant_id = PostgresAccounts(pool), uuid4()
    await accounts.create_account(tenant_id, NewAccount("one"))
    account = key_of(tenant_id, "one")
    grant = NewGrant("first", GrantKind.PURCHASED, 1_000, fingerprint=b"1")
    assert (await accounts.add_grant(account, grant)).outcome == Outcome.ACCEPTED
    return account


def turn(account: AccountKey, name: str) -> list[Operation]:
    return [
        Operation(Verb.RESERVE, *account, name, 10, ttl_ms=60_000, fingerprint=b"1"),
        Operation(Verb.EXTEND, *account, name, 20, used_micros=5, ttl_ms=60_000),
        Operation(Verb.COMMIT, *account, name, used_micros=10),
    ]


async def rows_read(connection: Connection, operation: Operation) -> int:
    async with connection.transaction():
        before: int = await connection.fetchval(_ROWS_READ)
        await connection.fetch(APPLY, [operation[:12]], [])
        after: int = await connection.fetchval(_ROWS_READ)
    return after - before
