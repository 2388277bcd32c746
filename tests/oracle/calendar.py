"""When cycles begin: by the calendar and the clock of a time zone, counted from an anchor.

Times are microseconds since 1970. Where summer time skips or repeats a local time, two instants
claim it, one for each of the offsets around the change. The later one counts: it is what PostgreSQL
takes (the offset before the change where an hour is skipped, the one after it where an hour is
repeated).
"""

from __future__ import annotations

import calendar
from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from tests.oracle.answers import CycleView

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
# How many cycles each unit has within some sixty years of the anchor.
_FARTHEST = {"DAY": 21_900, "WEEK": 3_120, "MONTH": 720, "YEAR": 60}


def cycle_start(anchor: int, zone: str, unit: str, number: int) -> int:
    """When the cycle of this number begins."""
    local = (EPOCH + anchor * MICROSECOND).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    return instant_of(_shifted(local, unit, number), ZoneInfo(zone))


def cycle_at(anchor: int, zone: str, unit: str, at: int) -> CycleView:
    """The last cycle that has begun by an instant."""
    numbers = range(-_FARTHEST[unit], _FARTHEST[unit])
    begun = bisect_right(numbers, at, key=lambda number: cycle_start(anchor, zone, unit, number))
    number = numbers[begun - 1]
    start, end = (cycle_start(anchor, zone, unit, each) for each in (number, number + 1))
    assert start <= at < end, "no cycle of this unit is that far away"
    return CycleView(number, start, end)


def _shifted(local: datetime, unit: str, count: int) -> datetime:
    """A local time so many units later; a day its month does not have becomes the last it has."""
    if unit in {"DAY", "WEEK"}:
        return local + timedelta(days=count * {"DAY": 1, "WEEK": 7}[unit])
    months = local.year * 12 + local.month - 1 + count * {"MONTH": 1, "YEAR": 12}[unit]
    year, month = months // 12, months % 12 + 1
    day = min(local.day, calendar.monthrange(year, month)[1])
    return local.replace(year=year, month=month, day=day)


def instant_of(local: datetime, zone: ZoneInfo) -> int:
    """The instant a clock shows a local time; the later one where there are two."""
    readings = (local.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    return max((each.astimezone(UTC) - EPOCH) // MICROSECOND for each in readings)
