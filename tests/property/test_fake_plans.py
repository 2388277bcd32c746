"""The SDK's fake answers as the oracle does, on random histories of accounts with plans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from creditgate.testing import FakeCreditgate
from tests.contract.drivers import GrpcDriver
from tests.contract.wire import Operation
from tests.oracle.answers import Answer
from tests.oracle.subscriber import Plan
from tests.property.plan_walk import ACCOUNTS, PlanWalk
from tests.support.pair import Pair, Request

WALKS, STEPS = 12, 60
TTL_MS_MAX = 86_400_000


class FakeLedger:
    """The fake, asked as the ledger is."""

    def __init__(self, driver: GrpcDriver) -> None:
        self._driver = driver

    async def ask(self, verb: str, account_id: str, arguments: dict[str, Any]) -> Answer:
        return await self._driver.run(account_id, Operation(verb, arguments))

    async def apply(self, requests: Sequence[Request]) -> list[Answer]:
        return await self._driver.run_batch(
            [(account_id, Operation(verb, arguments)) for verb, account_id, arguments in requests]
        )

    async def put_plan(self, plan: Plan) -> Answer:
        # On the wire, a plan is of the account it is named after.
        first, second = ACCOUNTS
        await self._driver.run(first, Operation("put_plan", {"plan": plan}))
        return await self._driver.run(second, Operation("put_plan", {"plan": plan}))

    async def list_grants(self, account_id: str) -> Answer:
        return await self.ask("list_grants", account_id, {"page_size": 1_000})


class FakePair(Pair):
    """The fake and the oracle. The fake has no rules in SQL to prove."""

    def __init__(self, fake: FakeCreditgate, driver: GrpcDriver) -> None:
        ledger: Any = FakeLedger(driver)
        nothing: Any = None
        super().__init__(ledger, nothing, nothing)
        self._fake = fake

    async def set_time(self, now: int) -> None:
        self.now = now
        self._fake.set_time(datetime.fromtimestamp(0, UTC) + timedelta(microseconds=now))

    async def sweep(self) -> None:
        self.model.sweep(self.now)
        self._fake.sweep()

    async def check(self) -> None:
        for account_id in self.model.accounts:
            await self.ask("get_account", account_id)
            await self.ask("list_holds", account_id)
            await self.ask("list_addons", account_id)
            await self._check_grants(account_id)

    def _asked(self, request: Request) -> Answer:
        answer = super()._asked(request)
        # The API does not show it.
        return replace(answer, balance=None) if request[0] == "cancel_addon" else answer


class Walk(PlanWalk):
    """A history in which no hold lives longer than the API lets it."""

    def _chosen(self, account_id: str, step: str) -> Request:
        verb, account_id, arguments = super()._chosen(account_id, step)
        if "ttl_ms" in arguments:
            arguments["ttl_ms"] = min(arguments["ttl_ms"], TTL_MS_MAX)
        return verb, account_id, arguments


async def test_walks_of_the_fake_with_plans() -> None:
    for seed in range(WALKS):
        with FakeCreditgate(api_key="key") as fake:
            driver = GrpcDriver(fake.target, api_key="key", set_time=_still, sweep=_still)
            walk = Walk(FakePair(fake, driver), seed)
            try:
                await walk.begin()
                for _ in range(STEPS):
                    await walk.step()
                    await walk.pair.check()
            except AssertionError as error:
                error.add_note(f"seed {seed}")
                raise
            finally:
                await driver.close()


async def _still(*_: int) -> None:
    """Both clocks are set by the pair."""
