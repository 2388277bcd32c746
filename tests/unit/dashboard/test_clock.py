from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from creditgate_server.dashboard.views.clock import Clock, length, span

NOW = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "today", "text"),
    [
        ("UTC", date(2026, 11, 22), "23:30"),
        ("Asia/Kathmandu", date(2026, 11, 23), "05:15"),
        ("America/Los_Angeles", date(2026, 11, 22), "15:30"),
        ("No/Such", date(2026, 11, 22), "23:30"),
    ],
)
def test_times_are_those_of_the_zone(zone: str, today: date, text: str) -> None:
    clock = Clock(zone, NOW)
    assert (clock.today, clock.moment(NOW).text) == (today, text)
    assert clock.zone == ("UTC" if zone == "No/Such" else zone)


def test_what_is_near_is_said_shortly() -> None:
    clock = Clock("Europe/Berlin", NOW)
    assert clock.moment(NOW - timedelta(days=1)).text == "22 Nov, 00:30"
    assert clock.moment(NOW - timedelta(days=400)).text == "19 Oct 2025, 01:30"
    assert clock.moment(NOW).full == "Mon 23 Nov 2026, 00:30:00 Europe/Berlin"
    assert clock.moment(NOW).machine == "2026-11-22T23:30:00.000000Z"
    assert clock.last_day_before(datetime(2026, 12, 2, 23, tzinfo=UTC)).text == "2 Dec"


@pytest.mark.parametrize(
    ("zone", "at", "next_day"),
    [
        ("UTC", "2026-11-22T23:30", "2026-11-23T00:00"),
        ("Europe/Berlin", "2026-10-24T22:30", "2026-10-25T23:00"),  # a day of 25 hours
        ("Asia/Beirut", "2026-03-28T21:59", "2026-03-28T22:00"),  # midnight is left out
        ("America/Havana", "2026-11-01T03:30", "2026-11-01T04:00"),  # midnight comes twice
        ("America/St_Johns", "2001-10-28T03:00", "2001-10-28T03:30"),  # set back over midnight
        ("Australia/Lord_Howe", "2026-04-04T13:00", "2026-04-05T13:30"),  # a day of 24.5 hours
    ],
)
def test_the_next_day_begins_at_its_midnight(zone: str, at: str, next_day: str) -> None:
    read = [datetime.fromisoformat(each).replace(tzinfo=UTC) for each in (at, next_day)]
    assert Clock(zone, NOW).midnight_after(read[0]) == read[1]


def test_distances_and_lengths() -> None:
    clock = Clock("UTC", NOW)
    assert clock.distance(NOW + timedelta(days=3, hours=5)) == "in 3 days"
    assert clock.distance(NOW - timedelta(minutes=61)) == "1 hour ago"
    assert clock.distance(NOW) == "now"
    assert [span(each) for each in (0, 1, 59, 60, 7_200)] == [
        *("0 seconds", "1 second", "59 seconds", "1 minute", "2 hours")
    ]
    assert [length(each) for each in (0, 42, 60, 252, 3_600, 7_505, 100_000)] == [
        *("0 s", "42 s", "1 min", "4 min 12 s", "1 h", "2 h 5 min", "1 d 3 h")
    ]
