"""Counters of budgets in the database: their cost, their bounds, and that a wrong one is found."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from creditgate_server.domain.account_keys import AccountKey
from creditgate_server.domain.account_keys import account_key as key_of
from creditgate_server.domain.accounts import NewAccount
from creditgate_server.domain.budgets import Budget
from creditgate_server.domain.grants import GrantKind, NewGrant
from creditgate_server.domain.operations import Operation, Verb
from creditgate_server.domain.outcomes import Outcome
from creditgate_server.postgres.accounts import PostgresAccounts
from creditgate_server.postgres.budgets import PostgresBudgets
from creditgate_server.postgres.pool import APPLY, Connection, Pool, open_pool
from creditgate_server.settings import Settings
from tests.contract.drivers import START
from tests.oracle.answers import BudgetView
from tests.oracle.subscriber import Plan
from tests.support.database import Database
from tests.support.pair import Pair, Request

OTHERS = 5_000
ANN = '{"attributes": {"agent": "ann", "conversation_id": "c"}, "labels": {}}'
LARGEST = 10**18
_OTHERS = f"""
INSERT INTO creditgate.budget_counters
SELECT k.bucket, k.account_key, 1000 + n, k.budget_no, 'other-' || n, 1, 1, 0, 0, 0, 'infinity'
  FROM creditgate.budget_counters AS k, generate_series(1, {OTHERS}) AS n WHERE k.value = 'c'
"""
_READ = """
SELECT coalesce(sum(coalesce(seq_scan, 0) + coalesce(idx_scan, 0)), 0)::bigint,
       coalesce(sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)), 0)::bigint
  FROM pg_stat_xact_user_tables WHERE relname LIKE '%budget%'
"""


async def read(connection: Connection, operation: Operation) -> tuple[int, int]:
    """How often an operation looks into the tables of budgets, and how many rows it finds."""
    async with connection.transaction():
        before = await connection.fetchrow(_READ)
        (result,) = await connection.fetch(APPLY, [operation[:12]], [])
        after = await connection.fetchrow(_READ)
    assert result["outcome"] in {Outcome.GRANTED, Outcome.ACCEPTED}
    assert before is not None
    assert after is not None
    return after[0] - before[0], after[1] - before[1]


async def opened(pool: Pool, name: str, *budgets: Budget) -> AccountKey:
    accounts, tenant_id = PostgresAccounts(pool), uuid4()
    await accounts.create_account(tenant_id, NewAccount(name))
    account = key_of(tenant_id, name)
    await accounts.add_grant(account, NewGrant("first", GrantKind.PURCHASED, 1_000))
    for budget in budgets:
        assert (await PostgresBudgets(pool).put_budget(account, budget)).outcome == Outcome.ACCEPTED
    return account


def turn(account: AccountKey, name: str) -> list[Operation]:
    return [
        Operation(Verb.RESERVE, *account, name, 10, ttl_ms=60_000, fingerprint=b"1", details=ANN),
        Operation(Verb.EXTEND, *account, name, 20, used_micros=5, ttl_ms=60_000),
        Operation(Verb.COMMIT, *account, name, used_micros=10),
    ]


async def test_counters_are_found_by_their_keys_and_only_where_there_are_budgets(
    database: Database,
) -> None:
    pool = await open_pool(Settings(database_url=database.url, key_pepper="p" * 32))
    try:
        plain = await opened(pool, "plain")
        bound = await opened(
            pool,
            "bound",
            Budget("agents", "agent", spend_max_micros=500),
            Budget("conversations", "conversation_id", open_holds_max=5),
            Budget("users", "user", spend_max_micros=5),
        )
        async with pool.connection() as connection:
            for operation in turn(bound, "first"):
                await connection.fetch(APPLY, [operation[:12]], [])
            owner = await database.connect()
            await owner.execute(_OTHERS)
            await owner.close()
            for operation in turn(bound, "second"):
                looks, rows = await read(connection, operation)
                assert 0 < looks <= 10
                assert 0 < rows <= 10
            short = turn(bound, "short")[0]._replace(ttl_ms=1)
            await connection.fetch(APPLY, [short[:12]], [])
            await asyncio.sleep(0.01)
            _, rows = await read(connection, turn(bound, "third")[0])
            assert 0 < rows <= 10, "what ends on the way is taken off by its keys, too"
            for operation in turn(plain, "first"):
                assert await read(connection, operation) == (0, 0)
    finally:
        await pool.close(timeout_seconds=5)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ("held_micros = held_micros + 1", "held on a counter = its open holds"),
        ("open_holds = 0", "held on a counter = its open holds"),
        ("spent_micros = 0", "spent on a counter = its charges of the period"),
        ("since_version = 100", "spent on a counter = its charges of the period"),
    ],
)
async def test_a_wrong_counter_is_found_and_named(pair: Pair, change: str, rule: str) -> None:
    await pair.set_time(START)
    await pair.ask("create_account", "a")
    await pair.ask("add_grant", "a", grant_id="g", amount=100)
    await pair.ask("put_budget", "a", budget=BudgetView("b"))
    await pair.ask("charge", "a", hold_id="a", amount=7)
    await pair.ask("reserve", "a", hold_id="b", amount=5)
    await pair.check()
    key = pair.direct.key("a")
    where = "WHERE bucket = $1 AND account_key = $2"
    await pair.connection.execute(f"UPDATE creditgate.budget_counters SET {change} {where}", *key)
    broken = await pair.connection.fetch(
        "SELECT rule, detail FROM creditgate.verify($1::smallint) WHERE account_key = $2", *key
    )
    assert {row["rule"] for row in broken} == {rule}
    assert all("counter 2" in row["detail"] for row in broken)


@pytest.mark.asyncio(loop_scope="module")
async def test_what_is_spent_for_ever_stays_within_the_range_of_amounts(pair: Pair) -> None:
    """The same credits are charged and refunded until their sum would leave it."""
    await pair.set_time(START)
    await pair.ask("create_account", "a")
    await pair.ask("add_grant", "a", grant_id="g", amount=LARGEST)
    await pair.ask("put_budget", "a", budget=BudgetView("b"))
    for number in range(6):
        await pair.ask("charge", "a", hold_id=f"c-{number}", amount=LARGEST)
        refund = {"refund_id": f"r-{number}", "hold_id": f"c-{number}", "amount": LARGEST}
        await pair.ask("refund", "a", **refund)
    standing = await pair.ask("list_budgets", "a")
    assert standing.counters[0].spent == 4 * LARGEST
    await pair.check()
    await pair.ask("put_budget", "a", budget=BudgetView("b", spend_max=LARGEST))
    denied = await pair.ask("charge", "a", hold_id="more", amount=1)
    assert denied.limit == "budget/b"


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("limit", ["budget/b", "open_holds_max"])
async def test_a_limit_does_not_count_what_has_expired_however_much_it_is(
    pair: Pair, limit: str
) -> None:
    """More holds expire than one call ends where it needs no credits."""
    await pair.set_time(START)
    plan = Plan("few", open_holds_max=600 if limit == "open_holds_max" else None)
    await pair.put_plan(plan)
    await pair.ask("create_account", "a")
    await pair.ask("update_account", "a", plan=plan.name)
    await pair.ask("add_grant", "a", grant_id="g", amount=10_000)
    if limit == "budget/b":
        await pair.ask("put_budget", "a", budget=BudgetView("b", spend_max=600))
    requests: list[Request] = [
        ("reserve", "a", {"hold_id": f"h-{number}", "amount": 1}) for number in range(600)
    ]
    for first in range(0, 600, 200):
        await pair.ask_together(requests[first : first + 200])
    denied = await pair.ask("reserve", "a", hold_id="more", amount=1)
    assert denied.limit == limit
    await pair.set_time(START + 60_000_000)
    again: list[Request] = [
        ("reserve", "a", {"hold_id": f"i-{number}", "amount": 2}) for number in range(300)
    ]
    # The oracle would end all of them at once; the ledger may leave what does not matter here.
    answers = await pair.direct.apply(again)
    assert {answer.outcome for answer in answers} == {"GRANTED"}
    verify = "SELECT rule FROM creditgate.verify($1::smallint) WHERE account_key = $2"
    assert await pair.connection.fetch(verify, *pair.direct.key("a")) == []
