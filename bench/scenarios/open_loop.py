"""Calls that come at their times whatever the server does: latency without coordinated omission."""

from __future__ import annotations

from typing import Any

from bench.job import Measured
from bench.loads import Bench
from bench.section import Row, Section

RATES = (200, 500, 1_000, 1_500)
_RUNS = (("lanes", 10_000, RATES), ("lanes", 1, RATES), ("direct", 10_000, RATES[:2]))


async def run(bench: Bench) -> Section:
    rows: list[Row] = []
    figures: dict[str, Any] = {}
    for variant, accounts, rates in _RUNS:
        # Callers give up after five seconds, and so bound what a rate that is too high piles up.
        loads = [{"rate": float(rate), "in_flight": 4, "timeout_seconds": 5} for rate in rates]
        measured = await bench.one_server(variant, loads, accounts=accounts)
        rows += [_row(variant, accounts, *each) for each in zip(rates, measured, strict=True)]
        figures[f"{variant}, {accounts} accounts"] = [each.facts() for each in measured]
    return Section(
        title="Reserve in an open loop",
        columns=(
            "server", "accounts", "calls/s", "p50 ms", "p99 ms", "p99.9 ms", "not granted",
            "server us/call", "PostgreSQL us/call", "driver late p99 ms",
        ),
        rows=rows,
        notes=[
            "Calls begin at fixed times, and a latency counts from the time the call was to begin."
        ],
        figures=figures,
    )  # fmt: skip


def _row(variant: str, accounts: int, rate: int, measured: Measured) -> Row:
    latency = measured.latency_ms["reserve"]
    others = sum(n for verdict, n in measured.answered.items() if verdict != "reserve granted")
    cpu = measured.cpu_us_per_call
    return (
        variant, accounts, rate, latency["p50"], latency["p99"], latency["p99.9"], others,
        cpu["server"], cpu["postgres"], measured.late_ms["p99"],
    )  # fmt: skip
