"""Users who chat in bursts, change their minds, and whose agents ask again and crash."""

from __future__ import annotations

from bench.life.tell import Told, tell
from bench.loads import Bench
from bench.scenarios.calls import exact
from bench.section import Row, Section

USERS = 2_000
FACTOR = 2.0
_KINDS = ("reserve", "reserve message", "extend", "commit", "commit message")


async def run(bench: Bench, *, users: int = USERS, factor: float = FACTOR) -> Section:
    """`bench.seconds` is not asked: a conversation takes as long as it takes."""
    told = await tell(
        bench, kind="chat", hold_seconds=60.0, actors=users, rich=100, poor=20,
        factor=factor, warm_until=60.0, ends_at=240.0, topup_at=120.0, topup_micros=10 * 10**6,
    )  # fmt: skip
    return Section(
        title=f"Chat: {users:,} users in bursts, {factor:g} times as fast as in life",
        columns=("calls/s", "call", "p50 ms", "p99 ms", "p99.9 ms", "driver cores",
                 "server cores", "PostgreSQL cores"),
        rows=_rows(told),
        notes=["Latencies count from when a call was due.", exact("Chat", told)],
        figures=told.facts(),
    )  # fmt: skip


def _rows(told: Told) -> list[Row]:
    return [
        (told.per_second, kind, *(latency[p] for p in ("p50", "p99", "p99.9")),
         told.cores["driver"], told.cores["server"], told.cores["postgres"])
        for kind in _KINDS
        if (latency := told.lived.latency_ms.get(kind))
    ]  # fmt: skip
