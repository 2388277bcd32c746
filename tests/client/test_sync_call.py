"""Blocking calls: the same, in threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import creditgate
from creditgate._call import outbox as _outbox
from creditgate._sync import call as _sync_call
from creditgate.testing import FakeClock
from tests.client.calls import Minutes, price, priced
from tests.client.conftest import Fake


@pytest.fixture(autouse=True)
def minutes(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> Minutes:
    priced(fake)
    monkeypatch.setattr(_outbox, "RESEND_SECONDS_MIN", 0.01)
    monkeypatch.setattr(_sync_call, "ASK_PATIENCE_SECONDS", 0.2)
    return Minutes(fake)


@pytest.fixture
def credits_(fake: Fake) -> Iterator[creditgate.Client]:
    with fake.client(patience_seconds=1) as client:
        yield client


def calling(client: creditgate.Client, clock: FakeClock, **options: Any) -> creditgate.SyncCall:
    return client.call("acme", call_id="work", meter="voice.call", clock=clock, **options)


def go_on(minutes: Minutes, seconds: int, fake: Fake, *, asks: int) -> None:
    """Let time pass, with so many questions in it, each answered before more time passes."""
    asked = fake.sent().count("Extend")
    for _ in range(seconds):
        minutes.pass_(1)
        time.sleep(0.002)
    wait(lambda: fake.sent().count("Extend") >= asked + asks)


def wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def settled(fake: Fake) -> tuple[str, int, str]:
    hold = fake.hold()
    assert hold is not None
    assert hold.held_micros == 0
    return fake.state(), hold.charged_micros, hold.termination_cause


def test_a_call_is_renewed_and_charged(
    fake: Fake, credits_: creditgate.Client, minutes: Minutes
) -> None:
    with calling(credits_, minutes.clock) as call:
        go_on(minutes, 20, fake, asks=0)
        call.answered()
        go_on(minutes, 130, fake, asks=2)
        call.on_hold()
        go_on(minutes, 100, fake, asks=1)
        call.resumed()
        minutes.pass_(0.001)
        call.hung_up("caller")
    assert settled(fake) == ("COMMITTED", price(131), "caller")
    assert call.settled


def test_a_call_that_is_not_answered_is_released(
    fake: Fake, credits_: creditgate.Client, minutes: Minutes
) -> None:
    with calling(credits_, minutes.clock) as call:
        call.hung_up("busy")
    assert settled(fake) == ("RELEASED", 0, "busy")


def test_credits_that_end_cut_the_call(
    fake: Fake, credits_: creditgate.Client, minutes: Minutes
) -> None:
    credits_.charge("acme", hold_id="else", amount=99)
    heard: list[int] = []
    cut = threading.Event()
    with calling(
        credits_,
        minutes.clock,
        on_warning=lambda call: heard.append(call.seconds),
        on_cut=lambda _: cut.set(),
    ) as call:
        call.answered()
        go_on(minutes, 94, fake, asks=1)
        wait(lambda: len(heard) == 1)
        assert not call.cut.is_set()
        minutes.pass_(5)
        call.wait_cut()
        assert cut.wait(5)
        assert call.seconds == 95
    assert settled(fake) == ("COMMITTED", 1_000_000, "credits")


def test_a_dead_server_cuts_at_the_right_second(
    fake: Fake, minutes: Minutes, tmp_path: Path
) -> None:
    with fake.client(patience_seconds=0.2, journal=tmp_path) as client:
        with calling(client, minutes.clock) as call:
            call.answered()
            minutes.pass_(20)
            fake.stop()
            minutes.pass_(39.999)
            assert not call.cut.wait(0.05)
            minutes.pass_(0.001)
            assert call.cut.wait(5)
        assert not call.settled
        fake.start()
        wait(lambda: not list(tmp_path.glob("*.json")))
    assert settled(fake) == ("COMMITTED", price(60), "unreachable")


def test_final_totals_are_sent_when_the_next_process_starts(
    fake: Fake, minutes: Minutes, tmp_path: Path
) -> None:
    with (
        fake.client(patience_seconds=0.1, journal=tmp_path) as client,
        calling(client, minutes.clock) as call,
    ):
        call.answered()
        minutes.pass_(33)
        fake.stop()
    fake.start()
    with fake.client(journal=tmp_path):
        wait(lambda: not list(tmp_path.glob("*.json")))
    assert settled(fake) == ("COMMITTED", price(33), "hang-up")


def test_an_exception_and_an_interrupt_charge_what_was_talked(
    fake: Fake, credits_: creditgate.Client, minutes: Minutes
) -> None:
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012, SIM117 - the call goes on
        with calling(credits_, minutes.clock) as call:
            call.answered()
            minutes.pass_(42)
            raise KeyboardInterrupt
    assert settled(fake) == ("COMMITTED", price(42), "error:KeyboardInterrupt")


def test_threads_end_with_their_calls(
    fake: Fake, credits_: creditgate.Client, minutes: Minutes
) -> None:
    def threads() -> int:
        return sum(each.name == "creditgate-call" for each in threading.enumerate())

    before = threads()
    with calling(credits_, minutes.clock) as call:
        call.answered()
        assert threads() > before
    wait(lambda: threads() == before)
    assert fake.state() == "RELEASED"
