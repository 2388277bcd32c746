"""What is foreseen: exact, rounded once, and bounded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest

from creditgate_server.domain import forecasts
from creditgate_server.domain.forecasts import FORESEEN_MAX, OpenCalls, Pace

NOW = datetime(2030, 1, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)
CREDITS_MAX = 4 * 10**18


@pytest.mark.parametrize(
    ("value", "nearest"),
    [
        (Fraction(1, 2), 1),
        (Fraction(-1, 2), 0),
        (Fraction(-3, 2), -1),
        (Fraction(499_999, 10**6), 0),
        (Fraction(7), 7),
        (Fraction(10**30 + 1, 2), 10**30 // 2 + 1),
    ],
)
def test_to_the_nearest_half_up(value: Fraction, nearest: int) -> None:
    assert forecasts.nearest(value) == nearest


@pytest.mark.parametrize(
    ("age", "span"),
    [(timedelta(), DAY), (HOUR, DAY), (3 * DAY, 3 * DAY), (8 * DAY, 7 * DAY), (-HOUR, DAY)],
)
def test_a_pace_is_that_of_a_day_at_least_and_a_week_at_most(
    age: timedelta, span: timedelta
) -> None:
    assert forecasts.pace(5, age=age) == Pace(5, span)


def test_days_that_gave_back_foretell_nothing() -> None:
    pace = forecasts.pace(-7_000_000, age=DAY)
    assert forecasts.projected_micros(-7_000_000, pace, left=10 * DAY) == -7_000_000
    assert forecasts.run_out_at(1, pace, now=NOW) is None


def test_what_is_over_is_as_it_was() -> None:
    pace = forecasts.pace(7_000_000, age=DAY)
    assert forecasts.projected_micros(3, pace, left=-DAY) == 3
    assert forecasts.projected_micros(3, pace, left=timedelta()) == 3
    assert forecasts.average_micros(3, -DAY) == 3


def test_credits_last_to_the_microsecond() -> None:
    pace = Pace(3, DAY)
    assert forecasts.run_out_at(1, pace, now=NOW) == NOW + 8 * HOUR
    assert forecasts.run_out_at(2, Pace(7, DAY), now=NOW) == NOW + timedelta(
        microseconds=2 * 86_400 * 10**6 // 7
    )
    for nothing in (0, -5):
        assert forecasts.run_out_at(nothing, pace, now=NOW) == NOW


def test_nothing_is_foreseen_beyond_ten_years() -> None:
    days = FORESEEN_MAX // DAY
    assert forecasts.run_out_at(days, Pace(1, DAY), now=NOW) == NOW + FORESEEN_MAX
    assert forecasts.run_out_at(days + 1, Pace(1, DAY), now=NOW) is None
    assert forecasts.run_out_at(CREDITS_MAX, Pace(1, 7 * DAY), now=NOW) is None


def test_calls_share_what_they_hold_and_what_is_available() -> None:
    dear, odd, free = (OpenCalls(2, 10, 1, 30), OpenCalls(1, 1, 3, 5), OpenCalls(4, 0, 1, 1_000))
    left = forecasts.calls_run_out(26, [dear, odd, free])
    # 61 micro-credits, at 20 and a third a second: what is free holds nothing for others.
    assert left == timedelta(seconds=3)
    assert forecasts.calls_run_out(-100, [dear]) == timedelta(seconds=1.5)
    assert forecasts.calls_run_out(100, [free]) is None
    assert forecasts.calls_run_out(100, []) is None
    assert forecasts.calls_run_out(CREDITS_MAX, [odd]) is None


def test_sums_stay_within_what_messages_carry() -> None:
    most = 2**63 - 1
    far = forecasts.projected_micros(0, Pace(CREDITS_MAX, DAY), left=timedelta(days=2_900_000))
    assert far > most
    assert forecasts.bounded(far) == most
    assert forecasts.bounded(-far) == -most
    assert forecasts.bounded(-7) == -7
