"""Thousands of calls that renew over one stream: in real time, and their whole life in a hurry."""

from __future__ import annotations

from typing import Any

from bench.life.calls import RENEW
from bench.life.tell import Told, tell
from bench.loads import Bench
from bench.section import Ask, Row, Section

LINES = 5_000
"""Calls at once; in a line that has hung up somebody rings again."""
FACTOR = 3.0
_KINDS = ("reserve", "renew", "commit", "release")


async def run(bench: Bench, *, lines: int = LINES, factor: float = FACTOR) -> Section:
    """`bench.seconds` is not asked: a renewal takes 30 s."""
    usual: dict[str, Any] = {"kind": "calls", "actors": lines, "rich": 200, "poor": 20}
    # Long enough for each call that lasts to renew twice while it is measured.
    now = usual | {"hold_seconds": 60.0, "warm_until": 45.0, "ends_at": 48.0 + 2 * RENEW}
    soon = usual | {
        "seed": 2, "factor": factor, "hold_seconds": 60.0, "warm_until": 60.0, "ends_at": 480.0,
        "crash_at": 330.0, "cuts": (200.0, 400.0), "topup_at": 300.0, "topup_micros": 10 * 10**6,
    }  # fmt: skip
    found = {
        "1": await tell(bench, **now),
        f"{factor:g}": await tell(bench, **soon),
    }
    return _section(found, lines)


def _section(found: dict[str, Told], lines: int) -> Section:
    real = found["1"]
    return Section(
        title=f"{lines:,} calls at once on one Authorize stream, renewed every {RENEW} s",
        columns=("times as fast", "calls on the stream/s", "call", "p50 ms", "p99 ms", "p99.9 ms",
                 "driver cores", "server cores", "PostgreSQL cores"),
        rows=[row for factor, told in found.items() for row in _rows(factor, told)],
        asks=[
            Ask.at_most(
                f"{lines:,} calls renewing every {RENEW} s on one stream: the gateway's processor",
                wanted=1, measured=real.cores["driver"], unit="cores",
            ),
            Ask.at_most(
                "the same: the server's processor", wanted=1, measured=real.cores["server"],
                unit="cores",
            ),
        ],
        notes=[exact(factor, told) for factor, told in found.items()],
        figures={factor: told.facts() for factor, told in found.items()},
    )  # fmt: skip


def _rows(factor: str, told: Told) -> list[Row]:
    return [
        (factor, told.per_second, kind, *(latency[p] for p in ("p50", "p99", "p99.9")),
         told.cores["driver"], told.cores["server"], told.cores["postgres"])
        for kind in _KINDS
        if (latency := told.lived.latency_ms.get(kind))
    ]  # fmt: skip


def exact(factor: str, told: Told) -> str:
    counts = ", ".join(f"{what} {number:,}" for what, number in told.lived.counts.items())
    audited = told.audited
    return (
        f"{factor} x: {counts}. Exact to the micro-credit: {audited['holds']:,} holds,"
        f" {audited['entries']:,} entries of {audited['accounts']:,} statements,"
        f" {audited['charged_micros'] / 1e6:,.6f} credits charged."
    )
