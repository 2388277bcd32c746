"""Calls for asyncio: what they ask, what they charge, when they are cut, however they end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest

import creditgate
from creditgate._async import call as _async_call
from creditgate._call import outbox as _outbox
from creditgate.v1 import authorization_service_pb2 as messages
from tests.client.calls import Minutes, answered, calling, price, priced, settled
from tests.client.conftest import Fake


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


def extends(fake: Fake) -> list[tuple[int, int | None]]:
    """What was asked while calls ran: the seconds used, and those wanted in all."""
    found = [each for each in fake.requests if isinstance(each, messages.ExtendRequest)]
    return [(e.used_quantity, e.quantity if e.HasField("quantity") else None) for e in found]


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
