"""How long sessions and calls took, and how many messages sessions had."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

from creditgate_server.dashboard.charts.columns import LOW, Column, Columns, columns
from creditgate_server.domain.usage import Distribution, UsageMeasure

from .clock import counted, length

BOUNDS = {
    UsageMeasure.SESSION_SECONDS: (60, 300, 600, 1_800, 3_600),
    UsageMeasure.SESSION_MESSAGES: (2, 4, 6, 11, 21),
    UsageMeasure.CALL_SECONDS: (60, 120, 300, 600, 1_200),
}
"""Where the bins of each measure meet."""
_TITLES = {
    UsageMeasure.SESSION_SECONDS: ("Minutes of a conversation", "conversation"),
    UsageMeasure.SESSION_MESSAGES: ("Messages in a conversation", "conversation"),
    UsageMeasure.CALL_SECONDS: ("Minutes of a call", "call"),
}


class Lengths(NamedTuple):
    """A distribution: its chart, and in words what is usual."""

    title: str
    usual: str
    chart: Columns


def lengths(measure: UsageMeasure, of: Distribution) -> Lengths | None:
    """Show a distribution; None where nothing was measured."""
    if not of.total:
        return None
    title, noun = _TITLES[measure]
    say = _say(measure)
    ranges = _ranges(measure)
    drawn = [
        Column(tip=f"{words}: {counted(count, noun)}", amount=count, tick=words)
        for words, count in zip(ranges, of.counts, strict=True)
    ]
    told = ", ".join(f"{each.tick}: {each.amount:,}" for each in drawn)
    chart = columns(
        f"lengths-{measure.value}",
        drawn,
        average=None,
        title=title,
        description=f"{counted(of.total, noun)}. {told}.",
        label=lambda count: f"{count:,}",
        high=LOW,
    )
    usual = f"half at most {say(of.p50)}, nine of ten at most {say(of.p90)}"
    return Lengths(title, usual, chart)


def _say(measure: UsageMeasure) -> Callable[[int], str]:
    if measure == UsageMeasure.SESSION_MESSAGES:
        return lambda number: f"{number:,}"
    return length


def _ranges(measure: UsageMeasure) -> Sequence[str]:
    """Say which values are in each bin: messages, or minutes."""
    bounds = BOUNDS[measure]
    if measure == UsageMeasure.SESSION_MESSAGES:
        pairs = pairwise(bounds)
        return (f"<{bounds[0]}", *(f"{low}–{high - 1}" for low, high in pairs), f"{bounds[-1]}+")
    minutes = [seconds // 60 for seconds in bounds]
    spans = (f"{low}–{high}" for low, high in pairwise(minutes))
    return (f"<{minutes[0]}", *spans, f"{minutes[-1]}+")
