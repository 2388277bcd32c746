"""When cycles begin in SQL, against a calendar of Python's own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, time
from itertools import pairwise, product
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from tests.oracle.calendar import cycle_at, cycle_start
from tests.support.database import Database, run
from tests.support.figures import Figures
from tests.support.micros import instant, micros

DAY = 86_400_000_000
UNITS = ("NONE", "DAY", "WEEK", "MONTH", "YEAR")
ZONES = ("UTC", "America/New_York", "Asia/Kolkata", "Pacific/Apia")
# Midnights, hours that summer time skips or repeats somewhere, and the ends of days.
TIMES = [
    time(*parts)
    for parts in (
        (0, 0),
        (0, 0, 0, 1),
        (0, 30),
        (1, 30),
        (2, 0),
        (2, 30),
        (3, 0),
        (3, 59, 59, 999_999),
        (9, 15, 7),
        (12, 0),
        (23, 0),
        (23, 59, 59, 999_999),
    )
]


class Case(NamedTuple):
    """A cycle of an anchor."""

    anchor: int
    zone: str
    unit: str
    number: int


def anchored(zone: str, *local: int, at: time = time()) -> int:
    """An anchor by the calendar and the clock of its time zone."""
    year, month, day = local
    moment = datetime.combine(datetime(year, month, day), at, ZoneInfo(zone))  # noqa: DTZ001
    return micros(moment)


@pytest.fixture(scope="module")
def calendar(module_database: Database) -> Database:
    return module_database


def starts(database: Database, cases: Sequence[Case]) -> list[int]:
    """When SQL has these cycles begin."""
    rows = _rows(database, cases, "creditgate.cycle_start(anchor, zone, unit, number)")
    return [micros(row) for row in rows]


def numbers_at(database: Database, cases: Sequence[Case], times: Sequence[int]) -> list[int]:
    """The numbers of the cycles in which SQL has these instants lie."""
    return _rows(database, cases, "creditgate.cycle_at(anchor, zone, unit, at)", times)


def _rows(
    database: Database, cases: Sequence[Case], asked: str, times: Sequence[int] = ()
) -> list[Any]:
    sql = f"""
    SELECT {asked}
      FROM unnest($1::timestamptz[], $2::text[], $3::smallint[], $4::integer[], $5::timestamptz[])
           WITH ORDINALITY AS c (anchor, zone, unit, number, at, place)
     ORDER BY place
    """
    columns = (
        [instant(case.anchor) for case in cases],
        [case.zone for case in cases],
        [UNITS.index(case.unit) for case in cases],
        [case.number for case in cases],
        [instant(each) for each in times],
    )

    async def fetch() -> list[asyncpg.Record]:
        connection = await database.connect()
        try:
            return await connection.fetch(sql, *columns)
        finally:
            await connection.close()

    return [row[0] for row in run(fetch())]


def mismatches(database: Database, cases: Sequence[Case]) -> list[tuple[Case, int, int]]:
    """Where SQL and Python differ about the beginning of a cycle."""
    wanted = [cycle_start(*case) for case in cases]
    both = zip(cases, starts(database, cases), wanted, strict=True)
    return [(case, got, right) for case, got, right in both if got != right]


def misplaced(database: Database, cases: Sequence[Case]) -> list[tuple[Case, int]]:
    """Where SQL and Python differ about the cycle of an instant: at and just before a beginning."""
    probes = [(case, cycle_start(*case) - early) for case in cases for early in (0, 1)]
    got = numbers_at(database, [case for case, _ in probes], [at for _, at in probes])
    return [
        (case, at)
        for (case, at), number in zip(probes, got, strict=True)
        if number != cycle_at(case.anchor, case.zone, case.unit, at).number
    ]


def last_days() -> Iterator[Case]:
    """48 months from each of a month's last days, over a leap year and a day that Apia left out."""
    for day, zone, at in product((28, 29, 30, 31), ZONES, TIMES):
        anchor = anchored(zone, 2009, 12, day, at=at)
        for number in range(48):
            yield Case(anchor, zone, "MONTH", number)


def test_months_from_the_last_days_of_a_month(calendar: Database, figures: Figures) -> None:
    cases = list(last_days())
    wrong = mismatches(calendar, cases)
    figures(cases=len(cases), mismatches=len(wrong))
    assert len(cases) >= 9_000
    assert wrong == []
    assert misplaced(calendar, cases[::7]) == []


@pytest.mark.parametrize("zone", ZONES)
def test_days_and_weeks_over_summer_time(calendar: Database, zone: str) -> None:
    """Two years, with all changes of the clocks; among them hours skipped, repeated, and a day."""
    cases = [
        Case(anchored(zone, 2010, 9, 1, at=at), zone, unit, number)
        for at in TIMES
        for unit, count in (("DAY", 730), ("WEEK", 104))
        for number in range(count)
    ]
    assert mismatches(calendar, cases) == []
    assert misplaced(calendar, cases[::29]) == []


@pytest.mark.parametrize("zone", ZONES)
def test_years_over_leap_years_and_centuries(calendar: Database, zone: str) -> None:
    cases = [
        Case(anchored(zone, year, month, day, at=at), zone, "YEAR", number)
        for year, month, day in ((2008, 2, 29), (2011, 2, 28), (2011, 12, 30), (1999, 12, 31))
        for at in TIMES
        for number in range(-5, 35)
    ]
    assert mismatches(calendar, cases) == []
    assert misplaced(calendar, cases[::11]) == []
    leap = [Case(anchored("UTC", 2096, 2, 29), "UTC", "YEAR", number) for number in range(9)]
    days = [each // DAY for each in starts(calendar, leap)]
    assert [later - earlier for earlier, later in pairwise(days)] == [365] * 7 + [366]


def test_months_before_and_long_after_the_anchor(calendar: Database) -> None:
    cases = [
        Case(anchored(zone, 2024, 8, 31, at=at), zone, "MONTH", number)
        for zone in ZONES
        for at in TIMES
        for number in (*range(-36, 0), *range(200, 236))
    ]
    assert mismatches(calendar, cases) == []
    assert misplaced(calendar, cases[::7]) == []


BY_HAND = [
    # The 31st, also in a leap year, and back to it.
    ("UTC", (2023, 12, 31), (0, 0), "MONTH", 2, "2024-02-29T00:00Z"),
    ("UTC", (2023, 12, 31), (0, 0), "MONTH", 3, "2024-03-31T00:00Z"),
    ("UTC", (2023, 12, 31), (0, 0), "MONTH", 14, "2025-02-28T00:00Z"),
    # 29 February, and no such day in 2100.
    ("UTC", (2096, 2, 29), (0, 0), "YEAR", 4, "2100-02-28T00:00Z"),
    ("UTC", (2096, 2, 29), (0, 0), "YEAR", 8, "2104-02-29T00:00Z"),
    # A New Yorker's midnight in winter and in summer.
    ("America/New_York", (2024, 1, 31), (0, 0), "MONTH", 1, "2024-02-29T05:00Z"),
    ("America/New_York", (2024, 1, 31), (0, 0), "MONTH", 2, "2024-03-31T04:00Z"),
    # Half past two is skipped: as if the clock had not changed yet. Half past one comes twice: the
    # second time.
    ("America/New_York", (2024, 3, 9), (2, 30), "DAY", 1, "2024-03-10T07:30Z"),
    ("America/New_York", (2024, 11, 2), (1, 30), "DAY", 1, "2024-11-03T06:30Z"),
    ("Asia/Kolkata", (2024, 1, 31), (0, 0), "MONTH", 1, "2024-02-28T18:30Z"),
    # Apia had no 30 December 2011: its midnight was that of the 31st.
    ("Pacific/Apia", (2011, 11, 30), (0, 0), "MONTH", 1, "2011-12-30T10:00Z"),
    ("Pacific/Apia", (2011, 12, 29), (0, 0), "DAY", 1, "2011-12-30T10:00Z"),
    ("Pacific/Apia", (2011, 12, 29), (0, 0), "DAY", 2, "2011-12-30T10:00Z"),
]


def test_beginnings_by_hand(calendar: Database) -> None:
    cases = [
        Case(anchored(zone, *day, at=time(*clock)), zone, unit, number)
        for zone, day, clock, unit, number, _ in BY_HAND
    ]
    begins = [micros(datetime.fromisoformat(each[-1])) for each in BY_HAND]
    assert starts(calendar, cases) == begins
    assert [cycle_start(*case) for case in cases] == begins
