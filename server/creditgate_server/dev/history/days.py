"""When in a day something may happen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TypeAlias

Beat: TypeAlias = tuple[datetime, ...]
"""Instants minutes apart: what begins with the first may go on at the others."""

# All stories share few instants, because each of them costs a round of everything.
_BEATS = 5
_BEAT = timedelta(days=1) / _BEATS
# Minutes between the instants of a beat, at least and at most.
_STEPS = ((2.0, 7.0), (4.0, 24.0))
_LONGEST = timedelta(minutes=sum(most for _, most in _STEPS))


@dataclass(frozen=True)
class Day:
    """A day of UTC: the `number`th, from 0, of so many."""

    number: int
    of: int
    start: datetime
    beats: tuple[Beat, ...]

    @property
    def progress(self) -> float:
        """How much of the time has passed, 0 to 1."""
        return self.number / self.of


def days_until(now: datetime, *, days: int, seed: str) -> Iterator[Day]:
    """The days before an instant and the one it lies in, in which nothing happens after it."""
    today = datetime(now.year, now.month, now.day, tzinfo=UTC)
    for number in range(days + 1):
        start = today - timedelta(days=days - number)
        random = Random(f"{seed} {number}")  # noqa: S311 - a story, not a secret
        drawn = (_beat(start + each * _BEAT, random) for each in range(_BEATS))
        beats = tuple(beat for beat in drawn if beat[-1] < now)
        yield Day(number, days, start, beats)


def _beat(start: datetime, random: Random) -> Beat:
    begins = start + (_BEAT - _LONGEST) * random.random()
    beat = [begins.replace(microsecond=0)]
    for step in _STEPS:
        beat.append(beat[-1] + timedelta(seconds=round(60 * random.uniform(*step))))
    return tuple(beat)
