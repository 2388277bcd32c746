"""Percentiles of what was measured: every value counts, none is estimated from buckets."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from math import ceil
from statistics import median

PERCENTS = (50.0, 99.0, 99.9)


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The smallest value that at least `percent` of them do not exceed; they are in order."""
    return ordered[max(ceil(len(ordered) * percent / 100) - 1, 0)]


def latencies_ms(seconds: array[float]) -> dict[str, float]:
    """The percentiles and the maximum, in milliseconds; nothing where nothing was measured."""
    if not seconds:
        return {}
    ordered = sorted(seconds)
    found = {f"p{percent:g}": percentile(ordered, percent) * 1e3 for percent in PERCENTS}
    return {name: round(value, 3) for name, value in (found | {"max": ordered[-1] * 1e3}).items()}


def middle(values: Iterable[float]) -> float:
    """The median."""
    return median(values)


def ratio(of: float, to: float) -> float:
    """One figure as a multiple of another; 0 where there is no other."""
    return of / to if to else 0.0
