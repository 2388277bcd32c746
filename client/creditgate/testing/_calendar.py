"""When the fake's cycles begin: on the calendar and by the clock of a time zone."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from creditgate.v1 import catalog_service_pb2 as catalog

_EPOCH = datetime.fromtimestamp(0, UTC)
_DAYS = {catalog.CYCLE_UNIT_DAY: 1, catalog.CYCLE_UNIT_WEEK: 7}
_MONTHS = {catalog.CYCLE_UNIT_MONTH: 1, catalog.CYCLE_UNIT_YEAR: 12}
_DAYS_OF_A_MONTH = 30.44


def cycle_start(anchor: int, zone: str, unit: catalog.CycleUnit.ValueType, number: int) -> int:
    """The beginning of a cycle: so many units after the anchor. Times are microseconds."""
    place = ZoneInfo(zone)
    local = (_EPOCH + timedelta(microseconds=anchor)).astimezone(place).replace(tzinfo=None)
    if unit in _DAYS:
        return local_instant(local + timedelta(days=_DAYS[unit] * number), place)
    year, month = divmod(local.year * 12 + local.month - 1 + _MONTHS[unit] * number, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return local_instant(local.replace(year=year, month=month + 1, day=min(local.day, last)), place)


def cycle_number(anchor: int, zone: str, unit: catalog.CycleUnit.ValueType, at: int) -> int:
    """The number of the cycle an instant lies in; a cycle includes its beginning."""
    days = _DAYS.get(unit) or _DAYS_OF_A_MONTH * _MONTHS[unit]
    number = int((at - anchor) / (days * 86_400_000_000))
    while cycle_start(anchor, zone, unit, number) > at:
        number -= 1
    while cycle_start(anchor, zone, unit, number + 1) <= at:
        number += 1
    return number


def local_instant(local: datetime, place: ZoneInfo) -> int:
    """The instant of a local time. Of two, in an hour that is skipped or repeated, the later."""
    offsets = [local.replace(tzinfo=place, fold=fold).utcoffset() for fold in (0, 1)]
    offset = min(each for each in offsets if each is not None)
    return ((local - offset).replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
