"""Cancelled at any await, a call is charged what was talked, and nothing stays held."""

from __future__ import annotations

import asyncio

import pytest

import creditgate
from creditgate.testing import FakeClock
from tests.client.awaits import CancelledAt, cancel_this, until
from tests.client.calls import calling, price, priced, settled
from tests.client.conftest import Fake

AWAITS_MAX = 60


@pytest.fixture(autouse=True)
def prices(fake: Fake) -> None:
    priced(fake)


class Talk:
    """A call of three seconds, and how far it came."""

    def __init__(self, client: creditgate.AsyncClient, clock: FakeClock, call_id: str) -> None:
        self._client, self._clock, self._id = client, clock, call_id
        self.reached = "start"

    async def run(self) -> None:
        async with self._client.call(
            "acme", call_id=self._id, meter="voice.call", clock=self._clock
        ) as call:
            self.reached = "ringing"
            await asyncio.sleep(0)
            call.answered()
            self._clock.advance(seconds=3)
            self.reached = "talking"
            await asyncio.sleep(0)
            self.reached = "leaving"
        self.reached = "done"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("lost", [0, 1])
async def test_cancelled_at_every_await(fake: Fake, lost: int, stream: bool) -> None:  # noqa: FBT001
    ends = {
        "start": ("RELEASED", 0),
        "ringing": ("RELEASED", 0),
        "talking": ("COMMITTED", price(3)),
        "leaving": ("COMMITTED", price(3)),
        "done": ("COMMITTED", price(3)),
    }
    reached = set()
    async with fake.async_client(patience_seconds=5, stream=stream) as client:
        for number in range(AWAITS_MAX):
            talk = Talk(client, FakeClock(), f"work-{number}")
            fake.lose_replies(lost)
            waiting = CancelledAt(talk.run(), number=number, cancel=cancel_this)
            task = asyncio.create_task(_await(waiting))
            await asyncio.wait([task])
            fake.clear_faults()
            if not waiting.reached:
                break
            assert task.cancelled(), "the cancellation is not swallowed"
            hold = fake.hold(f"work-{number}")
            assert hold is not None
            assert (fake.state(hold.hold_id), hold.charged_micros) == ends[talk.reached]
            reached.add(talk.reached)
        else:
            pytest.fail("the call waits more often than the test looks")
        assert (await client.get_balance("acme")).held == 0
    assert reached == {"start", "ringing", "talking", "leaving"}


async def _await(work: CancelledAt) -> None:
    await work


def test_asyncio_run_ends_while_a_call_is_going_on(fake: Fake) -> None:
    """What SIGINT, or a handler of SIGTERM that ends the main task, does to all calls."""

    async def talk(client: creditgate.AsyncClient, clock: FakeClock) -> None:
        async with calling(client, clock) as call:
            call.answered()
            await asyncio.sleep(10)

    async def main() -> None:
        client, clock = fake.async_client(patience_seconds=5), FakeClock()
        task = asyncio.create_task(talk(client, clock))
        await until(lambda: fake.state() == "OPEN")
        await asyncio.sleep(0.05)
        clock.advance(seconds=7)
        del task

    asyncio.run(main())
    assert settled(fake) == ("COMMITTED", price(7), "error:CancelledError")
