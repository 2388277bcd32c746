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
CLIENT, STREAM = "calls of the client", "calls of a gateway of its own"
_KINDS = ("reserve", "renew", "transfer", "commit", "release")


async def run(bench: Bench, *, lines: int = LINES, factor: float = FACTOR) -> Section:
    """`bench.seconds` is not asked: a renewal takes 30 s."""
    usual: dict[str, Any] = {"kind": "calls", "actors": lines, "rich": 200, "poor": 20}
    # Long enough for each call that lasts to renew twice while it is measured.
    now = usual | {"hold_seconds": 60.0, "warm_until": 45.0, "ends_at": 45.0 + 2 * RENEW}
    clients = now | {"kind": "clients", "tolerance": 3}
    soon = usual | {
        "seed": 2, "factor": factor, "hold_seconds": 60.0, "warm_until": 60.0, "ends_at": 480.0,
        "crash_at": 330.0, "cuts": (200.0, 400.0), "topup_at": 300.0, "topup_micros": 10 * 10**6,
    }  # fmt: skip
    found = {
        CLIENT: await tell(bench, **clients),
        STREAM: await tell(bench, **now),
        f"the same, {factor:g} times as fast": await tell(bench, **soon),
    }
    return _section(found, lines)


def _section(found: dict[str, Told], lines: int) -> Section:
    what = f"{lines:,} calls at once on one stream, renewed every {RENEW} s"
    asks = {
        f"{what}: processor of a gateway with the client's calls": found[CLIENT].cores["driver"],
        "the same: processor of a gateway of its own": found[STREAM].cores["driver"],
        "the same: processor of the server": found[STREAM].cores["server"],
    }
    return Section(
        title=what,
        columns=("how", "calls/s", "call", "p50 ms", "p99 ms", "p99.9 ms", "gateway's cores",
                 "server's cores", "PostgreSQL's cores"),
        rows=[row for how, told in found.items() for row in _rows(how, told)],
        asks=[
            Ask.at_most(ask, wanted=1, measured=cores, unit="cores") for ask, cores in asks.items()
        ],
        notes=[exact(how, told) for how, told in found.items()],
        figures={how: told.facts() for how, told in found.items()},
    )  # fmt: skip


def _rows(how: str, told: Told) -> list[Row]:
    return [
        (how, told.per_second, kind, *(latency[p] for p in ("p50", "p99", "p99.9")),
         told.cores["driver"], told.cores["server"], told.cores["postgres"])
        for kind in _KINDS
        if (latency := told.lived.latency_ms.get(kind))
    ]  # fmt: skip


def exact(how: str, told: Told) -> str:
    counts = ", ".join(f"{what} {number:,}" for what, number in told.lived.counts.items())
    audited = told.audited
    return (
        f"{how}: {counts}. Exact to the micro-credit: {audited['holds']:,} holds,"
        f" {audited['entries']:,} entries of {audited['accounts']:,} statements,"
        f" {audited['charged_micros'] / 1e6:,.6f} credits charged."
    )
