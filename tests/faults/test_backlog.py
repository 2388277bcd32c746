"""Two hundred thousand expired holds: each ends once, and nobody waits for them (P21)."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from tests.support.database import Database
from tests.support.figures import Figures
from tests.support.load import CREDIT, Caller, percentile, reserve
from tests.support.load_backlog import add_expired_holds
from tests.support.load_servers import fleet
from tests.support.postgres_faults import broken_rules, superuser, watch_transitions

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]
HOLDS = 200_000


async def expiries(database: Database) -> tuple[int, int]:
    """How many holds expired, and how many more times than once."""
    async with superuser(database) as connection:
        row = await connection.fetchrow(
            "SELECT count(DISTINCT hold_id), count(*) - count(DISTINCT hold_id)"
            "  FROM public.transitions WHERE became = 4"
        )
    assert row
    return row[0], row[1]


async def reserves(caller: Caller, name: str, *, seconds: float) -> list[float]:
    """Reserves one after the other; answers how long each took."""
    until = time.monotonic() + seconds
    took: list[float] = []
    while time.monotonic() < until:
        reply = await caller.insist(reserve("busy", f"{name}-{len(took)}", 1))
        assert reply.granted
        took.append(reply.seconds)
    return took


@pytest.mark.parametrize("servers_count", [1, 2])
async def test_a_backlog_is_swept_once_while_others_reserve(
    database: Database, tmp_path: Path, figures: Figures, servers_count: int
) -> None:
    accounts = [f"account-{n}" for n in range(100)]
    async with fleet(database, tmp_path, count=servers_count, sweep_interval_ms="500") as servers:
        caller, *_ = await servers.callers(servers_count)
        for name in [*accounts, "busy"]:
            await caller.open_account(name, credit_micros=HOLDS * CREDIT)
        await watch_transitions(database)
        before = await reserves(caller, "before", seconds=5)
        started = time.monotonic()
        await add_expired_holds(
            database, servers.tenant_id, accounts, each=HOLDS // 100, micros=CREDIT
        )
        during: list[float] = []
        while (await expiries(database))[0] < HOLDS:
            during += await reserves(caller, f"during-{len(during)}", seconds=1)
            assert time.monotonic() - started < 300, "the sweep does not end"
        seconds = time.monotonic() - started
    assert await expiries(database) == (HOLDS, 0)
    assert await broken_rules(database) == []
    figures(
        swept=HOLDS, servers=servers_count, dup_expire=0, seconds=seconds,
        reserve_p99_ms_before=percentile(before, 0.99) * 1000,
        reserve_p99_ms_during=percentile(during, 0.99) * 1000,
        reserve_p99_ratio=percentile(during, 0.99) / percentile(before, 0.99),
    )  # fmt: skip


async def test_one_account_gets_its_expired_credits_back_whatever_it_asks_for(
    database: Database, tmp_path: Path, figures: Figures
) -> None:
    """All of the backlog is one account's. It asks for some at once, then for all, again and again.

    To get all, everything has to end first, which takes longer than a call may; the caller insists
    while sweepers work on the same account.
    """
    async with fleet(database, tmp_path, sweep_interval_ms="500") as servers:
        a, b = await servers.callers(2)
        await a.open_account("busy", credit_micros=HOLDS * CREDIT)
        await watch_transitions(database)
        await add_expired_holds(database, servers.tenant_id, ["busy"], each=HOLDS, micros=CREDIT)
        started = time.monotonic()
        some = await a.insist(reserve("busy", "some", 100 * CREDIT))
        some_seconds = time.monotonic() - started
        everything = [
            caller.insist(reserve("busy", f"all-{n}", (HOLDS - 100) * CREDIT), seconds=120)
            for n, caller in enumerate((a, b))
        ]
        replies = await asyncio.gather(*everything)
        all_seconds = time.monotonic() - started - some_seconds
    assert some.granted
    assert sorted(reply.verdict for reply in replies) == ["DENIED_CREDITS_HELD", "GRANTED"]
    assert await expiries(database) == (HOLDS, 0)
    assert await broken_rules(database) == []
    figures(backlog=HOLDS, reserve_some_seconds=some_seconds, reserve_all_seconds=all_seconds)
