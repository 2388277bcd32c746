"""A PostgreSQL server of the benchmark's own, and databases on it with accounts that can spend."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeAlias
from uuid import UUID

import asyncpg

from creditgate_server.domain.account_keys import BUCKETS, account_key
from creditgate_server.domain.keys import Scope
from creditgate_server.embedded import EmbeddedPostgres, find_binaries
from creditgate_server.migrate import migrate
from creditgate_server.postgres.keys import PostgresKeys
from creditgate_server.postgres.pool import Pool, open_pool
from creditgate_server.postgres.sweeps import PostgresSweeps
from creditgate_server.settings import Settings

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

PEPPER = "a pepper for benchmarks, long enough to be one"
CREDITS_MICROS = 10**15
# What an administrator sets for a machine with some memory; all else, durability included, is
# PostgreSQL's default. Checkpoints are made before a measurement rather than in its middle.
OPTIONS = {
    "shared_buffers": "512MB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "30min",
    "max_connections": "200",
}

_SEED = """
CREATE TEMP TABLE seed (bucket smallint, account_key uuid, account_id text)
"""
_ACCOUNTS = """
INSERT INTO creditgate.accounts
       (bucket, account_key, tenant_id, account_id, status, overage_policy,
        overdraft_limit_micros, settled_micros, grant_count, version, created_at)
SELECT s.bucket, s.account_key, $1, s.account_id, 1, 1, 0, $2, 1, 1, now() FROM seed AS s
"""
_GRANTS = """
INSERT INTO creditgate.grants
       (bucket, account_key, seq, grant_id, kind, state, spendable, amount_micros,
        remaining_micros, priority, effective_at, fingerprint, created_at)
SELECT s.bucket, s.account_key, 1, 'first', 2, 2, true, $1, $1, 100, now(), '', now() FROM seed AS s
"""
_ENTRIES = """
INSERT INTO creditgate.entries
       (bucket, account_key, version, line, kind, amount_micros, settled_micros, name,
        grant_seqs, drawn_micros, created_at)
SELECT s.bucket, s.account_key, 1, 1, 1, $1::bigint, $1::bigint, 'first', '{1}',
       ARRAY[$1::bigint], now()
  FROM seed AS s
"""


@dataclass(frozen=True)
class Tenant:
    """Whose accounts they are, and the key to them."""

    tenant_id: UUID
    api_key: str


@dataclass(frozen=True)
class Database:
    """One database: its address, and the tenant in it."""

    url: str
    tenant: Tenant

    @property
    def settings(self) -> Settings:
        return Settings(database_url=self.url, key_pepper=PEPPER)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection as the owner."""
        connection = await asyncpg.connect(self.url)
        try:
            yield connection
        finally:
            await connection.close()

    @asynccontextmanager
    async def pool(self, settings: Settings | None = None) -> AsyncIterator[Pool]:
        """Connections as the server has them."""
        pool = await open_pool(settings or self.settings)
        try:
            yield pool
        finally:
            await pool.close(timeout_seconds=3)

    async def holds(self, names: str) -> dict[str, int]:
        """How many holds there are whose names begin so: in all, and of them committed ones."""
        async with self.connection() as connection:
            row = await connection.fetchrow(
                "SELECT count(*), count(*) FILTER (WHERE state = 2) FROM creditgate.holds"
                " WHERE starts_with(hold_id, $1)",
                names,
            )
        assert row is not None
        return {"holds": row[0], "committed": row[1]}

    async def broken(self) -> list[str]:
        """The rules of the ledger that do not hold."""
        async with self.pool() as pool:
            sweeps = PostgresSweeps(pool)
            halves = (range(first, BUCKETS, 2) for first in range(2))
            found = await asyncio.gather(*(sweeps.verify(buckets=half) for half in halves))
        return [each.rule for half in found for each in half]


class Cluster:
    """A PostgreSQL server in a folder that is removed with it."""

    def __init__(self, binaries: str | None = None) -> None:
        reserved = Path(tempfile.mkdtemp(prefix="creditgate-bench-"))
        reserved.rmdir()
        self._folder = reserved
        self._templates: dict[int, Tenant] = {}
        self._count = 0
        major = int(binaries) if binaries else None
        self.postgres = EmbeddedPostgres(
            reserved, binaries=find_binaries(major=major), options=OPTIONS
        )

    def __enter__(self) -> Self:
        self.postgres.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.postgres.stop("immediate")
        shutil.rmtree(self._folder)

    @property
    def pid(self) -> int:
        pid = self.postgres.pid
        assert pid is not None, "it runs"
        return pid

    @asynccontextmanager
    async def database(self, *, accounts: int = 10_000) -> AsyncIterator[Database]:
        """A new database with accounts of one tenant, each with a grant; checkpointed."""
        if accounts not in self._templates:
            self._templates[accounts] = await self._make_template(accounts)
        self._count += 1
        name = f"bench_{self._count}"
        await self.execute(f"CREATE DATABASE {name} TEMPLATE {_template(accounts)}")
        await self.execute("CHECKPOINT")
        yield Database(self.postgres.url(name), self._templates[accounts])
        await self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    async def execute(self, sql: str) -> None:
        """Do something as the superuser."""
        connection = await asyncpg.connect(self.postgres.url())
        try:
            await connection.execute(sql)
        finally:
            await connection.close()

    async def _make_template(self, accounts: int) -> Tenant:
        name = _template(accounts)
        await self.execute(f"CREATE DATABASE {name}")
        url = self.postgres.url(name)
        await migrate(url)
        tenant = await _make_tenant(url)
        connection = await asyncpg.connect(url)
        try:
            await seed(connection, tenant.tenant_id, accounts)
            await connection.execute("VACUUM ANALYZE")
        finally:
            await connection.close()
        return tenant


async def seed(connection: Connection, tenant_id: UUID, accounts: int) -> None:
    """Open accounts `account-0`, `account-1`, ... with one large grant each."""
    names = (f"account-{number}" for number in range(accounts))
    rows: Any = ((*account_key(tenant_id, name), name) for name in names)
    async with connection.transaction():
        await connection.execute(_SEED)
        await connection.copy_records_to_table("seed", records=rows)
        await connection.execute(_ACCOUNTS, tenant_id, CREDITS_MICROS)
        await connection.execute(_GRANTS, CREDITS_MICROS)
        await connection.execute(_ENTRIES, CREDITS_MICROS)


async def _make_tenant(url: str) -> Tenant:
    pool = await open_pool(Settings(database_url=url, key_pepper=PEPPER))
    try:
        keys = PostgresKeys(pool)
        tenant, _ = await keys.ensure_tenant("bench")
        key = await keys.create_key(tenant.tenant_id, pepper=PEPPER, scopes=tuple(Scope))
    finally:
        await pool.close(timeout_seconds=3)
    return Tenant(tenant.tenant_id, key.text)


def _template(accounts: int) -> str:
    return f"template_{accounts}"
