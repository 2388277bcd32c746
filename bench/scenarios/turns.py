"""Reserve, Extend and Commit of one hold after the other: what an agent's turn does."""

from __future__ import annotations

from bench.loads import Bench
from bench.section import Section

LEVELS = (16, 64, 256)


async def run(bench: Bench) -> Section:
    loads = [{"work": "turns", "in_flight": level} for level in LEVELS]
    measured = await bench.one_server("lanes", loads)
    return Section(
        title="Turns (Reserve, Extend, Commit) in a closed loop, 10,000 accounts",
        columns=(
            "in flight", "calls/s", "call", "p50 ms", "p99 ms", "p99.9 ms", "server us/call",
            "PostgreSQL us/call",
        ),
        rows=[
            (level, each.per_second, kind, latency["p50"], latency["p99"], latency["p99.9"],
             each.cpu_us_per_call["server"], each.cpu_us_per_call["postgres"])
            for level, each in zip(LEVELS, measured, strict=True)
            for kind, latency in each.latency_ms.items()
        ],
        notes=["Calls per second and processor time are of all three kinds together."],
        figures={str(n): each.facts() for n, each in zip(LEVELS, measured, strict=True)},
    )  # fmt: skip
