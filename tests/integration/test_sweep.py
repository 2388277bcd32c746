"""Any number of sweepers: each hold ends once, whoever stands still, however many there are."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from creditgate_server.domain.account_keys import BUCKETS, account_key
from creditgate_server.postgres.pool import open_pool
from creditgate_server.postgres.sweeps import PostgresSweeps
from creditgate_server.workers.expire_holds import ExpireHolds
from tests.support.database import Database
from tests.support.figures import Figures
from tests.support.load import CREDIT, commit, reserve
from tests.support.load_backlog import add_expired_holds
from tests.support.load_servers import fleet
from tests.support.postgres_faults import broken_rules, superuser, watch_transitions
from tests.support.server import settings_for

ROUNDS = 3

# Whoever ends this hold lingers over it, so that it can be caught in the middle of its sweep.
_LINGER = """
CREATE FUNCTION public.linger() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_sleep(0.5);
    RETURN NULL;
END $$;
CREATE TRIGGER linger AFTER UPDATE ON creditgate.holds FOR EACH ROW
    WHEN (NEW.hold_id = 'account-3-old-300') EXECUTE FUNCTION public.linger();
"""
_LINGERING = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'"


class Sweeper:
    """One of several sweepers: what a server's background loop does, on a pool of its own."""

    def __init__(self, sweeps: PostgresSweeps) -> None:
        self.swept = 0
        self._round = ExpireHolds(sweeps, limit=500, swept=self._note)

    def _note(self, count: int) -> None:
        self.swept += count

    async def run(self) -> None:
        await self._round()


@asynccontextmanager
async def sweepers(database: Database, count: int) -> AsyncIterator[list[Sweeper]]:
    async with AsyncExitStack() as stack:
        found = []
        for _ in range(count):
            pool = await open_pool(settings_for(database.url, statement_timeout_ms=10_000))
            stack.push_async_callback(pool.close, timeout_seconds=3)
            found.append(Sweeper(PostgresSweeps(pool)))
        yield found


async def expiries(database: Database) -> tuple[int, int]:
    """How many holds expired, and how many more times than once."""
    async with superuser(database) as connection:
        row = await connection.fetchrow(
            "SELECT count(DISTINCT hold_id), count(*) - count(DISTINCT hold_id)"
            "  FROM public.transitions WHERE became = 4"
        )
    assert row
    return row[0], row[1]


async def open_accounts(database: Database, count: int) -> tuple[UUID, list[str]]:
    """Accounts with a hundred thousand credits each, without any server."""
    tenant_id, names = uuid4(), [f"account-{n}" for n in range(count)]
    async with superuser(database) as connection:
        await connection.execute("INSERT INTO creditgate.tenants VALUES ($1, 'swept')", tenant_id)
        for name in names:
            key = account_key(tenant_id, name)
            await connection.fetchval(
                "SELECT creditgate.create_account($1, $2, $3, $4, 0, 1::smallint, '{}')",
                *key, tenant_id, name,
            )  # fmt: skip
            await connection.fetchval(
                "SELECT creditgate.add_grant($1, $2, 'opening', 2::smallint, $3, 0, NULL, NULL,"
                " '', '')",
                *key, 100_000 * CREDIT,
            )  # fmt: skip
    return tenant_id, names


async def test_four_sweepers_end_every_hold_once(database: Database, figures: Figures) -> None:
    tenant_id, names = await open_accounts(database, 20)
    await add_expired_holds(database, tenant_id, names, each=200, micros=CREDIT)
    await watch_transitions(database)
    async with sweepers(database, 4) as four:
        while any(sweeper.swept == 0 for sweeper in four) or (await expiries(database))[0] < 4_000:
            await asyncio.gather(*(sweeper.run() for sweeper in four))
            if (await expiries(database))[0] == 4_000:
                break
    assert await expiries(database) == (4_000, 0)
    assert sum(sweeper.swept for sweeper in four) == 4_000
    assert await broken_rules(database) == []
    figures(sweepers=4, swept=4_000, dup_expire=0, by_each=[sweeper.swept for sweeper in four])


async def test_a_sweeper_that_stands_still_in_the_middle_stops_nobody_else(
    database: Database, tmp_path: Path, figures: Figures
) -> None:
    """Its process in PostgreSQL is stopped while it holds the lock of an account."""
    async with fleet(database, tmp_path, count=1, run_workers="false") as servers:
        (caller,) = await servers.callers(1)
        names = [f"account-{n}" for n in range(8)]
        for name in names:
            await caller.open_account(name, credit_micros=100_000 * CREDIT)
        await watch_transitions(database)
        await add_expired_holds(database, servers.tenant_id, names, each=1_000, micros=CREDIT)
        async with sweepers(database, 4) as four, superuser(database) as connection:
            await connection.execute(_LINGER)
            first = asyncio.create_task(four[0].run())
            while not (pid := await connection.fetchval(_LINGERING)):
                assert not first.done(), "it was not caught in the middle"
            os.kill(pid, signal.SIGSTOP)
            try:
                # What one of them had locked when another came by is left to the next round.
                for _ in range(ROUNDS):
                    await asyncio.gather(*(sweeper.run() for sweeper in four[1:]))
                meanwhile = (await expiries(database))[0]
                replies = [await caller.send(reserve(name, "now", CREDIT)) for name in names]
            finally:
                os.kill(pid, signal.SIGCONT)
            await first
            await asyncio.gather(*(sweeper.run() for sweeper in four))
    assert meanwhile == 7_000
    verdicts = [reply.verdict for reply in replies]
    assert verdicts == ["GRANTED"] * 3 + ["NOT_EXECUTED"] + ["GRANTED"] * 4
    assert await expiries(database) == (8_000, 0)
    assert await broken_rules(database) == []
    figures(
        holds=8_000, swept_meanwhile=meanwhile, dup_expire=0,
        reserves_meanwhile=7, refused_for_the_lock=1,
    )  # fmt: skip


async def test_credits_of_expired_holds_are_there_at_once_whatever_the_backlog(
    database: Database, tmp_path: Path, figures: Figures
) -> None:
    """Nobody sweeps. A Reserve that needs what 20,000 expired holds of its account keep gets it."""
    holds = 20_000
    async with fleet(database, tmp_path, count=1, run_workers="false") as servers:
        (caller,) = await servers.callers(1)
        await caller.open_account("acme", credit_micros=holds * CREDIT)
        await watch_transitions(database)
        await add_expired_holds(database, servers.tenant_id, ["acme"], each=holds, micros=CREDIT)
        started = time.monotonic()
        some = await caller.ask(reserve("acme", "some", 100 * CREDIT))
        some_seconds = time.monotonic() - started
        expired_by_some = (await expiries(database))[0]
        later = await caller.insist(reserve("acme", "all", (holds - 100) * CREDIT))
        all_seconds = time.monotonic() - started - some_seconds
    assert some.hold.held_micros == 100 * CREDIT
    assert expired_by_some < 2_000
    assert later.granted
    assert await expiries(database) == (holds, 0)
    assert await broken_rules(database) == []
    figures(backlog=holds, reserve_100_seconds=some_seconds, reserve_all_seconds=all_seconds)


async def test_an_overrun_is_charged_from_what_expired_holds_still_keep(
    database: Database, tmp_path: Path, figures: Figures
) -> None:
    """Nothing of it is written off: the credits were available from the instant of the expiry."""
    async with fleet(database, tmp_path, count=1, run_workers="false") as servers:
        (caller,) = await servers.callers(1)
        await caller.open_account("acme", credit_micros=10_000 * CREDIT)
        await caller.ask(reserve("acme", "mine", CREDIT))
        await add_expired_holds(database, servers.tenant_id, ["acme"], each=9_999, micros=CREDIT)
        answer = await caller.ask(commit("acme", "mine", 10_000 * CREDIT))
    assert (answer.charged_micros, answer.uncollected_micros) == (10_000 * CREDIT, 0)
    assert answer.balance.available_micros == 0
    assert await broken_rules(database) == []
    figures(backlog=9_999, charged_micros=answer.charged_micros, uncollected_micros=0)


async def pages_read(connection: Any, questions: Iterable[str]) -> int:
    """How many pages PostgreSQL looks at to answer calls of functions."""
    total = 0
    for question in questions:
        plan = await connection.fetch(
            f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, SUMMARY OFF) SELECT creditgate.{question}"
        )
        total += sum(int(pages) for row in plan for pages in re.findall(r"hit=(\d+)", row[0]))
    return total


async def test_a_sweep_reads_what_is_due_and_not_every_account(
    database: Database, figures: Figures
) -> None:
    """Accounts with nothing due cost a sweep nothing, however many there are."""
    tenant_id, count = uuid4(), 20_000
    async with superuser(database) as connection:
        await connection.execute("INSERT INTO creditgate.tenants VALUES ($1, 'many')", tenant_id)
        keys = [(*account_key(tenant_id, f"account-{n}"), n) for n in range(count)]
        await connection.executemany(
            "INSERT INTO creditgate.accounts (bucket, account_key, tenant_id, account_id, status,"
            "  overage_policy, overdraft_limit_micros, created_at)"
            f" VALUES ($1, $2, '{tenant_id}', 'account-' || $3::int, 1, 1, 0, now())",
            keys,
        )
        buckets = f"'{{{','.join(map(str, range(BUCKETS)))}}}'"
        questions = [f"expire_holds({bucket}::smallint, 500)" for bucket in range(BUCKETS)]
        questions.append(f"due_buckets({buckets})")
        # The first calls also load the functions.
        await pages_read(connection, [questions[0], questions[-1]])
        read = await pages_read(connection, questions)
    assert read / BUCKETS < 20, f"{read} pages read where nothing is due"
    figures(accounts=count, due=0, pages_read_by_a_sweep=read / BUCKETS)
