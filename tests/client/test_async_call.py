"""Calls for asyncio: what they ask, what they charge, when they are cut, however they end."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

import creditgate
from creditgate import _async_call, _outbox
from creditgate.testing import FakeClock
from creditgate.v1 import authorization_service_pb2 as messages
from tests.client.awaits import CancelledAt, cancel_this, until
from tests.client.calls import Minutes, answered, price, priced
from tests.client.conftest import Fake

AWAITS_MAX = 60


@pytest.fixture(autouse=True)
def minutes(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> Minutes:
    priced(fake)
    monkeypatch.setattr(_async_call, "ASK_PATIENCE_SECONDS", 0.2)
    monkeypatch.setattr(_outbox, "RESEND_SECONDS_MIN", 0.01)
    return Minutes(fake)


@pytest.fixture
async def credits_(fake: Fake) -> AsyncIterator[creditgate.AsyncClient]:
    async with fake.async_client(patience_seconds=1) as client:
        yield client


def calling(
    client: creditgate.AsyncClient, clock: FakeClock, **options: Any
) -> creditgate.AsyncCall:
    return client.call("acme", call_id="work", meter="voice.call", clock=clock, **options)


def extends(fake: Fake) -> list[tuple[int, int | None]]:
    """What was asked while calls ran: the seconds used, and those wanted in all."""
    found = [each for each in fake.requests if isinstance(each, messages.ExtendRequest)]
    return [(e.used_quantity, e.quantity if e.HasField("quantity") else None) for e in found]


def entries(folder: Path, pattern: str = "*.json") -> list[Path]:
    return list(folder.glob(pattern))


def settled(fake: Fake) -> tuple[str, int, str]:
    """How the call's hold ended: its state, what was charged, why."""
    hold = fake.hold()
    assert hold is not None
    assert hold.held_micros == 0
    return fake.state(), hold.charged_micros, hold.termination_cause


async def test_a_call_holds_before_it_is_connected_and_charges_its_seconds(
    fake: Fake, credits_: creditgate.AsyncClient, minutes: Minutes
) -> None:
    async with calling(credits_, minutes.clock) as call:
        assert call.hold.held_micros == price(60)
        assert call.hold.attributes.call_id == "work"
        await minutes.go_on(20, call)  # it rings
        call.answered()
        assert call.seconds_left == 60
        assert call.funded_until is not None
        assert (call.funded_until - minutes.clock.now()).total_seconds() == 60
        await minutes.go_on(299, call)
        minutes.pass_(0.5)
        call.answered()
        assert call.seconds == 300
        assert not call.cut.is_set()
    assert settled(fake) == ("COMMITTED", price(300), "hang-up")
    assert call.settled
    asked = extends(fake)
    assert all(total == used + 70 for used, total in asked[1:])
    assert len(asked) <= 300 / 38 + 1


async def test_pauses_are_not_charged_and_keep_the_hold(
    fake: Fake, credits_: creditgate.AsyncClient, minutes: Minutes
) -> None:
    async with calling(credits_, minutes.clock) as call:
        call.answered()
        await minutes.go_on(30, call)
        call.on_hold()
        call.on_hold()
        await minutes.go_on(400, call)
        call.resumed()
        call.resumed()
        await minutes.go_on(30, call)
        call.muted()
        await minutes.go_on(100, call)
        call.unmuted()
        await minutes.go_on(1, call)
        call.hung_up("caller")
        await minutes.go_on(50, call)
        call.resumed()
        call.answered()
        await minutes.go_on(50, call)
    assert settled(fake) == ("COMMITTED", price(61), "caller")
    assert not call.hold.late


def busy(call: creditgate.AsyncCall) -> None:
    call.hung_up("busy")


def nothing(_: creditgate.AsyncCall) -> None:
    pass


def talk(call: creditgate.AsyncCall) -> None:
    call.answered()


class LineDroppedError(Exception):
    pass


def drop(call: creditgate.AsyncCall) -> None:
    call.answered()
    raise LineDroppedError


ENDS: list[tuple[Callable[[creditgate.AsyncCall], None], tuple[str, int, str]]] = [
    (busy, ("RELEASED", 0, "busy")),
    (nothing, ("RELEASED", 0, "not-answered")),
    (talk, ("RELEASED", 0, "hang-up")),
    (drop, ("RELEASED", 0, "error:LineDroppedError")),
]


@pytest.mark.parametrize(("happens", "ends"), ENDS, ids=[each.__name__ for each, _ in ENDS])
async def test_ends_without_a_second(
    fake: Fake,
    credits_: creditgate.AsyncClient,
    minutes: Minutes,
    happens: Callable[[creditgate.AsyncCall], None],
    ends: tuple[str, int, str],
) -> None:
    with contextlib.suppress(LineDroppedError):
        async with calling(credits_, minutes.clock) as call:
            happens(call)
    assert settled(fake) == ends


async def test_no_answer_after_a_long_time_costs_nothing(
    fake: Fake, credits_: creditgate.AsyncClient, minutes: Minutes
) -> None:
    async with calling(credits_, minutes.clock) as call:
        await minutes.go_on(300, call)
        call.hung_up("no-answer")
    assert settled(fake) == ("RELEASED", 0, "no-answer")


async def test_an_exception_in_a_running_call_charges_what_was_talked(
    fake: Fake, credits_: creditgate.AsyncClient, minutes: Minutes
) -> None:
    with pytest.raises(LineDroppedError):  # noqa: PT012 - the call goes on
        async with calling(credits_, minutes.clock) as call:
            call.answered()
            await minutes.go_on(42, call)
            raise LineDroppedError
    assert settled(fake) == ("COMMITTED", price(42), "error:LineDroppedError")


async def test_credits_that_end_cut_the_call_when_they_do(
    fake: Fake, credits_: creditgate.AsyncClient, minutes: Minutes
) -> None:
    """One credit buys 95 seconds: the call is warned of that, cut then, and nothing is left."""
    await credits_.charge("acme", hold_id="else", amount=99)
    heard: list[str] = []
    async with calling(
        credits_,
        minutes.clock,
        on_warning=lambda call: heard.append(f"warned at {call.seconds}"),
        on_cut=lambda call: heard.append(f"cut at {call.seconds}"),
    ) as call:
        call.answered()
        await minutes.go_on(94, call)
        assert not call.cut.is_set()
        assert call.final is not None
        assert call.seconds_left == 1
        waiting = asyncio.create_task(call.wait_cut())
        await minutes.go_on(1, call)
        await asyncio.wait_for(waiting, 5)
        await minutes.go_on(9, call)  # the gateway takes its time
    assert [each.split()[0] for each in heard] == ["warned", "cut"]
    assert heard[1] == "cut at 95"
    assert settled(fake) == ("COMMITTED", 1_000_000, "credits")
    assert (await credits_.get_balance("acme")).settled == 0


async def test_a_top_up_keeps_the_call_up(
    fake: Fake, credits_: creditgate.AsyncClient, minutes: Minutes
) -> None:
    await credits_.charge("acme", hold_id="else", amount=99)
    async with calling(credits_, minutes.clock) as call:
        call.answered()
        await minutes.go_on(80, call)
        warned = call.warned
        assert warned
        await credits_.add_grant("acme", grant_id="more", amount=5)
        await minutes.go_on(100, call)
        assert not call.warned
        assert not call.cut.is_set()
        assert call.final is None
    assert settled(fake) == ("COMMITTED", price(180), "hang-up")


async def test_a_call_is_denied_before_it_is_connected(
    fake: Fake, credits_: creditgate.AsyncClient, minutes: Minutes
) -> None:
    await credits_.charge("acme", hold_id="else", amount="99.5")
    with pytest.raises(creditgate.InsufficientCredits):
        async with calling(credits_, minutes.clock):
            pytest.fail("connected")
    async with calling(credits_, minutes.clock, minimum="0.10") as call:
        call.answered()
        await minutes.go_on(60, call)
        assert call.cut.is_set()
    assert settled(fake) == ("COMMITTED", 500_000, "credits")
    assert call.seconds == 45


async def test_a_call_that_was_run_before_is_not_run_again(
    credits_: creditgate.AsyncClient, minutes: Minutes
) -> None:
    async with calling(credits_, minutes.clock, gateway_id="g", epoch=1) as call:
        call.answered()
        await minutes.go_on(5, call)
    with pytest.raises(creditgate.HoldCommitted):
        async with calling(credits_, minutes.clock, gateway_id="g", epoch=1):
            pytest.fail("connected")


async def test_a_dead_server_cuts_at_the_right_second(
    fake: Fake, minutes: Minutes, tmp_path: Path
) -> None:
    """Only what was granted is used, by the timer alone, and charged when the server is back."""
    async with fake.async_client(patience_seconds=0.2, journal=tmp_path) as client:
        async with calling(client, minutes.clock) as call:
            call.answered()
            minutes.pass_(20)
            fake.stop()
            minutes.pass_(39.999)
            assert not call.cut.is_set()
            minutes.pass_(0.001)
            assert call.cut.is_set()
        assert not call.settled
        assert len(entries(tmp_path)) == 1
        fake.start()
        await asyncio.wait_for(until(lambda: not entries(tmp_path)), 5)
    assert settled(fake) == ("COMMITTED", price(60), "unreachable")


async def test_without_a_journal_a_call_that_cannot_be_charged_says_so(
    fake: Fake, minutes: Minutes
) -> None:
    async with fake.async_client(patience_seconds=0.1) as client:
        with pytest.raises(creditgate.Unavailable):  # noqa: PT012 - the call goes on
            async with calling(client, minutes.clock) as call:
                call.answered()
                await minutes.go_on(5, call)
                fake.stop()
    fake.start()


async def test_what_a_call_has_used_is_kept_while_nobody_answers(
    fake: Fake, minutes: Minutes, tmp_path: Path
) -> None:
    async with fake.async_client(patience_seconds=0.2, journal=tmp_path) as client:
        lost = calling(client, minutes.clock, gateway_id="edge", epoch=1)
        await lost.__aenter__()
        lost.answered()
        fake.refuse(1_000)
        await minutes.go_on(52, lost)
        fake.clear_faults()
        kept = [json.loads(each.read_text()) for each in entries(tmp_path)]
        assert [(each["is_final"], each["epoch"]) for each in kept] == [(False, 1)]
        assert 38 <= int(kept[0]["commit"]["usedQuantity"]) <= 52


async def test_final_totals_are_sent_when_the_next_process_starts(
    fake: Fake, minutes: Minutes, tmp_path: Path
) -> None:
    async with (
        fake.async_client(patience_seconds=0.1, journal=tmp_path) as client,
        calling(client, minutes.clock) as call,
    ):
        call.answered()
        await minutes.go_on(33, call)
        fake.stop()
    assert not call.settled
    fake.start()
    async with fake.async_client(journal=tmp_path):
        await asyncio.wait_for(until(lambda: not entries(tmp_path)), 5)
    assert settled(fake) == ("COMMITTED", price(33), "hang-up")


async def test_a_journal_has_one_client_at_a_time(fake: Fake, tmp_path: Path) -> None:
    async with fake.async_client(journal=tmp_path):
        with pytest.raises(RuntimeError, match="another client"):
            async with fake.async_client(journal=tmp_path):
                pass
    async with fake.async_client(journal=tmp_path):
        pass


async def test_what_the_service_refuses_is_set_aside_and_told(
    fake: Fake, credits_: creditgate.AsyncClient, minutes: Minutes, tmp_path: Path
) -> None:
    async with fake.async_client(journal=tmp_path) as client:
        with pytest.raises(creditgate.HoldReleased):  # noqa: PT012 - the call goes on
            async with calling(client, minutes.clock) as call:
                call.answered()
                await minutes.go_on(10, call)
                await credits_.release("acme", hold_id="work")
    assert entries(tmp_path, "*.refused")
    assert not entries(tmp_path)


async def test_a_hold_that_somebody_else_ends_cuts_the_call(
    fake: Fake, credits_: creditgate.AsyncClient, minutes: Minutes
) -> None:
    with pytest.raises(creditgate.HoldReleased):  # noqa: PT012 - the call goes on
        async with calling(credits_, minutes.clock) as call:
            call.answered()
            await minutes.go_on(5, call)
            await credits_.release("acme", hold_id="work")
            await minutes.go_on(46, call)
            assert call.cut.is_set()
    assert fake.state() == "RELEASED"


async def test_lost_replies_change_nothing(
    fake: Fake, credits_: creditgate.AsyncClient, minutes: Minutes
) -> None:
    async with calling(credits_, minutes.clock) as call:
        call.answered()
        fake.lose_replies(2)
        await minutes.go_on(100, call)
        fake.lose_replies(2)
    assert settled(fake) == ("COMMITTED", price(100), "hang-up")


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


@pytest.mark.parametrize("lost", [0, 1])
async def test_cancelled_at_every_await(fake: Fake, lost: int) -> None:
    ends = {
        "start": ("RELEASED", 0),
        "ringing": ("RELEASED", 0),
        "talking": ("COMMITTED", price(3)),
        "leaving": ("COMMITTED", price(3)),
        "done": ("COMMITTED", price(3)),
    }
    reached = set()
    async with fake.async_client(patience_seconds=5) as client:
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


async def test_callbacks_may_be_coroutines_and_may_fail(
    fake: Fake, credits_: creditgate.AsyncClient, minutes: Minutes
) -> None:
    await credits_.charge("acme", hold_id="else", amount=99)
    told = asyncio.Event()

    async def tell(call: creditgate.AsyncCall) -> None:
        await asyncio.sleep(0)
        assert call.cut.is_set()
        told.set()

    def fail(_: creditgate.AsyncCall) -> None:
        raise LineDroppedError

    async with calling(credits_, minutes.clock, on_warning=fail, on_cut=tell) as call:
        call.answered()
        await minutes.go_on(95, call)
        await asyncio.wait_for(told.wait(), 5)
    assert settled(fake)[:2] == ("COMMITTED", 1_000_000)


async def test_events_come_after_entering(
    credits_: creditgate.AsyncClient, minutes: Minutes
) -> None:
    call = calling(credits_, minutes.clock)
    with pytest.raises(RuntimeError, match="entered"):
        call.answered()
    with pytest.raises(LookupError):
        _ = call.hold
    with pytest.raises(ValueError, match="slice_seconds"):
        calling(credits_, minutes.clock, slice_seconds=9)
    await answered(call)
