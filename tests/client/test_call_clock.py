"""The seconds of a call: from its answer to its end, without its pauses."""

from __future__ import annotations

from itertools import permutations

import pytest

from creditgate._call.call_clock import SECOND_NS, CallClock


def at(seconds: float) -> int:
    return round((1_000 + seconds) * SECOND_NS)


def test_the_clock_counts_from_the_answer_without_pauses() -> None:
    clock = CallClock()
    clock.answer(at(10))
    clock.answer(at(20))  # a retransmission starts nothing anew
    clock.pause("hold", at(30))
    clock.pause("hold", at(31))
    clock.pause("mute", at(40))
    clock.resume("hold", at(50))
    assert not clock.is_running, "the other reason still holds"
    clock.resume("mute", at(60))
    clock.resume("mute", at(70))
    clock.end(at(80.25))
    clock.answer(at(90))
    clock.end(at(100))
    assert clock.elapsed_ns(at(200)) == 40.25 * SECOND_NS
    assert clock.seconds_so_far(at(200)) == 40
    assert clock.seconds_in_all(at(200)) == 41


@pytest.mark.parametrize(
    ("lasts", "seconds"), [(0, 0), (1e-9, 1), (0.999, 1), (1, 1), (1.000000001, 2), (60, 60)]
)
def test_each_second_that_has_begun_counts(lasts: float, seconds: int) -> None:
    clock = CallClock()
    clock.answer(at(0))
    clock.end(at(0) + round(lasts * SECOND_NS))
    assert clock.seconds_in_all(at(99)) == seconds
    assert clock.seconds_so_far(at(99)) <= seconds


def test_a_call_that_was_never_answered_has_no_seconds() -> None:
    clock = CallClock()
    clock.pause("hold", at(1))
    clock.resume("hold", at(2))
    clock.end(at(60))
    assert clock.seconds_in_all(at(60)) == 0


def test_what_is_told_at_one_instant_may_come_in_any_order() -> None:
    def told(order: tuple[str, ...]) -> int:
        clock = CallClock()
        for what in order:
            if what == "answer":
                clock.answer(at(1))
            else:
                clock.pause(what, at(1))
        clock.resume("mute", at(2))
        clock.resume("hold", at(4))
        clock.end(at(10))
        return clock.elapsed_ns(at(10))

    orders = permutations(("answer", "mute", "hold"))
    assert {told(order) for order in orders} == {6 * SECOND_NS}
