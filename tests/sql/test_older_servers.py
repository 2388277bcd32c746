"""The batch as servers of the versions before call it: by the types they know."""

from __future__ import annotations

from creditgate_server.domain.calls import CallTerms
from creditgate_server.domain.operations import Operation, Verb
from creditgate_server.domain.plans import Plan
from creditgate_server.domain.rates import Rate
from creditgate_server.postgres.catalog import PostgresCatalog
from tests.support.database import Database
from tests.support.priced import priced

PLAN_BY_CARD = """
SELECT creditgate.put_plan($1::creditgate.plans, '{}'::creditgate.budget[], '', 0)
"""
PLAN_BY_BUDGETS = """
SELECT creditgate.put_plan($1::creditgate.plans, '{}'::creditgate.budget[])
"""
BY_AMOUNT = "SELECT * FROM creditgate.apply($1::creditgate.operation[])"
BY_USAGE = "SELECT * FROM creditgate.apply($1::creditgate.operation[], $2::creditgate.usage[])"


async def test_the_batch_is_called_as_versions_before_do(database: Database) -> None:
    rates = (Rate("call", "*", 3), Rate("text", "*", 5))
    async with priced(database, *rates, credits_micros=1_000) as (pool, account):

        def reserve(hold_id: str, amount: int = 0) -> tuple[object, ...]:
            return Operation(
                Verb.RESERVE, *account, hold_id, amount, ttl_ms=60_000, fingerprint=b"same"
            )[:12]

        usages = [(1, "call", "", 10, None), (3, "text", "", 2, None)]
        batch = [reserve("a"), reserve("b", 7), reserve("c")]
        async with pool.connection() as connection:
            metered = await connection.fetch(BY_USAGE, batch, usages)
            plain = await connection.fetch(BY_AMOUNT, [reserve("d", 11)])
    assert [row["hold_granted_micros"] for row in metered] == [30, 7, 10]
    assert [row["affordable_quantity"] for row in metered] == [333, None, 192]
    assert plain[0]["hold_granted_micros"] == 11


async def test_plans_are_written_as_versions_before_do_and_their_calls_are_as_usual(
    database: Database,
) -> None:
    async with priced(database, Rate("call", "*", 1), credits_micros=1) as (pool, _):
        async with pool.connection() as connection:
            tenant_id = await connection.fetchval("SELECT tenant_id FROM creditgate.tenants")
            for name, written in (("carded", PLAN_BY_CARD), ("bound", PLAN_BY_BUDGETS)):
                plan = Plan(name, 1, fingerprint=b"same")
                terms = plan[: Plan._fields.index("rate_card_id")]
                assert await connection.fetchval(written, (tenant_id, *terms)) == (10, False)
                assert await connection.fetchval(written, (tenant_id, *terms)) == (10, True)
        catalog = PostgresCatalog(pool)
        for name in ("carded", "bound"):
            plan_ = await catalog.get_plan(tenant_id, name, 0)
            assert plan_ is not None
            assert plan_.call_terms == CallTerms()
