"""Plans and a rate card for the accounts of a benchmark."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from uuid import UUID

from bench.database import Database
from bench.prices import CARD
from creditgate_server.domain.accounts import AccountChange
from creditgate_server.domain.outcomes import Outcome
from creditgate_server.domain.plans import CycleUnit, Plan
from creditgate_server.domain.rates import Rate, RateCard
from creditgate_server.postgres.accounts import PostgresAccounts
from creditgate_server.postgres.catalog import PostgresCatalog
from creditgate_server.postgres.rate_cards import PostgresRateCards

CARD_ID = "bench"
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


async def put_card(database: Database) -> None:
    """Write the rate card of the benchmark."""
    rates = tuple(
        Rate(
            each.meter, each.model, each.unit_price, each.unit_size, each.fee, each.minimum,
            each.initial, each.increment, *([*part] for part in zip(*each.tiers, strict=True)),
        )
        for each in sorted(CARD)
    )  # fmt: skip
    async with database.pool() as pool:
        result = await PostgresRateCards(pool).put_rate_card(
            database.tenant.tenant_id, RateCard(CARD_ID, 1, rates=rates)
        )
    assert result.outcome is Outcome.ACCEPTED, result


async def price_all(database: Database) -> None:
    """Write the rate card, and have it price what all accounts use."""
    await put_card(database)
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE creditgate.accounts SET rate_card_id = $1, rate_card_version = 1", CARD_ID
        )
        await connection.execute("VACUUM FULL creditgate.accounts")
        await connection.execute("VACUUM ANALYZE")
        await connection.execute("CHECKPOINT")
