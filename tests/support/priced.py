"""An account with credits and a rate card, without a server in between."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

from creditgate_server.domain.account_keys import AccountKey, account_key
from creditgate_server.domain.accounts import AccountChange, NewAccount
from creditgate_server.domain.grants import GrantKind, NewGrant
from creditgate_server.domain.plans import Plan
from creditgate_server.domain.rates import Rate, RateCard
from creditgate_server.postgres.accounts import PostgresAccounts
from creditgate_server.postgres.catalog import PostgresCatalog
from creditgate_server.postgres.pool import Pool, open_pool
from creditgate_server.postgres.rate_cards import PostgresRateCards
from creditgate_server.settings import Settings
from tests.support.database import Database


@asynccontextmanager
async def priced(
    database: Database, *rates: Rate, credits_micros: int
) -> AsyncIterator[tuple[Pool, AccountKey]]:
    """Open an account on a plan with these rates, and a pool to ask about it."""
    tenant_id = uuid4()
    owner = await database.connect()
    await owner.execute("INSERT INTO creditgate.tenants VALUES ($1, $1::uuid::text)", tenant_id)
    await owner.close()
    pool = await open_pool(Settings(database_url=database.url, key_pepper="p" * 32))
    try:
        await PostgresRateCards(pool).put_rate_card(tenant_id, RateCard("card", 1, rates=rates))
        await PostgresCatalog(pool).put_plan(tenant_id, Plan("plan", 1, rate_card_id="card"))
        accounts, account = PostgresAccounts(pool), account_key(tenant_id, "acme")
        await accounts.create_account(tenant_id, NewAccount("acme"))
        change = AccountChange(plan_id="plan", plan_version=1)
        await accounts.update_account(tenant_id, "acme", change)
        await accounts.add_grant(account, NewGrant("credits", GrantKind.PURCHASED, credits_micros))
        yield pool, account
    finally:
        await pool.close(timeout_seconds=5)
