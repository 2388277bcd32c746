"""The SDK's fake answers as the oracle does, on histories of plain chance."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest

from creditgate.testing import FakeCreditgate
from tests.contract.drivers import GrpcDriver
from tests.property.test_walks import run_walks

Result = TypeVar("Result")


class FakeStage:
    """The fake in place of a server; it has no rules in SQL to prove."""

    def __init__(self, fake: FakeCreditgate, runner: asyncio.Runner) -> None:
        self._fake, self._runner = fake, runner
        self.driver = GrpcDriver(
            fake.target, api_key="key", set_time=self._set_time, sweep=self._sweep
        )

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return self._runner.run(work)

    async def violations(self, account_id: str) -> list[str]:
        assert account_id
        return []

    async def _set_time(self, now: int) -> None:
        self._fake.set_time(datetime.fromtimestamp(0, UTC) + timedelta(microseconds=now))

    async def _sweep(self) -> None:
        self._fake.sweep()


@pytest.fixture
def fake_stage() -> Iterator[FakeStage]:
    with FakeCreditgate(api_key="key") as fake, asyncio.Runner() as runner:

        async def make() -> FakeStage:
            return FakeStage(fake, runner)

        stage = runner.run(make())
        yield stage
        runner.run(stage.driver.close())


def test_walks_of_the_fake(fake_stage: FakeStage) -> None:
    run_walks(fake_stage, walks=40, steps=60)
