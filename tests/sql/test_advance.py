"""What time alone changes, where it is hardest: more is due on one account than one step ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from creditgate_server.domain.account_keys import AccountKey, account_key
from creditgate_server.domain.accounts import NewAccount
from creditgate_server.domain.grants import GrantKind, NewGrant
from creditgate_server.domain.holds import HoldState
from creditgate_server.domain.operations import Operation, Verb
from creditgate_server.domain.outcomes import Outcome
from creditgate_server.domain.results import Result
from creditgate_server.postgres.accounts import PostgresAccounts
from creditgate_server.postgres.ledger import PostgresLedger
from creditgate_server.postgres.pool import Pool, open_pool
from creditgate_server.postgres.sweeps import PostgresSweeps
from creditgate_server.settings import Settings
from tests.support.database import Database

BACKLOG = 600  # more than twice what one step of the hot path ends


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    pool = await open_pool(Settings(database_url=database.url, key_pepper="p" * 32))
    yield pool
    await pool.close(timeout_seconds=5)


@pytest.fixture
async def account(pool: Pool) -> AccountKey:
    """An account with BACKLOG credits, each in a hold of its own that has expired."""
    tenant_id = uuid4()
    accounts, ledger = PostgresAccounts(pool), PostgresLedger(pool)
    key = account_key(tenant_id, "crowded")
    await accounts.create_account(tenant_id, NewAccount("crowded"))
    await accounts.add_grant(key, NewGrant("all", GrantKind.PURCHASED, BACKLOG))
    results = await ledger.apply(
        [reserve(key, f"hold-{number:03}", 1, ttl_ms=50) for number in range(BACKLOG)]
    )
    assert {result.outcome for result in results} == {Outcome.GRANTED}
    await asyncio.sleep(0.1)
    return key


def reserve(
    key: AccountKey, hold_id: str, amount_micros: int, *, ttl_ms: int = 60_000
) -> Operation:
    return Operation(
        Verb.RESERVE, *key, hold_id, amount_micros, ttl_ms=ttl_ms, fingerprint=hold_id.encode()
    )


async def apply_one(pool: Pool, operation: Operation) -> Result:
    (result,) = await PostgresLedger(pool).apply([operation])
    assert not await PostgresSweeps(pool).verify()
    return result


def states(holds: object) -> set[int]:
    assert isinstance(holds, list)
    return {hold.state for hold in holds}


async def test_a_reserve_that_needs_little_ends_only_some(pool: Pool, account: AccountKey) -> None:
    result = await apply_one(pool, reserve(account, "new", 1))
    assert result.outcome == Outcome.GRANTED
    assert result.balance is not None
    assert 1 < result.balance.held_micros < BACKLOG


async def test_a_reserve_that_needs_all_gets_all_at_once(pool: Pool, account: AccountKey) -> None:
    result = await apply_one(pool, reserve(account, "new", BACKLOG))
    assert result.outcome == Outcome.GRANTED
    assert result.balance is not None
    assert result.balance.held_micros == BACKLOG


async def test_the_operations_of_a_batch_get_what_they_need_together(
    pool: Pool, account: AccountKey
) -> None:
    half = BACKLOG // 2
    results = await PostgresLedger(pool).apply(
        [reserve(account, f"new-{place}", half) for place in range(3)]
    )
    assert [result.outcome for result in results] == [
        Outcome.GRANTED,
        Outcome.GRANTED,
        Outcome.DENIED_CREDITS_HELD,
    ]


async def test_a_commit_on_the_last_of_them_is_late(pool: Pool, account: AccountKey) -> None:
    last = f"hold-{BACKLOG - 1:03}"
    result = await apply_one(pool, Operation(Verb.COMMIT, *account, last, used_micros=1))
    assert result.outcome == Outcome.ACCEPTED
    assert result.hold is not None
    assert (result.hold.state, result.hold.late) == (HoldState.EXPIRED, True)


async def test_the_sweeper_ends_each_once_whatever_its_step(
    pool: Pool, account: AccountKey
) -> None:
    sweeps = PostgresSweeps(pool)
    ended = 0
    while done := sum(
        await asyncio.gather(*(sweeps.expire_due(account.bucket, limit=100) for _ in range(4)))
    ):
        ended += done
    assert ended == BACKLOG
    holds = await PostgresAccounts(pool).list_holds(account, state=None, after="", limit=1_000)
    assert states(holds) == {HoldState.EXPIRED}
    assert not await sweeps.verify()
