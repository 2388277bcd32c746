"""The SDK's fake answers as the oracle does, on random histories of accounts with plans."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from creditgate.testing import FakeCreditgate
from tests.contract.drivers import GrpcDriver
from tests.property.plan_history import ACCOUNTS, TTL_MS_MAX
from tests.property.plan_walk import PlanWalk
from tests.support.served import ServedLedger, ServedPair

WALKS, STEPS = 12, 60


class FakePair(ServedPair):
    """The fake and the oracle. The fake has no rules in SQL to prove."""

    def __init__(self, fake: FakeCreditgate, driver: GrpcDriver) -> None:
        super().__init__(ServedLedger(driver, accounts=ACCOUNTS))
        self._fake = fake

    async def set_time(self, now: int) -> None:
        self.now = now
        self._fake.set_time(datetime.fromtimestamp(0, UTC) + timedelta(microseconds=now))

    async def sweep(self) -> None:
        self.model.sweep(self.now)
        self._fake.sweep()

    async def prove(self) -> None:
        for account in self.model.accounts.values():
            account.check()


async def test_walks_of_the_fake_with_plans() -> None:
    for seed in range(WALKS):
        with FakeCreditgate(api_key="key") as fake:
            driver = GrpcDriver(fake.target, api_key="key", set_time=_still, sweep=_still)
            walk = PlanWalk(FakePair(fake, driver), seed, ttl_ms_max=TTL_MS_MAX)
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
