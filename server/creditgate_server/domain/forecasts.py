"""Where consumption leads: averages, projections, and when credits run out."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

DAY = timedelta(hours=24)
WEEK = 7 * DAY
FORESEEN_MAX = timedelta(days=3650)
"""How far ahead anything is foreseen."""

_INT64_MAX = 2**63 - 1
_MICROSECOND = timedelta(microseconds=1)


class OpenCalls(NamedTuple):
    """Open calls whose next second costs the same: `price_micros` for `unit_size` seconds.

    `held_micros` is what they hold together.
    """

    number: int
    price_micros: int
    unit_size: int
    held_micros: int


class Pace(NamedTuple):
    """What was consumed in a span of time up to now."""

    consumed_micros: int
    span: timedelta

    def over(self, span: timedelta) -> Fraction:
        """Answer what a span consumes at this pace, in micro-credits; below none it is none."""
        return Fraction(max(self.consumed_micros, 0) * micros(span), micros(self.span))


def pace(recent_micros: int, *, age: timedelta) -> Pace:
    """Answer the pace of the last week, or of an account's age where it is younger."""
    return Pace(recent_micros, max(min(age, WEEK), DAY))


def average_micros(consumed_micros: int, elapsed: timedelta) -> int:
    """Answer what a day has consumed on average; what is shorter than a day counts as one."""
    return nearest(Fraction(consumed_micros * micros(DAY), micros(max(elapsed, DAY))))


def projected_micros(consumed_micros: int, at: Pace, *, left: timedelta) -> int:
    """Answer what will have been consumed when a pace is kept for what is left of a period."""
    return consumed_micros + nearest(at.over(max(left, timedelta())))


def run_out_at(available_micros: int, at: Pace, *, now: datetime) -> datetime | None:
    """Answer when credits are used up at a pace; None where that is not foreseen."""
    if available_micros <= 0:
        return now
    left = _lasting(available_micros, at.over(DAY), DAY)
    return None if left is None else now + left


def calls_run_out(available_micros: int, calls: Iterable[OpenCalls]) -> timedelta | None:
    """Answer how long calls can go on together; None where that is not foreseen."""
    costly = [each for each in calls if each.price_micros > 0]
    second = sum(
        (Fraction(each.number * each.price_micros, each.unit_size) for each in costly), Fraction()
    )
    funds = sum(each.held_micros for each in costly) + max(available_micros, 0)
    return _lasting(funds, second, timedelta(seconds=1))


def nearest(value: Fraction) -> int:
    """Round to the nearest whole number, half up."""
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)


def bounded(value: int) -> int:
    """Keep a sum within what messages carry: only more credits than there ever are go beyond."""
    return max(min(value, _INT64_MAX), -_INT64_MAX)


def micros(span: timedelta) -> int:
    """Count the microseconds of a span."""
    return span // _MICROSECOND


def _lasting(funds_micros: int, cost: Fraction, each: timedelta) -> timedelta | None:
    """Answer how long funds last that are used up at a cost for each span of time."""
    if cost <= 0:
        return None
    lasting = funds_micros * micros(each) // cost
    return lasting * _MICROSECOND if lasting <= micros(FORESEEN_MAX) else None
