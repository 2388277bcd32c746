"""Closed loops over several servers side by side: the table they make, and the ratios."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.figures import ratio
from bench.job import Measured
from bench.loads import Bench, median_round
from bench.section import Row

LEVELS = (1, 16, 64, 256)
COLUMNS = (
    "server", "in flight", "calls/s", "p50 ms", "p99 ms", "p99.9 ms", "server us/call",
    "PostgreSQL us/call", "driver us/call",
)  # fmt: skip

Rounds = dict[str, dict[int, list[Measured]]]


async def compare(
    bench: Bench, variants: Sequence[str], *, accounts: int, rounds: int = 0
) -> Rounds:
    """Measure each server at each level, in turns, so that all see the same machine."""
    found: Rounds = {each: {level: [] for level in LEVELS} for each in variants}
    loads = [{"in_flight": level} for level in LEVELS]
    for _ in range(rounds or bench.rounds):
        for variant in variants:
            measured = await bench.one_server(variant, loads, accounts=accounts)
            for level, each in zip(LEVELS, measured, strict=True):
                found[variant][level].append(each)
    return found


def rows(found: Rounds) -> list[Row]:
    """The median round of every server and level."""
    return [
        (variant, level, *_cells(median_round(rounds)))
        for variant, levels in found.items()
        for level, rounds in levels.items()
    ]


def figures(found: Rounds) -> dict[str, Any]:
    """Every round of every server and level."""
    return {
        variant: {str(level): [each.facts() for each in rounds] for level, rounds in levels.items()}
        for variant, levels in found.items()
    }


def throughput_ratio(found: Rounds, of: str, to: str, *, level: int) -> float:
    """Calls per second of one server as a multiple of another's."""
    over, under = (median_round(found[each][level]).per_second for each in (of, to))
    return ratio(over, under)


def best_ratio(found: Rounds, of: str, to: str) -> float:
    """The same, of the best that each reaches at any level."""
    over, under = (
        max(median_round(rounds).per_second for rounds in found[each].values()) for each in (of, to)
    )
    return ratio(over, under)


def _cells(measured: Measured) -> Row:
    latency = measured.latency_ms["reserve"]
    cpu = measured.cpu_us_per_call
    return (
        measured.per_second, latency["p50"], latency["p99"], latency["p99.9"],
        cpu["server"], cpu["postgres"], cpu["driver"],
    )  # fmt: skip
