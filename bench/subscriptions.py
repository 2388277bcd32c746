"""Plans for the accounts of a benchmark."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from uuid import UUID

from bench.database import Database
from creditgate_server.domain.accounts import AccountChange
from creditgate_server.domain.outcomes import Outcome
from creditgate_server.domain.plans import CycleUnit, Plan
from creditgate_server.postgres.accounts import PostgresAccounts
from creditgate_server.postgres.catalog import PostgresCatalog

_AT_ONCE = 4
# So much that nothing that is measured is denied, and no threshold is reached.
_MUCH_MICROS = 10**14

FULL = Plan(
    plan_id="full",
    version=1,
    allowance_micros=_MUCH_MICROS,
    cycle_unit=CycleUnit.MONTH,
    rollover_max_micros=_MUCH_MICROS,
    welcome_micros=_MUCH_MICROS,
    hold_max_micros=_MUCH_MICROS,
    hold_ttl_max_ms=86_400_000,
    open_holds_max=10**6,
    fingerprint=b"full",
)
"""A plan with everything: an allowance, welcome credits, every limit, and the usual thresholds.

An account that had a grant has three live ones on it.
"""

DAILY = Plan(
    plan_id="daily",
    version=1,
    allowance_micros=_MUCH_MICROS,
    cycle_unit=CycleUnit.DAY,
    fingerprint=b"daily",
)


async def put(database: Database, plan: Plan) -> None:
    """Write a plan."""
    async with database.pool() as pool:
        result = await PostgresCatalog(pool).put_plan(database.tenant.tenant_id, plan)
    assert result.outcome is Outcome.ACCEPTED, result


async def subscribe(database: Database, plan: Plan, *, accounts: int) -> None:
    """Put the first so many accounts on a plan, each as an administrator would."""
    await put(database, plan)
    async with database.pool() as pool:
        names = iter([f"account-{number}" for number in range(accounts)])
        store, tenant_id = PostgresAccounts(pool), database.tenant.tenant_id
        await asyncio.gather(*(_take(store, tenant_id, plan, names) for _ in range(_AT_ONCE)))
    async with database.connection() as connection:
        await connection.execute("VACUUM ANALYZE")
        await connection.execute("CHECKPOINT")


async def _take(store: PostgresAccounts, tenant_id: UUID, plan: Plan, names: Iterable[str]) -> None:
    change = AccountChange(plan_id=plan.plan_id, plan_version=plan.version)
    for name in names:
        outcome, _ = await store.update_account(tenant_id, name, change)
        assert outcome is Outcome.ACCEPTED, outcome
