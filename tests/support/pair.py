"""The ledger and the oracle, asked the same at the same instants."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from creditgate_server.postgres.pool import Pool, open_pool
from creditgate_server.settings import Settings
from tests.model import Model
from tests.oracle.answers import Answer, BalanceView, GrantView
from tests.oracle.subscriber import Plan
from tests.support.clock import DatabaseClock
from tests.support.database import Connection, Database
from tests.support.direct import DirectLedger

Request = tuple[str, str, dict[str, Any]]
"""The name of the oracle's method, the account, the arguments."""

REST = "UPDATE creditgate.accounts SET due_at = 'infinity' WHERE due_at < 'infinity'"
"""Leaves undone, for good, what is due on the accounts that are there."""

SETTINGS: dict[str, Any] = {
    "key_pepper": "p" * 32,
    "pool_size": 4,
    "statement_timeout_ms": 20_000,
}


class Pair:
    """Asks both, and fails where they differ.

    Cycles that passed unseen may be passed over by the ledger, so that it counts fewer versions for
    them than the oracle, which turns each; the difference stays what it was until that happens
    again.
    """

    def __init__(self, direct: DirectLedger, connection: Connection, clock: DatabaseClock) -> None:
        self.direct, self.model, self.connection = direct, Model(), connection
        self._clock, self.now = clock, 0
        self._ahead: defaultdict[str, int] = defaultdict(int)
        self._turns: defaultdict[str, int] = defaultdict(int)

    async def set_time(self, now: int) -> None:
        """Let it be this instant, in microseconds since 1970."""
        self.now = now
        await self._clock.set_time(now)

    async def put_plan(self, plan: Plan) -> None:
        """Write a plan."""
        assert self.model.put_plan(self.now, plan).outcome == "ACCEPTED"
        assert (await self.direct.put_plan(plan)).outcome == "ACCEPTED"

    async def ask(self, verb: str, account_id: str, **arguments: Any) -> Answer:
        """Ask both for one thing; answers what the oracle says."""
        wanted = self._asked((verb, account_id, arguments))
        got = await self.direct.ask(verb, account_id, arguments)
        self._compare((verb, account_id, arguments), got, wanted)
        return wanted

    async def ask_together(self, requests: Sequence[Request]) -> list[Answer]:
        """Ask for several things of the hot path in one batch."""
        for _, account_id, _ in requests:
            self.model.get_account(self.now, account_id)
            self.model.accounts[account_id].happen(self.now)
        wanted = [self._asked(request) for request in requests]
        got = await self.direct.apply(requests)
        for request, answer, right in zip(requests, got, wanted, strict=True):
            self._compare(request, answer, right)
        return wanted

    async def sweep(self) -> None:
        """Let everything due happen."""
        self.model.sweep(self.now)
        for account_id in self.model.accounts:
            bucket = self.direct.key(account_id).bucket
            sweep = "SELECT creditgate.expire_holds($1::smallint, 1000)"
            while await self.connection.fetchval(sweep, bucket):
                continue

    async def check(self) -> None:
        """Compare all that both know, and prove the rules."""
        await self.compare()
        await self.prove()

    async def compare(self) -> None:
        """Compare all that both know."""
        for account_id in self.model.accounts:
            await self.ask("get_account", account_id)
            await self.ask("list_holds", account_id)
            await self.ask("list_addons", account_id)
            await self.ask("list_budgets", account_id)
            await self._check_grants(account_id)
            await self._check_events(account_id)

    async def prove(self) -> None:
        """Prove the rules: in the oracle, and in SQL."""
        for account_id, account in self.model.accounts.items():
            account.check()
            key = self.direct.key(account_id)
            broken = await self.connection.fetch(
                "SELECT rule, detail FROM creditgate.verify($1::smallint) WHERE account_key = $2",
                *key,
            )
            assert broken == [], [tuple(row) for row in broken]

    async def _check_grants(self, account_id: str) -> None:
        """Compare grants; those of cycles passed over are missing, and nothing was ever of them."""
        wanted = {each.grant_id: each for each in self._grants(account_id)}
        got = await self.direct.list_grants(account_id)
        for each in got.grants:
            assert each == wanted.pop(each.grant_id)
        for each in wanted.values():
            assert each.grant_id.startswith("cycle/")
            assert (each.state, each.remaining) == ("EXPIRED", 0), each

    async def _check_events(self, account_id: str) -> None:
        """Compare events but for their versions, which are counted from before cycles passed."""
        wanted = self.model.list_events(self.now, account_id).events
        got = (await self.direct.list_events(account_id)).events
        assert [replace(e, version=0) for e in got] == [replace(e, version=0) for e in wanted]
        versions = [event.version for event in got]
        assert versions == sorted(versions)

    def _grants(self, account_id: str) -> Sequence[GrantView]:
        return self.model.list_grants(self.now, account_id).grants

    def _asked(self, request: Request) -> Answer:
        verb, account_id, arguments = request
        answer: Answer = getattr(self.model, verb)(self.now, account_id, **arguments)
        return answer

    def _compare(self, request: Request, got: Answer, wanted: Answer) -> None:
        aligned = self._aligned(request[1], got, wanted)
        differences = [
            f"{name}: {getattr(aligned, name)}, not {getattr(wanted, name)}"
            for name in Answer.__dataclass_fields__
            if getattr(aligned, name) != getattr(wanted, name)
        ]
        assert not differences, "\n".join([f"{request}", *differences])

    def _aligned(self, account_id: str, got: Answer, wanted: Answer) -> Answer:
        """An answer of the ledger with its version as the oracle counts."""
        if got.balance is None or wanted.balance is None:
            return got
        turned = self.model.accounts[account_id].turns - self._turns[account_id]
        self._turns[account_id] += turned
        ahead = wanted.balance.version - got.balance.version
        if turned > 1 and ahead > self._ahead[account_id]:
            self._ahead[account_id] = ahead
        return replace(got, balance=self._counted(account_id, got.balance))

    def _counted(self, account_id: str, balance: BalanceView) -> BalanceView:
        return replace(balance, version=balance.version + self._ahead[account_id])


class Pairs:
    """Makes pairs, one after the other, on one database whose clock is stopped."""

    def __init__(self, pool: Pool, connection: Connection) -> None:
        self.pool, self._connection = pool, connection

    async def new(self) -> Pair:
        """A ledger and an oracle that are empty.

        What is due on the accounts of pairs before it is left undone: sweeps have none of them.
        """
        direct = DirectLedger(self.pool)
        await self._connection.execute(REST)
        await self._connection.execute(
            "INSERT INTO creditgate.tenants (tenant_id, name) VALUES ($1, $1::uuid::text)",
            direct.tenant_id,
        )
        return Pair(direct, self._connection, DatabaseClock(self._connection))


@asynccontextmanager
async def open_pairs(database: Database) -> AsyncIterator[Pairs]:
    """Stop a database's clock, and connect to it for any number of pairs."""
    pool = await open_pool(Settings(database_url=database.url, **SETTINGS))
    connection = await database.connect()
    try:
        await DatabaseClock(connection).stop()
        yield Pairs(pool, connection)
    finally:
        await connection.close()
        await pool.close(timeout_seconds=5)
