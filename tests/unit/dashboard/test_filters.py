from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creditgate_server.dashboard.views.clock import Clock
from creditgate_server.dashboard.views.filters import (
    KINDS,
    RANGES,
    BadFilterError,
    Cursor,
    Filter,
    asked,
    cursor,
    read,
)
from creditgate_server.domain.activity import EntryKind, Span
from creditgate_server.domain.statements import Period, Place

CLOCK = Clock("Asia/Kathmandu", datetime(2026, 11, 22, 10, tzinfo=UTC))
TEXTS = st.text(min_size=0, max_size=20).map(str.strip)


@given(
    st.builds(
        Filter,
        since=st.just(""),
        until=st.just(""),
        last=st.sampled_from([value for value, _ in RANGES]),
        kind=st.sampled_from([value for value, _ in KINDS]),
        type=TEXTS,
        model=TEXTS,
        agent=TEXTS,
        topic=TEXTS,
        user=TEXTS,
        conversation=TEXTS,
        meter=TEXTS,
    )
)
def test_a_url_asks_for_what_its_filter_asked_for(given_: Filter) -> None:
    assert read(given_.query) == given_


def test_ranges() -> None:
    assert asked(read({}), CLOCK).span == Span(last=timedelta(days=30))
    assert asked(read({"last": "7"}), CLOCK).span == Span(last=timedelta(days=7))
    assert asked(read({"last": "all"}), CLOCK).span == Span()
    # Days are those of the account's zone, the last one included.
    own = asked(read({"since": "2026-11-01", "until": "2026-11-01"}), CLOCK).span
    assert own.start == datetime(2026, 10, 31, 18, 15, tzinfo=UTC)
    assert own.until == datetime(2026, 11, 1, 18, 15, tzinfo=UTC)
    # Days that a form kept besides another range ask for nothing.
    assert asked(read({"last": "7", "since": "2026-11-01"}), CLOCK).span.start is None


def test_what_is_kept() -> None:
    query = {
        "kind": "refund",
        "type": "call",
        "model": "large",
        "agent": "ann",
        "conversation": "c/1",
        "meter": "m",
    }
    choice = asked(read(query), CLOCK).choice
    assert choice.type == "call"
    assert (choice.kinds, choice.model, choice.meter) == ([EntryKind.REFUND], "large", "m")
    assert json.loads(choice.details or "") == {
        "attributes": {"agent": "ann", "conversation_id": "c/1"}
    }
    assert asked(read({}), CLOCK).choice == (None, None, None, None, None)


@pytest.mark.parametrize(
    "query",
    [
        {"last": "8"},
        {"kind": "hold"},
        {"agent": "a" * 129},
        {"since": "1 Nov"},
        {"since": "2026-13-01"},
        {"since": "0001-01-01"},
        {"until": "9999-12-31"},
        {"since": "2026-11-02", "until": "2026-11-01"},
    ],
)
def test_what_makes_no_sense_is_told(query: dict[str, str]) -> None:
    with pytest.raises(BadFilterError):
        asked(read(query), CLOCK)


@given(st.tuples(*[st.integers(0, 2**63 - 1)] * 3, st.integers(0, 2**15 - 1)))
def test_a_page_is_found_again(numbers: tuple[int, int, int, int]) -> None:
    place = Cursor(Period(*numbers[:2]), Place(*numbers[2:]))
    assert cursor(place.text) == place


@pytest.mark.parametrize(
    "text", ["1", "1-2-3-x", "1-2-3--4", "1-2-3-4-5", f"{2**63}-1-1-1", "1-1-1-99999", "²-1-1-1"]
)
def test_no_page_is_found_by_other_texts(text: str) -> None:
    with pytest.raises(BadFilterError):
        cursor(text)
