"""Times as people read them, by the account's time zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


class Moment(NamedTuple):
    """An instant to show: `machine` for programs, `text` and, in full, `full` for people."""

    machine: str
    text: str
    full: str


class Clock(NamedTuple):
    """Writes times as they are at an instant `now`, which is the database's."""

    zone_name: str
    now: datetime

    @property
    def zone(self) -> str:
        """The name of the time zone that is shown: UTC where this machine does not know it."""
        return "UTC" if _zone(self.zone_name) is UTC else self.zone_name

    @property
    def today(self) -> date:
        """The day that it is."""
        return self.day(self.now)

    def day(self, at: datetime) -> date:
        """Answer the day of an instant."""
        return self._local(at).date()

    def moment(self, at: datetime) -> Moment:
        """Write day and time: the time alone of today, the year of other years."""
        local = self._local(at)
        hour = f"{local:%H:%M}"
        text = hour if local.date() == self.today else f"{self.date_text(local.date())}, {hour}"
        return Moment(_machine(at), text, self._full(local))

    def day_of(self, at: datetime) -> Moment:
        """Write the day of an instant."""
        local = self._local(at)
        return Moment(_machine(at), self.date_text(local.date()), self._full(local))

    def last_day_before(self, at: datetime) -> Moment:
        """Write the last day before an instant, on which ends what ends at midnight."""
        return self.day_of(at - timedelta(microseconds=1))

    def date_text(self, day: date) -> str:
        """Write a day, with its year where that is not this one."""
        text = f"{day.day} {_MONTHS[day.month - 1]}"
        return text if day.year == self.today.year else f"{text} {day.year}"

    def weekday_text(self, day: date) -> str:
        """Write a day with its weekday."""
        return f"{_WEEKDAYS[day.weekday()]} {self.date_text(day)}"

    def month_text(self, day: date) -> str:
        """Write the month of a day."""
        return f"{_MONTHS[day.month - 1]} {day.year}"

    def distance(self, at: datetime) -> str:
        """Say how far away an instant is: `in 3 days`, `2 hours ago`."""
        seconds = int((at - self.now).total_seconds())
        if abs(seconds) < 1:
            return "now"
        words = span(abs(seconds))
        return f"in {words}" if seconds > 0 else f"{words} ago"

    def midnight(self, day: date) -> datetime:
        """Answer the instant at which a day begins."""
        return datetime.combine(day, time(), tzinfo=_zone(self.zone_name)).astimezone(UTC)

    def midnight_after(self, at: datetime) -> datetime:
        """Answer the next instant at which another day begins."""
        midnight = datetime.combine(
            self._local(at).date() + timedelta(days=1), time(), tzinfo=_zone(self.zone_name)
        )
        if midnight.astimezone(UTC) > at:
            return midnight.astimezone(UTC)
        # Clocks that were set back over midnight come to it once more.
        return midnight.replace(fold=1).astimezone(UTC)

    def _local(self, at: datetime) -> datetime:
        return at.astimezone(_zone(self.zone_name))

    def _full(self, local: datetime) -> str:
        return f"{self.weekday_text(local.date())} {local.year}, {local:%H:%M:%S} {self.zone}"


def span(seconds: int) -> str:
    """Say a length of time by its largest unit: `3 days`, `1 hour`, `40 seconds`."""
    for size, unit in ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute"), (1, "second")):
        if seconds >= size:
            return counted(seconds // size, unit)
    return "0 seconds"


def length(seconds: int) -> str:
    """Say a length of time by its two largest units: `4 min 12 s`, `2 h 5 min`, `3 d 4 h`."""
    units = ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min"), (1, "s"))
    words: list[str] = []
    for size, unit in units:
        number, seconds = divmod(seconds, size)
        if number:
            words.append(f"{number} {unit}")
        elif words:
            break
    return " ".join(words[:2]) or "0 s"


def counted(number: int, noun: str) -> str:
    """Say how many there are of something."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _machine(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


@lru_cache(maxsize=1_024)
def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return UTC
