"""Every story of the contract, told to the oracle, to the SDK's fake, and to the real server."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path

import pytest

from creditgate.testing import FakeCreditgate
from tests.contract.drivers import START, Driver, GrpcDriver, ModelDriver
from tests.contract.language import Step, Story, differences, read_stories
from tests.contract.wire import Operation
from tests.support.database import Database
from tests.support.stage import Stage

FILES = sorted((Path(__file__).parent / "cases").glob("*.case"))
STORIES = [
    pytest.param(story, id=f"{path.stem}: {story.name}")
    for path in FILES
    for story in read_stories(path)
]


def account_of(story: Story) -> str:
    """Each story has an account of its own."""
    return re.sub(r"[^a-z0-9]+", "-", story.name.lower())[:100]


async def tell(story: Story, driver: Driver, oracle: ModelDriver) -> None:
    """Tell a story to a driver: it must answer what the story says, and all the oracle says."""
    account_id = account_of(story)
    both: list[Driver] = [driver, oracle]
    for each in both:
        await each.set_time(START)
    if story.steps[0].text.split()[0] not in {"account", "absent"}:
        for each in both:
            await each.run(account_id, Operation("create_account"))
    for request in requests(story.steps):
        await step(request, account_id, driver, oracle)


def requests(steps: list[Step]) -> Iterator[list[Step]]:
    """Steps by the request they travel in."""
    number = 0

    def key(each: Step) -> int:
        nonlocal number
        number += not each.joins
        return number

    for _, together in groupby(steps, key):
        yield list(together)


async def step(together: list[Step], account_id: str, driver: Driver, oracle: ModelDriver) -> None:
    for each in (driver, oracle):
        if together[0].time is not None:
            await each.set_time(together[0].time)
        elif together[0].operation is None:
            await each.sweep()
    operations = [each.operation for each in together if each.operation is not None]
    if not operations:
        return
    if len(operations) == 1:
        answers = [await driver.run(account_id, operations[0])]
    else:
        answers = await driver.run_batch([(account_id, each) for each in operations])
    wanted = await oracle.run_batch([(account_id, each) for each in operations])
    for said, answer, right in zip(together, answers, wanted, strict=True):
        assert list(differences(said, answer)) == []
        assert answer == right, said.text


@pytest.mark.parametrize("story", STORIES)
async def test_oracle(story: Story) -> None:
    await tell(story, ModelDriver(), ModelDriver())


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeCreditgate]:
    with FakeCreditgate(api_key="key") as fake:
        yield fake


@pytest.fixture
async def fake_driver(fake: FakeCreditgate) -> AsyncIterator[GrpcDriver]:
    async def set_time(now: int) -> None:
        fake.set_time(datetime.fromtimestamp(0, UTC) + timedelta(microseconds=now))

    async def sweep() -> None:
        fake.sweep()

    driver = GrpcDriver(fake.target, api_key="key", set_time=set_time, sweep=sweep)
    yield driver
    await driver.close()


@pytest.mark.parametrize("story", STORIES)
async def test_fake(story: Story, fake_driver: GrpcDriver) -> None:
    await tell(story, fake_driver, ModelDriver())


@pytest.fixture(scope="module")
def stage(module_database: Database) -> Iterator[Stage]:
    with Stage(module_database) as stage:
        yield stage


@pytest.mark.parametrize("story", STORIES)
def test_server(story: Story, stage: Stage) -> None:
    stage.run(tell(story, stage.driver, ModelDriver()))
    assert stage.run(stage.violations(account_of(story))) == []


def test_no_two_stories_share_an_account() -> None:
    names = [story.name for path in FILES for story in read_stories(path)]
    assert len(set(names)) == len(names) > 0
