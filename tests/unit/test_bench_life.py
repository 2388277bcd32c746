"""The stories that the benchmark lives through: what is drawn is possible, and always the same."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from bench.life import plot
from bench.life.book import COMMITTED, EXPIRED, RELEASED, Book
from bench.life.calls import LONGEST, RENEW, line
from bench.life.messages import Fate, Quirk, conversations
from bench.life.story import Story

CALLS, CHAT = "calls", "chat"


def test_the_calls_of_a_line_follow_each_other_and_end_with_the_story() -> None:
    story = a_story(CALLS, crash_at=300.0)
    for number in range(40):
        calls = list(line(story, number))
        assert all(a.legs[-1].begins + a.legs[-1].ends < b.begins for a, b in pairwise(calls))
        assert all(
            leg.begins + leg.ends <= story.ends_at + 6 for each in calls for leg in each.legs
        )
    whole = [each for number in range(200) for each in line(story, number)]
    found = [leg for each in whole for leg in each.legs]
    assert {len(each.legs) for each in whole} == {1, 2}
    assert all(each.into.begins == each.begins + each.ends for each in whole if each.into)
    assert {each.state for each in found} == {COMMITTED, RELEASED, EXPIRED}
    assert {bool(each.pauses) for each in found} == {True, False}
    crashed = [each for each in found if abs(each.begins + each.ends - story.crash_at) <= 1]
    assert sum(each.lost and each.state == RELEASED for each in crashed) >= 5
    assert all(each.lost for each in found if each.state == EXPIRED)
    assert LONGEST in {each.outcome[1] for each in found}


def test_pauses_and_ringing_do_not_count_and_are_found_backwards() -> None:
    legs = [leg for n in range(50) for each in line(a_story(CALLS), n) for leg in each.legs]
    answered = [each for each in legs if each.answered is not None]
    for call in answered:
        used = [call.used(at) for at in range(call.ends + 1)]
        assert all(before <= after <= before + 1 for before, after in pairwise(used))
        still = sum(before == after for before, after in pairwise(used))
        assert call.answered is not None
        assert still == call.answered + sum(until - since for since, until in call.pauses)
        for seconds in range(1, used[-1] + 1):
            assert call.when(seconds) == used.index(seconds)
        reports = range(0, call.ends, RENEW) if call.lost else [call.ends]
        # What is cut is charged for as long as it may be; the others for what they have told of.
        state, charged = call.outcome
        assert charged == (LONGEST if LONGEST in used[:-1] else used[max(reports)])
        assert state == (COMMITTED if LONGEST in used[:-1] else call.state)


def test_users_live_through_all_that_may_happen() -> None:
    found = [each for n in range(100) for each in conversations(a_story(CHAT), n)]
    messages = [message for each in found for message in each.messages]
    assert {each.fate for each in messages} == set(Fate)
    assert {each.quirk for each in messages} == set(Quirk)
    assert {each.used > each.estimate for each in messages} == {True, False}
    for each in found:
        assert all(a.at + a.seconds <= b.at for a, b in pairwise(each.messages))
    assert len({each.hold_id for each in messages}) == len(messages)


@pytest.mark.parametrize("kind", [CALLS, CHAT])
def test_a_seed_is_a_story(kind: str) -> None:
    story = a_story(kind)
    assert Story.from_json(story.to_json()) == story
    assert plot.works(story) == plot.works(story)
    assert plot.works(story) != plot.works(a_story(kind, seed=2))


def test_a_book_is_read_as_it_was_written() -> None:
    book = Book(plot.works(a_story(CALLS)).values(), {"poor-0": 5})
    again = Book.read(book.lines(), book.granted)
    assert (again.works, again.granted) == (book.works, book.granted)
    assert sum(each.cost for each in book.works.values()) > 0


def a_story(kind: str, **changes: Any) -> Story:
    usual: dict[str, Any] = {"host": "", "port": 0, "api_key": "", "actors": 40, "rich": 5}
    return Story(**usual | {"kind": kind, "poor": 2, "ends_at": 600.0} | changes)
