"""Background work on a real database, many workers at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import NamedTuple

from creditgate.v1 import authorization_service_pb2 as pb
from creditgate_server.domain.account_keys import account_key
from creditgate_server.domain.accounts import NewAccount
from creditgate_server.domain.grants import NewGrant as Grant
from creditgate_server.domain.holds import HoldState
from creditgate_server.domain.operations import Operation, Verb
from creditgate_server.postgres.accounts import PostgresAccounts
from creditgate_server.postgres.keys import PostgresKeys
from creditgate_server.postgres.ledger import PostgresLedger
from creditgate_server.postgres.pool import Pool, open_pool
from creditgate_server.postgres.sweeps import RULES, PostgresSweeps
from creditgate_server.telemetry import Telemetry
from creditgate_server.workers.expire_holds import ExpireHolds
from creditgate_server.workers.measure_holds import MeasureHolds
from creditgate_server.workers.reconcile import Reconcile
from tests.support.database import Connection, Database
from tests.support.figures import Figures
from tests.support.server import CREDIT, running_server, settings_for

# What an onlooker sees, by the database's clock.
LOOK = """
SELECT count(*) FILTER (WHERE state = 1),
       coalesce(extract(epoch FROM max(now - expires_at) FILTER (WHERE state = 1)), 0)::float8,
       count(*) FILTER (WHERE state = 4 AND expires_at > now)
  FROM creditgate.holds, clock_timestamp() AS now
"""
ACCOUNTS = 40
HOLDS = 20


class Look(NamedTuple):
    still_open: int
    overdue_seconds: float
    ended_early: int


async def look(connection: Connection) -> Look:
    row = await connection.fetchrow(LOOK)
    assert row is not None
    return Look(*row)


async def fill(pool: Pool, *, ttl_ms: int) -> None:
    """Give some accounts credits and open holds."""
    tenant, _ = await PostgresKeys(pool).ensure_tenant("acme")
    accounts, ledger = PostgresAccounts(pool), PostgresLedger(pool)
    for number in range(ACCOUNTS):
        name = f"account-{number}"
        key = account_key(tenant.tenant_id, name)
        await accounts.create_account(tenant.tenant_id, NewAccount(name))
        await accounts.add_grant(key, Grant("g", 2, 1_000 * CREDIT, fingerprint=b"g"))
        await ledger.apply(
            [
                Operation(
                    Verb.RESERVE,
                    *key,
                    f"hold-{i}",
                    amount_micros=CREDIT,
                    ttl_ms=ttl_ms,
                    fingerprint=b"r",
                )
                for i in range(HOLDS)
            ]
        )


async def test_many_sweepers_end_each_hold_once_and_none_early(
    database: Database, figures: Figures
) -> None:
    pools = [await open_pool(settings_for(database.url)) for _ in range(4)]
    swept: list[int] = []
    sweeps = [ExpireHolds(PostgresSweeps(p), limit=7, swept=swept.append) for p in pools]
    await fill(pools[0], ttl_ms=3_600_000)
    await asyncio.gather(*(sweep() for sweep in sweeps))
    assert swept == [], "nothing is due yet"

    connection = await database.connect()
    await connection.execute(
        "UPDATE creditgate.holds SET expires_at = creditgate.clock() - interval '1 s';"
        "UPDATE creditgate.accounts SET due_at = creditgate.clock() - interval '1 s'"
    )
    started = time.perf_counter()
    await asyncio.gather(*(sweep() for sweep in sweeps))
    seconds = time.perf_counter() - started
    for pool in pools:
        await pool.close(timeout_seconds=3)
    assert sum(swept) == ACCOUNTS * HOLDS
    states = await connection.fetch("SELECT state, count(*) FROM creditgate.holds GROUP BY state")
    assert [tuple(row) for row in states] == [(HoldState.EXPIRED, ACCOUNTS * HOLDS)]
    assert await connection.fetchval("SELECT sum(held_micros) FROM creditgate.accounts") == 0
    await connection.close()
    figures(sweepers=4, swept=sum(swept), twice=0, early=0, seconds=seconds)


async def test_what_expires_is_swept_within_five_seconds_by_a_server(
    database: Database, figures: Figures
) -> None:
    async with running_server(database.url) as server, server.caller() as caller:
        account = await caller.account()
        connection = await database.connect()
        for number in range(20):
            request = pb.ReserveRequest(
                account_id=account, hold_id=f"call-{number}", amount_micros=CREDIT
            )
            request.ttl.FromMilliseconds(50 * number + 1)
            await caller.authorization.Reserve(request)
        seen = [await look(connection)]
        async with asyncio.timeout(30):
            while seen[-1].still_open:
                await asyncio.sleep(0.02)
                seen.append(await look(connection))
        await connection.close()
    assert {now.ended_early for now in seen} == {0}
    latest = max(now.overdue_seconds for now in seen)
    assert latest < 5
    figures(swept=20, looks=len(seen), early=0, latest_seconds=latest)


async def test_the_figures_of_open_holds_are_those_of_the_database(database: Database) -> None:
    pool = await open_pool(settings_for(database.url))
    await fill(pool, ttl_ms=3_600_000)
    telemetry = Telemetry()
    value = telemetry.metrics.registry.get_sample_value
    assert value("creditgate_holds_open") is None, "nobody has looked yet"
    measure = MeasureHolds(PostgresSweeps(pool).open_holds, observer=telemetry.metrics.work)
    assert await measure() is False
    await pool.close(timeout_seconds=3)
    assert value("creditgate_holds_open") == ACCOUNTS * HOLDS
    assert value("creditgate_held_micros") == ACCOUNTS * HOLDS * CREDIT
    assert 0 < (value("creditgate_oldest_open_hold_seconds") or 0) < 60
    assert value("creditgate_sweep_lag_seconds") == 0


async def test_a_broken_rule_shows_in_the_figures_until_it_is_mended(database: Database) -> None:
    pool = await open_pool(settings_for(database.url))
    await fill(pool, ttl_ms=3_600_000)
    found: list[Mapping[str, int]] = []
    reconcile = Reconcile(PostgresSweeps(pool).verify, rules=RULES, found=found.append)
    connection = await database.connect()
    await reconcile()
    for change in ("+", "-"):
        await connection.execute(
            f"UPDATE creditgate.accounts SET held_micros = held_micros {change} 1"
            " WHERE account_id IN ('account-3', 'account-4')"
        )
        await reconcile()
    await connection.close()
    await pool.close(timeout_seconds=3)
    clean = dict.fromkeys(RULES, 0)
    assert found == [clean, clean | {"held = sum of open holds": 2}, clean]
