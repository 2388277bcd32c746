"""Cancelled at any await, by anyone, a hold is never left open and never charged wrongly."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

import creditgate
from tests.client.awaits import CancelledAt, cancel_everything, cancel_this, until
from tests.client.conftest import Fake

AWAITS_MAX = 60


class Work:
    """A piece of work that uses two credits, and how far it came."""

    def __init__(self, client: creditgate.AsyncClient, hold_id: str) -> None:
        self._client, self._hold_id = client, hold_id
        self.reached = "start"

    async def run(self) -> None:
        async with self._client.hold("acme", amount=5, hold_id=self._hold_id) as hold:
            self.reached = "inside"
            await asyncio.sleep(0)
            hold.use(2)
            await asyncio.sleep(0)
            self.reached = "leaving"
        self.reached = "done"


async def cancelled_at(
    work: Work, number: int, *, cancel: Callable[[], object]
) -> tuple[bool, bool]:
    """Run work and cancel it at an await: (was there such an await, was it cancelled)."""
    waiting = CancelledAt(work.run(), number=number, cancel=cancel)

    async def run() -> None:
        await waiting

    task = asyncio.create_task(run())
    await asyncio.wait([task])
    return waiting.reached, task.cancelled()


# Once the body has been left, the hold ends by what it left with; before that, by a release.
ENDS = {
    "start": {"RELEASED"},
    "inside": {"RELEASED"},
    "leaving": {"COMMITTED"},
    "done": {"COMMITTED"},
}


@pytest.mark.parametrize("lost", [0, 1])
async def test_cancelled_at_every_await(fake: Fake, lost: int) -> None:
    reached = set()
    async with fake.async_client(patience_seconds=5) as client:
        for number in range(AWAITS_MAX):
            name = f"work-{number}"
            work = Work(client, name)
            fake.lose_replies(lost)
            hit, cancelled = await cancelled_at(work, number, cancel=cancel_this)
            fake.clear_faults()
            if not hit:
                break
            assert cancelled, "the cancellation is not swallowed"
            assert fake.state(name) in ENDS[work.reached], (number, work.reached)
            reached.add(work.reached)
        else:
            pytest.fail("the work waits more often than the test looks")
        balance = await client.get_balance("acme")
    assert reached == {"start", "inside", "leaving"}
    assert balance.held == 0
    committed = sum(fake.state(f"work-{n}") == "COMMITTED" for n in range(AWAITS_MAX))
    assert balance.settled == 100 - 2 * committed


async def test_a_shutdown_cancels_everything_and_still_the_hold_ends(fake: Fake) -> None:
    """asyncio.run() cancels all tasks, also the one that commits."""
    me = asyncio.current_task()

    def cancel_others() -> None:
        for task in asyncio.all_tasks() - {me}:
            task.cancel()

    async with fake.async_client(patience_seconds=5) as client:
        for number in range(AWAITS_MAX):
            work = Work(client, f"work-{number}")
            hit, _ = await cancelled_at(work, number, cancel=cancel_others)
            if not hit:
                break
            assert fake.state(f"work-{number}") in ENDS[work.reached], (number, work.reached)
        assert (await client.get_balance("acme")).held == 0


def test_asyncio_run_ends_while_work_is_going_on(fake: Fake) -> None:
    async def main() -> None:
        client = fake.async_client(patience_seconds=5)
        task = asyncio.create_task(Work(client, "work").run())
        await until(lambda: fake.state() != "NONE")
        del task

    asyncio.run(main())
    assert fake.state() in {"RELEASED", "COMMITTED"}


async def test_a_timeout_round_the_work_is_a_timeout(fake: Fake) -> None:
    async with fake.async_client() as client:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05), client.hold("acme", amount=5, hold_id="work"):
                await asyncio.sleep(10)
        assert fake.state() == "RELEASED"
        found = fake.hold()
        assert found is not None
        assert found.termination_cause == "error:CancelledError"


async def test_a_task_group_that_fails_releases_its_others(fake: Fake) -> None:
    async def fail() -> None:
        await asyncio.sleep(0.05)
        raise RuntimeError

    async def work(client: creditgate.AsyncClient) -> None:
        async with client.hold("acme", amount=5, hold_id="work"):
            await asyncio.sleep(10)

    async def both() -> None:
        async with fake.async_client() as client, asyncio.TaskGroup() as group:
            group.create_task(work(client))
            group.create_task(fail())

    with pytest.raises(ExceptionGroup):
        await both()
    assert fake.state() == "RELEASED"


async def test_cancelled_again_and_again_while_leaving(fake: Fake) -> None:
    """The commit is shielded however often the caller is cancelled."""
    async with fake.async_client() as client:
        task = asyncio.create_task(Work(client, "work").run())
        await until(lambda: "Reserve" in fake.sent())
        for _ in range(20):
            task.cancel()
            await asyncio.sleep(0)
        await asyncio.wait([task])
    assert task.cancelled()
    assert fake.state() in {"RELEASED", "COMMITTED"}


async def test_a_cancelled_exit_is_bounded_by_patience(fake: Fake) -> None:
    async with fake.async_client(patience_seconds=0.5) as client:
        entered = asyncio.Event()

        async def work() -> None:
            async with client.hold("acme", amount=5, hold_id="work"):
                entered.set()
                await asyncio.sleep(10)

        task = asyncio.create_task(work())
        await entered.wait()
        fake.refuse(1_000)
        task.cancel()
        async with asyncio.timeout(3):
            await asyncio.wait([task])
    assert task.cancelled()
    assert fake.state() == "OPEN", "its ttl returns the credits"


def test_the_instrument_cancels_where_it_says() -> None:
    """A control: without protection the hold of cancelled work stays open."""

    async def unprotected(client: creditgate.AsyncClient, name: str) -> None:
        await client.reserve("acme", hold_id=name, amount=5)
        await asyncio.sleep(0)
        await client.release("acme", hold_id=name)

    async def main() -> list[str]:
        states = []
        with Fake() as fake:
            fake.add_account("acme", credits=100)
            async with fake.async_client() as client:
                for number in range(12):
                    name = f"work-{number}"
                    work = CancelledAt(unprotected(client, name), number=number, cancel=cancel_this)
                    task = asyncio.create_task(_await(work))
                    await asyncio.wait([task])
                    states.append(fake.state(name))
        return states

    assert "OPEN" in asyncio.run(main())


async def _await(work: CancelledAt) -> None:
    await work


def test_everything_means_everything() -> None:
    async def main() -> int:
        tasks = [asyncio.create_task(asyncio.sleep(10)) for _ in range(3)]
        await asyncio.sleep(0)
        try:
            cancel_everything()
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            pass
        return sum(task.cancelled() for task in tasks)

    assert asyncio.run(main()) == 3
