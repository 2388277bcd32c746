"""The batch as servers of the versions before call it: by the types they know."""

from __future__ import annotations

from uuid import uuid4

from creditgate_server.domain.accounts import AccountChange, NewAccount, NewGrant, account_key
from creditgate_server.domain.operations import Operation, Verb
from creditgate_server.domain.plans import Plan
from creditgate_server.domain.rates import Rate, RateCard
from creditgate_server.postgres.accounts import PostgresAccounts
from creditgate_server.postgres.catalog import PostgresCatalog
from creditgate_server.postgres.pool import open_pool
from creditgate_server.postgres.rate_cards import PostgresRateCards
from creditgate_server.settings import Settings
from tests.support.database import Database

TENANT = uuid4()
BY_AMOUNT = "SELECT * FROM creditgate.apply($1::creditgate.operation[])"
BY_USAGE = "SELECT * FROM creditgate.apply($1::creditgate.operation[], $2::creditgate.usage[])"


async def test_the_batch_is_called_as_versions_before_do(database: Database) -> None:
    owner = await database.connect()
    await owner.execute("INSERT INTO creditgate.tenants VALUES ($1, 'older')", TENANT)
    await owner.close()
    pool = await open_pool(Settings(database_url=database.url, key_pepper="p" * 32))
    await PostgresRateCards(pool).put_rate_card(
        TENANT, RateCard("card", 1, rates=(Rate("call", "*", 3), Rate("text", "*", 5)))
    )
    await PostgresCatalog(pool).put_plan(TENANT, Plan("plan", 1, rate_card_id="card"))
    accounts = PostgresAccounts(pool)
    await accounts.create_account(TENANT, NewAccount("acme"))
    await accounts.update_account(TENANT, "acme", AccountChange(plan_id="plan", plan_version=1))
    account = account_key(TENANT, "acme")
    await accounts.add_grant(account, NewGrant("g", 2, 1_000))

    def reserve(hold_id: str, amount: int = 0) -> tuple[object, ...]:
        return Operation(
            Verb.RESERVE, *account, hold_id, amount, ttl_ms=60_000, fingerprint=b"same"
        )[:12]

    usages = [(1, "call", "", 10, None), (3, "text", "", 2, None)]
    batch = [reserve("a"), reserve("b", 7), reserve("c")]
    async with pool.connection() as connection:
        priced = await connection.fetch(BY_USAGE, batch, usages)
        plain = await connection.fetch(BY_AMOUNT, [reserve("d", 11)])
    await pool.close(timeout_seconds=5)
    assert [row["hold_granted_micros"] for row in priced] == [30, 7, 10]
    assert [row["affordable_quantity"] for row in priced] == [333, None, 192]
    assert plain[0]["hold_granted_micros"] == 11
