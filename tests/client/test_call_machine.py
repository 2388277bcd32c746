"""What a call does and when, without any clock: asked at the right time, cut at the right one."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from creditgate._call.call_clock import SECOND_NS
from creditgate._call.machine import CallMachine, Due
from creditgate._call.quota import LATEST
from creditgate._types.call import FailureHandling, FinalAction, FinalReason, FinalUnit, Quota

TERMINATE, CONTINUE = FailureHandling.TERMINATE, FailureHandling.CONTINUE
WITHIN = FailureHandling.CONTINUE_WITHIN_ALLOWANCE
OUT_OF_CREDITS = FinalUnit(
    action=FinalAction.TERMINATE, redirect_target="", reason=FinalReason.CREDITS
)
TOO_LONG = FinalUnit(
    action=FinalAction.TERMINATE, redirect_target="", reason=FinalReason.MAX_DURATION
)


def at(seconds: float) -> int:
    """The instant that many seconds after some beginning that is not zero."""
    return round((1_000 + seconds) * SECOND_NS)


def after(instant: int) -> float:
    return instant / SECOND_NS - 1_000


def quota(
    granted: int,
    *,
    final: FinalUnit | None = None,
    handling: FailureHandling = WITHIN,
    allowance: float = 0.0,
    warn_before: float = 30.0,
    renew_before: float = 10.0,
) -> Quota:
    return Quota(
        granted_quantity=granted,
        funded_until=LATEST,
        renew_before_seconds=renew_before,
        warn_before_seconds=warn_before,
        final=final,
        on_reserve_failure=handling,
        on_extend_failure=handling,
        offline_allowance_seconds=allowance,
    )


Server = Callable[[float, int, int | None], Quota | str | None]
"""Answers a question asked at a time, by what was used and what is wanted: a quota, a way in which
it fails, or None for no answer at all."""


@dataclass
class Story:
    """A call as it goes on, from event to event, with nothing between them."""

    machine: CallMachine
    server: Server
    delay: float = 0.0
    asked: list[tuple[float, int, int | None]] = field(default_factory=list)
    warned: list[float] = field(default_factory=list)
    cut: list[float] = field(default_factory=list)
    answered: list[int] = field(default_factory=list)
    """What had been counted at each answer."""

    def run(self, *events: tuple[float, Callable[[int], None]], until: float) -> None:
        queue = sorted(((at(when), event) for when, event in events), key=lambda each: each[0])
        now = at(0)
        while now <= at(until):
            for due in self.machine.due(now):
                self._do(due, now, queue)
            times = [when for when, _ in queue]
            following = self.machine.next_at(now)
            if following is not None:
                assert following >= now, "nothing that is due is left"
                times.append(following)
            if not times:
                return
            now = min(times)
            for when, event in [each for each in queue if each[0] <= now]:
                queue.remove((when, event))
                event(when)

    def _do(self, due: Due, now: int, queue: list[tuple[int, Callable[[int], None]]]) -> None:
        if due is Due.CUT:
            self.cut.append(after(now))
        elif due is Due.WARN:
            self.warned.append(after(now))
        else:
            ask = self.machine.ask(now)
            self.asked.append((after(now), ask.used, ask.total))
            answer = self.server(after(now), ask.used, ask.total)
            if answer is not None:
                queue.append((now + round(self.delay * SECOND_NS), self._answering(answer)))

    def _answering(self, answer: Quota | str) -> Callable[[int], None]:
        if isinstance(answer, str):
            event: Callable[[int], None] = getattr(self.machine, answer)
            return event

        def see(when: int) -> None:
            self.machine.see(answer, lives_seconds=120, at=when)
            self.answered.append(self.machine.clock.elapsed_ns(when))

        return see

    @property
    def gaps(self) -> Iterator[float]:
        times = [when for when, _, _ in self.asked]
        return (later - earlier for earlier, later in pairwise(times))


def story(
    server: Server, first: Quota | None = None, *, delay: float = 0.0, share: float = 0.0
) -> Story:
    """A call that holds its first minute and is answered at once."""
    machine = CallMachine(slice_seconds=60, spread=lambda: share)
    machine.begin(first or quota(60), lives_seconds=120, used=0, at=at(0))
    machine.answer(at(0))
    return Story(machine, server, delay)


def grants(_: float, used: int, total: int | None) -> Quota:
    """A server with all the credits there are."""
    return quota(total or used + 70)


def test_more_is_asked_for_before_the_funds_end() -> None:
    one = story(grants)
    one.run(until=200)
    assert one.asked == [(50, 50, 120), (110, 110, 180), (170, 170, 240)]
    assert not one.cut
    assert not one.warned


def test_calls_that_begin_together_spread() -> None:
    times = set()
    for seed in range(200):
        chance = random.Random(seed)
        machine = CallMachine(slice_seconds=60, spread=chance.random)
        machine.begin(quota(60), lives_seconds=120, used=0, at=at(0))
        machine.answer(at(0))
        one = Story(machine, grants)
        one.run(until=60)
        times.add(one.asked[0][0])
    assert len(times) > 190
    assert min(times) >= 38
    assert max(times) <= 50


def test_funds_that_end_cut_to_the_nanosecond() -> None:
    def server(*_: object) -> Quota:
        return quota(77, final=OUT_OF_CREDITS)

    one = story(server)
    one.run(until=1_000)
    assert one.cut == [77]
    assert one.machine.clock.seconds_in_all(at(1_000)) == 77
    assert one.warned == [50], "at once, for less than 30 s are left when it is known"


def test_a_late_timer_charges_nothing_more() -> None:
    machine = CallMachine(slice_seconds=60, spread=float)
    machine.begin(quota(60, final=OUT_OF_CREDITS), lives_seconds=120, used=0, at=at(0))
    machine.answer(at(0))
    assert Due.CUT in list(machine.due(at(63.7)))
    assert machine.clock.seconds_in_all(at(70)) == 60


def test_an_answer_after_the_end_does_not_bring_it_back() -> None:
    machine = CallMachine(slice_seconds=60, spread=float)
    machine.begin(quota(60, handling=TERMINATE), lives_seconds=120, used=0, at=at(0))
    machine.answer(at(0))
    machine.ask(at(50))
    machine.see(quota(120), lives_seconds=120, at=at(60.5))
    assert list(machine.due(at(60.5))) == [Due.CUT]
    assert machine.clock.seconds_in_all(at(61)) == 60


def test_the_warning_comes_once_and_in_time() -> None:
    one = story(lambda *_: quota(100, final=OUT_OF_CREDITS), quota(100, final=OUT_OF_CREDITS))
    one.run(until=200)
    assert (one.warned, one.cut) == ([70], [100])
    assert min(one.gaps) >= 5, "it goes on asking, but not without end"
    assert len(one.asked) >= 5


def test_credits_that_come_lift_the_end_and_a_later_end_warns_again() -> None:
    def server(when: float, _: int, total: int | None) -> Quota:
        if when < 80:
            return quota(100, final=OUT_OF_CREDITS)
        return quota(min(total or 0, 300) or 190, final=None if when < 200 else OUT_OF_CREDITS)

    one = story(server, quota(100, final=OUT_OF_CREDITS))
    one.run(until=1_000)
    assert one.warned[0] == 70
    assert len(one.warned) == 2
    assert len(one.cut) == 1
    assert one.cut[0] > 250


def test_the_longest_call_is_not_asked_about_again_and_again() -> None:
    one = story(lambda *_: quota(100, final=TOO_LONG), quota(100, final=TOO_LONG))
    one.run(until=200)
    assert (one.warned, one.cut) == ([70], [100])
    assert [when for when, _, _ in one.asked] == [60], "only to keep the hold"


def test_service_goes_on_while_the_answer_is_under_way() -> None:
    """Ten seconds are left, the server takes two: no cut, and no second is lost."""
    one = story(grants, delay=2.0)
    one.run(until=115)
    assert not one.cut
    assert one.machine.clock.seconds_so_far(at(115)) == 115


@pytest.mark.parametrize(
    ("handling", "allowance", "ends"),
    [(TERMINATE, 300, 60), (WITHIN, 0, 60), (WITHIN, 300, 360), (CONTINUE, 0, None)],
)
@pytest.mark.parametrize("answer", ["fail", None])
def test_when_nobody_answers(
    handling: FailureHandling, allowance: float, ends: float | None, answer: str | None
) -> None:
    one = story(lambda *_: answer, quota(60, handling=handling, allowance=allowance))
    one.run(until=1_000)
    assert one.cut == ([] if ends is None else [ends])
    assert min(one.gaps, default=5) >= 5


def test_the_allowance_is_given_once_however_often_nobody_answers() -> None:
    one = story(lambda *_: "fail", quota(60, allowance=20), delay=1.0)
    one.run(until=1_000)
    assert one.cut == [80]
    assert one.warned == [51], "as soon as it is known that nobody answers"
    assert len(one.asked) >= 4


def test_a_server_that_comes_back_gives_the_call_its_funds_again() -> None:
    def server(when: float, _: int, total: int | None) -> Quota | str:
        return "fail" if when < 70 else quota(total or 0, allowance=30)

    one = story(server, quota(60, allowance=30))
    one.run(until=100)
    assert not one.cut
    assert not one.machine.is_warned


@pytest.mark.parametrize("answer", ["refuse", "expire", quota(60, final=OUT_OF_CREDITS)])
def test_what_ran_before_the_end_was_known_is_counted(answer: Quota | str) -> None:
    """In the allowance the server comes back, and there is no more: it ends there, not before."""

    def server(when: float, *_: object) -> Quota | str:
        return "fail" if when < 75 else answer

    one = story(server, quota(60, allowance=100))
    one.run(until=1_000)
    assert one.cut == [75]
    assert one.machine.clock.seconds_in_all(at(1_000)) == 75


def test_a_refusal_ends_the_call_with_what_was_granted() -> None:
    one = story(lambda *_: "refuse", quota(60, allowance=300))
    one.run(until=1_000)
    assert one.cut == [60]
    assert [when for when, _, _ in one.asked] == [50, 55], "perhaps the key comes back"


def test_an_expired_hold_is_used_up_and_not_asked_for_again() -> None:
    one = story(lambda *_: "expire", quota(60, allowance=300))
    one.run(until=1_000)
    assert (one.cut, len(one.asked)) == ([60], 1)


def test_a_hold_that_somebody_else_ended_ends_the_call_at_once() -> None:
    one = story(lambda *_: "close", quota(60, allowance=300))
    one.run(until=1_000)
    assert one.cut == [50]


def test_nothing_granted_and_nothing_to_come_is_now() -> None:
    machine = CallMachine(slice_seconds=60, spread=float)
    machine.begin(quota(0, final=OUT_OF_CREDITS), lives_seconds=120, used=0, at=at(0))
    assert not list(machine.due(at(1)))
    machine.answer(at(2))
    assert Due.CUT in list(machine.due(at(2)))
    assert machine.clock.seconds_in_all(at(3)) == 0


def test_a_pause_moves_the_end_and_keeps_the_hold() -> None:
    one = story(grants)
    one.run(
        (20, lambda when: one.machine.pause("hold", when)),
        (620, lambda when: one.machine.resume("hold", when)),
        until=700,
    )
    beats = [total for when, _, total in one.asked if 20 < when < 620]
    assert beats, "the hold lives on"
    assert set(beats) == {None}, "without more credits"
    assert one.machine.clock.seconds_so_far(at(700)) == 100
    assert not one.cut


def test_a_call_that_rings_for_long_keeps_its_hold_and_its_funds() -> None:
    machine = CallMachine(slice_seconds=60, spread=float)
    machine.begin(quota(60), lives_seconds=120, used=0, at=at(0))
    one = Story(machine, lambda *_: quota(60))
    one.run(until=600)
    assert {total for _, _, total in one.asked} == {None}
    assert machine.left_ns(at(600)) == 60 * SECOND_NS


def test_a_call_that_begins_unheld_is_held_as_soon_as_somebody_answers() -> None:
    machine = CallMachine(slice_seconds=60, spread=float)
    machine.begin_unheld(quota(0, allowance=100), at=at(0))
    machine.answer(at(0))
    asked: list[bool] = []

    def server(when: float, _: int, total: int | None) -> Quota | str:
        asked.append(machine.is_held)
        if when < 70:
            return "fail"
        return quota(total or 0, allowance=100) if machine.is_held else quota(60, allowance=100)

    one = Story(machine, server)
    one.run(until=200)
    assert not one.cut
    assert asked.index(True) == asked.count(False), "first the Reserve, then what it lacks"
    first_held = one.asked[asked.index(True)]
    assert (first_held[0], first_held[2]) == (70, 140), "at once, with what has passed meanwhile"


def test_a_call_that_begins_unheld_ends_with_its_allowance() -> None:
    machine = CallMachine(slice_seconds=60, spread=float)
    machine.begin_unheld(quota(0, allowance=100), at=at(0))
    machine.answer(at(7))
    one = Story(machine, lambda *_: "fail")
    one.run(until=1_000)
    assert one.cut == [107]
    assert min(one.gaps) >= 5


@pytest.mark.parametrize("seed", range(60))
def test_any_call_is_cut_exactly_when_its_funds_end(seed: int) -> None:
    """However it is paused, and whatever the server does, what it runs is what it was granted."""
    chance = random.Random(seed)
    credits_ = chance.randint(60, 900)
    allowance = chance.choice([0, 45])
    handling = chance.choice([TERMINATE, WITHIN])

    def server(_: float, __: int, total: int | None) -> Quota | str | None:
        if chance.random() < 0.2:
            return chance.choice(["fail", None])
        given = min(total or granted[-1], credits_)
        granted.append(max(given, granted[-1]))
        final = OUT_OF_CREDITS if granted[-1] == credits_ else None
        return quota(
            granted[-1], final=final, handling=handling, allowance=0 if final else allowance
        )

    granted = [60]
    machine = CallMachine(slice_seconds=60, spread=chance.random)
    machine.begin(
        quota(60, handling=handling, allowance=allowance), lives_seconds=120, used=0, at=at(0)
    )
    one = Story(machine, server, delay=chance.uniform(0, 4))
    events: list[tuple[float, Callable[[int], None]]] = [(chance.uniform(0, 20), machine.answer)]
    moment = 20.0
    while moment < 600:
        moment += chance.expovariate(1 / 60)
        pauses = chance.random() < 0.5
        turn = machine.pause if pauses else machine.resume
        events.append((moment, lambda when, turn=turn: turn("hold", when)))  # type: ignore[misc]
    events.append((moment + 1, lambda when: machine.resume("hold", when)))
    one.run(*events, until=5_000)
    assert len(one.cut) == 1
    counted = machine.clock.elapsed_ns(at(5_000))
    ends = {each * SECOND_NS for given in granted for each in (given, given + allowance)}
    if counted not in ends:
        assert counted == one.answered[-1], "an answer took back what the allowance had given"
        assert counted > granted[-1] * SECOND_NS
    assert counted <= (credits_ + allowance) * SECOND_NS
    assert min(one.gaps, default=5) >= 5
