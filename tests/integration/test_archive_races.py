"""Archiving while the same holds are used: by several workers at once, which are ended anywhere."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack, suppress
from random import Random
from time import perf_counter
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
import pytest

from creditgate_server.domain.account_keys import AccountKey, account_key
from creditgate_server.domain.accounts import NewAccount
from creditgate_server.domain.errors import LedgerError
from creditgate_server.domain.grants import GrantKind, NewGrant
from creditgate_server.domain.operations import Operation, Verb
from creditgate_server.domain.outcomes import Outcome
from creditgate_server.postgres.accounts import PostgresAccounts
from creditgate_server.postgres.ledger import PostgresLedger
from creditgate_server.postgres.pool import Pool, open_pool
from tests.support.archive import archive
from tests.support.database import Connection, Database
from tests.support.figures import Figures
from tests.support.postgres_faults import broken_rules, superuser, vary
from tests.support.server import settings_for

CREDIT = 1_000_000
TENANT = UUID(int=11)
NAMES, CALLERS, WORKERS = 30, 6, 2
ACCOUNTS = tuple(account_key(TENANT, f"a{number}") for number in range(3))

GONE = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)

_CHARGES = """
SELECT hold_id, count(*), count(DISTINCT version), -sum(amount_micros)::bigint
  FROM creditgate.all_entries WHERE account_key = $1 AND kind = 2 AND hold_id LIKE 'c%'
 GROUP BY hold_id
"""
_KILL = "SELECT pg_terminate_backend($1)"
_LOCKS = "FOR NO KEY UPDATE;\n    v_emptied"


class Tally(NamedTuple):
    """What callers were told, and what workers did."""

    granted: Counter[tuple[AccountKey, str]]
    answers: int
    moved: int
    killed: int


class Race:
    """Callers that use the same few names again and again, and workers that archive them."""

    def __init__(self, database: Database, pool: Pool, *, seed: int, kill: bool) -> None:
        self._database, self._kill, self._chance = database, kill, Random(seed)
        self._ledger, self._accounts = PostgresLedger(pool), PostgresAccounts(pool)
        self._over = False
        self._backends: set[int] = set()
        self._granted: Counter[tuple[AccountKey, str]] = Counter()
        self._used: Counter[tuple[AccountKey, str]] = Counter()
        self._answers = self._moved = self._killed = 0

    async def run(self, seconds: float) -> Tally:
        for number, account in enumerate(ACCOUNTS):
            await self._accounts.create_account(TENANT, NewAccount(f"a{number}"))
            gift = NewGrant("gift", GrantKind.PURCHASED, 10**6 * CREDIT)
            await self._accounts.add_grant(account, gift)
        work = [self._call() for _ in range(CALLERS)] + [self._work() for _ in range(WORKERS)]
        tasks = [asyncio.create_task(each) for each in work]
        ends = perf_counter() + seconds
        async with superuser(self._database) as connection:
            while perf_counter() < ends:
                await asyncio.sleep(self._chance.uniform(0.03, 0.1))
                if self._kill and self._backends:
                    victim = self._chance.choice(sorted(self._backends))
                    self._killed += await connection.fetchval(_KILL, victim)
        self._over = True
        await asyncio.gather(*tasks)
        return Tally(self._granted, self._answers, self._moved, self._killed)

    async def _call(self) -> None:
        while not self._over:
            account, name = self._chance.choice(ACCOUNTS), self._chance.randrange(NAMES)
            kind = self._chance.random()
            with suppress(LedgerError):
                if kind < 0.5:
                    await self._charge(account, f"c{name}")
                elif kind < 0.9:
                    await self._late(account, f"late{name}")
                else:
                    refund = f"r{self._chance.getrandbits(48)}"
                    await self._accounts.refund(account, refund, f"late{name}", 1)
            self._answers += 1

    async def _charge(self, account: AccountKey, name: str) -> None:
        charge = Operation(Verb.CHARGE, *account, name, CREDIT, fingerprint=b"same")
        (result,) = await self._ledger.apply([charge])
        assert result.outcome == Outcome.GRANTED
        self._granted[account, name] += not result.replayed

    async def _late(self, account: AccountKey, name: str) -> None:
        """Report ever more of work whose hold has expired long since."""
        self._used[account, name] += 1_000
        used = self._used[account, name]
        await self._ledger.apply(
            [
                Operation(Verb.RESERVE, *account, name, 10, ttl_ms=1, fingerprint=b"same"),
                Operation(Verb.COMMIT, *account, name, used_micros=used, keep_open=True),
            ]
        )

    async def _work(self) -> None:
        while not self._over:
            with suppress(*GONE):
                connection = await self._database.connect()
                pid = connection.get_server_pid()
                self._backends.add(pid)
                try:
                    await self._archive(connection)
                finally:
                    self._backends.discard(pid)
                    connection.terminate()

    async def _archive(self, connection: Connection) -> None:
        while not self._over:
            limit = self._chance.choice((2, 10, 100))
            account = self._chance.choice(ACCOUNTS)
            self._moved += await archive(connection, account, limit=limit)


async def raced(database: Database, *, seconds: float, kill: bool = True, seed: int = 1) -> Tally:
    async with AsyncExitStack() as stack:
        pool = await open_pool(settings_for(database.url, lock_timeout_ms=10_000))
        stack.push_async_callback(pool.close, timeout_seconds=5)
        return await Race(database, pool, seed=seed, kill=kill).run(seconds)


async def charges(database: Database) -> dict[Any, tuple[int, ...]]:
    async with superuser(database) as connection:
        return {
            (account, row[0]): tuple(row)[1:]
            for account in ACCOUNTS
            for row in await connection.fetch(_CHARGES, account.account_key)
        }


@pytest.mark.parametrize(
    "seconds", [pytest.param(3, id="short"), pytest.param(60, id="long", marks=pytest.mark.faults)]
)
async def test_whatever_is_archived_meanwhile_every_name_is_charged_once(
    database: Database, figures: Figures, seconds: float
) -> None:
    tally = await raced(database, seconds=seconds)
    assert await broken_rules(database) == []
    found = await charges(database)
    assert set(found.values()) == {(1, 1, CREDIT)}
    assert set(tally.granted) <= set(found)
    assert max(tally.granted.values()) == 1
    assert tally.moved > 20, "hardly anything was archived"
    assert tally.killed > 5
    figures(
        answers=tally.answers, archived=tally.moved, workers=WORKERS, killed=tally.killed,
        charged_twice=0, broken_rules=0,
    )  # fmt: skip


async def test_control_without_bringing_back_what_is_named_names_are_charged_again(
    database: Database,
) -> None:
    file = "016_restore.sql"
    await vary(database, file, ("RETURN v_forgotten || ARRAY(", "RETURN '{}'::text[] || ARRAY("),
               ("    FOR h IN\n", "    FOR h IN SELECT * FROM (\n"),
               ("s.hold_id\n    LOOP", "s.hold_id) AS none WHERE false\n    LOOP"))  # fmt: skip
    tally = await raced(database, seconds=1.5, kill=False)
    assert max(tally.granted.values()) > 1


async def test_control_without_the_accounts_lock_holds_are_in_two_places(
    database: Database,
) -> None:
    await vary(database, "066_archive.sql", (_LOCKS, "OFFSET 0;\n    v_emptied"))
    broken: list[str] = []
    for seed in range(4):
        with suppress(AssertionError):
            await raced(database, seconds=1.5, kill=False, seed=seed)
        broken += await broken_rules(database)
        if broken:
            break
    assert broken
