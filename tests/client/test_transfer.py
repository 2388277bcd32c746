"""Calls that are transferred: one leg is charged and the next one held, at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import creditgate
from creditgate import Rate
from creditgate._async import call as _async_call
from creditgate.testing import FakeClock
from tests.client.awaits import CancelledAt, cancel_this, until
from tests.client.calls import FEE, Minutes, calling, entries, price, priced
from tests.client.conftest import Fake

AWAITS_MAX = 60
EXPERT = Rate.of("voice.call", model="expert", unit_price="1.2", unit_size=60)


@pytest.fixture(autouse=True)
def minutes(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> Minutes:
    priced(fake, others=[EXPERT])
    monkeypatch.setattr(_async_call, "ASK_PATIENCE_SECONDS", 0.2)
    return Minutes(fake)


@pytest.fixture
async def credits_(fake: Fake) -> AsyncIterator[creditgate.AsyncClient]:
    async with fake.async_client(patience_seconds=1) as client:
        yield client


def leg(fake: Fake, hold_id: str) -> tuple[str, int, str]:
    hold = fake.hold(hold_id)
    assert hold is not None
    assert hold.held_micros == 0
    return fake.state(hold_id), hold.charged_micros, hold.termination_cause


async def test_each_leg_is_charged_by_its_own_seconds(
    fake: Fake, credits_: creditgate.AsyncClient, minutes: Minutes
) -> None:
    async with calling(credits_, minutes.clock) as call:
        call.answered()
        await minutes.go_on(100, call)
        minutes.pass_(0.5)
        await call.transferred("work/2", model="expert", cause="asked-for-a-person")
        assert call.hold.hold_id == "work/2"
        assert fake.state("work") == "COMMITTED", "in the same moment"
        assert call.hold.attributes.call_id == "work"
        await minutes.go_on(100, call)
        assert call.seconds == 201
        call.hung_up("caller")
    assert leg(fake, "work") == ("COMMITTED", price(101), "asked-for-a-person")
    assert leg(fake, "work/2") == ("COMMITTED", 100 * 20_000, "caller")
    assert "Commit" not in fake.sent()[:-1]


def test_blocking_calls_are_transferred_too(fake: Fake, minutes: Minutes) -> None:
    with (
        fake.client(patience_seconds=1) as client,
        client.call("acme", call_id="work", meter="voice.call", clock=minutes.clock) as call,
    ):
        call.answered()
        minutes.pass_(30)
        call.transferred("work/2")
        minutes.pass_(20)
        assert not call.cut.wait(0.05)
        minutes.pass_(10)
    assert leg(fake, "work") == ("COMMITTED", price(30), "transferred")
    assert leg(fake, "work/2") == ("COMMITTED", price(30), "hang-up")


async def test_the_credits_of_one_leg_are_free_for_the_next(
    fake: Fake, credits_: creditgate.AsyncClient, minutes: Minutes
) -> None:
    """What is left after 30 of 60 seconds pays for 60 seconds more, but not with the first held."""
    rest = creditgate.to_credits(price(30) + price(60))
    await credits_.charge("acme", hold_id="else", amount=100 - rest)
    await credits_.get_balance("acme")
    async with calling(credits_, minutes.clock) as call:
        call.answered()
        await minutes.go_on(30, call)
        await call.transferred("work/2")
        await minutes.go_on(60, call)
        assert call.cut.is_set()
    assert (leg(fake, "work")[1], leg(fake, "work/2")[1]) == (price(30), price(60))
    assert (await credits_.get_balance("acme")).settled == 0


async def test_a_leg_that_is_denied_ends_the_call_with_the_last_one_charged(
    fake: Fake, credits_: creditgate.AsyncClient, minutes: Minutes
) -> None:
    await credits_.charge("acme", hold_id="else", amount=99)
    async with calling(credits_, minutes.clock) as call:
        call.answered()
        await minutes.go_on(40, call)
        with pytest.raises(creditgate.InsufficientCredits):
            await call.transferred("work/2", model="expert")
        assert call.cut.is_set()
        with pytest.raises(RuntimeError, match="over"):
            await call.transferred("work/3")
    assert leg(fake, "work") == ("COMMITTED", price(40), "transferred")
    assert fake.state("work/2") == "NONE"


async def test_a_leg_that_is_refused_leaves_the_call_as_it_was(
    fake: Fake, credits_: creditgate.AsyncClient, minutes: Minutes
) -> None:
    async with calling(credits_, minutes.clock) as call:
        call.answered()
        await minutes.go_on(55, call)
        with pytest.raises(creditgate.Unpriced):
            await call.transferred("work/2", meter="nothing")
        await minutes.go_on(60, call)
        assert not call.cut.is_set()
    assert leg(fake, "work") == ("COMMITTED", price(115), "hang-up")


async def test_what_happens_during_a_transfer_is_heard(
    fake: Fake, credits_: creditgate.AsyncClient, minutes: Minutes
) -> None:
    async with calling(credits_, minutes.clock) as call:
        call.answered()
        await minutes.go_on(10, call)
        transfer = asyncio.create_task(call.transferred("work/2"))
        await asyncio.sleep(0)
        minutes.pass_(3)
        call.on_hold()
        await transfer
        await minutes.go_on(7, call)
        call.resumed()
        await minutes.go_on(2, call)
        again = asyncio.create_task(call.transferred("work/3"))
        await asyncio.sleep(0)
        minutes.pass_(4)
        call.hung_up("caller")
        await again
        await minutes.go_on(60, call)
    assert leg(fake, "work")[1] == price(10)
    assert leg(fake, "work/2")[1] == price(5)
    assert leg(fake, "work/3") == ("COMMITTED", price(4), "caller")


async def test_a_call_that_rings_is_forwarded_without_a_fee(
    fake: Fake, credits_: creditgate.AsyncClient, minutes: Minutes
) -> None:
    async with calling(credits_, minutes.clock) as call:
        await minutes.go_on(20, call)
        await call.transferred("work/2")
        await minutes.go_on(20, call)
        call.answered()
        await minutes.go_on(5, call)
    assert leg(fake, "work")[1] == 0
    assert leg(fake, "work/2")[1] == price(5)
    with pytest.raises(RuntimeError, match="over"):
        await call.transferred("work/3")


@pytest.mark.parametrize("lost", [0, 1])
async def test_nobody_answers(fake: Fake, minutes: Minutes, tmp_path: Path, lost: int) -> None:
    """Whether or not it was carried out: the last leg is charged, and nothing stays held."""
    async with fake.async_client(patience_seconds=0.1, journal=tmp_path) as client:
        with pytest.raises(creditgate.Unavailable):  # noqa: PT012 - the call goes on
            async with calling(client, minutes.clock) as call:
                call.answered()
                await minutes.go_on(30, call)
                fake.lose_replies(lost)
                fake.refuse(3)
                try:
                    await call.transferred("work/2")
                finally:
                    assert call.cut.is_set()
                    fake.clear_faults()
        await asyncio.wait_for(until(lambda: not entries(tmp_path)), 5)
        assert leg(fake, "work")[:2] == ("COMMITTED", price(30))
        assert leg(fake, "work/2")[:2] == ("RELEASED", 0)


async def test_cancelled_at_every_await(fake: Fake) -> None:
    reached = set()
    async with fake.async_client(patience_seconds=5) as client:
        for number in range(AWAITS_MAX):
            name, clock, where = f"work-{number}", FakeClock(), ["start"]

            async def talk(name: str, clock: FakeClock, where: list[str]) -> None:
                async with client.call(
                    "acme", call_id=name, meter="voice.call", clock=clock
                ) as call:
                    call.answered()
                    clock.advance(seconds=3)
                    where[0] = "talking"
                    await call.transferred(f"{name}/2")
                    where[0] = "transferred"
                    clock.advance(seconds=2)
                    await asyncio.sleep(0)
                where[0] = "done"

            waiting = CancelledAt(talk(name, clock, where), number=number, cancel=cancel_this)
            task = asyncio.create_task(_await(waiting))
            await asyncio.wait([task])
            if not waiting.reached:
                break
            hold, second = fake.hold(name), fake.hold(f"{name}/2")
            assert hold is not None
            charged = (hold.charged_micros, 0 if second is None else second.charged_micros)
            assert (
                charged
                == {
                    "start": (0, 0),
                    "talking": (price(3), 0),
                    "transferred": (price(3), price(2)),
                    "done": (price(3), price(2)),
                }[where[0]]
            )
            reached.add(where[0])
        else:
            pytest.fail("the call waits more often than the test looks")
        assert (await client.get_balance("acme")).held == 0
    assert reached == {"start", "talking", "transferred"}


async def _await(work: CancelledAt) -> None:
    await work


def test_fees_are_those_of_legs() -> None:
    assert price(1) == FEE + 10_000
