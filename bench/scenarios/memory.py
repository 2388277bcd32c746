"""A million calls to one server: does it keep what it has served?"""

from __future__ import annotations

import asyncio
from statistics import linear_regression, mean

from bench.cpu import resident_mb
from bench.loads import Bench, WrongResultError, check
from bench.section import Ask, Section
from bench.stack import running

CALLS = 1_000_000
IN_FLIGHT = 128
SAMPLE_SECONDS = 2.0
_WARM_SHARE = 0.2


async def run(bench: Bench) -> Section:
    """Reserve and Commit, so that the database's open holds do not pile up."""
    async with (
        bench.cluster.database() as database,
        running("lanes", database, CREDITGATE_RECONCILE_INTERVAL_MS="600000") as server,
    ):
        job = bench.job(
            server, database, names="cycle-", work="cycles", in_flight=IN_FLIGHT, connections=4,
            calls_max=CALLS, seconds=3_600.0,
        )  # fmt: skip
        samples: list[float] = []
        watching = asyncio.create_task(_watch(server.pid, samples))
        measured = await bench.measure(f"{CALLS:,} calls", server, job)
        watching.cancel()
        await check("lanes", database, job, measured)
        if broken := await database.broken():
            raise WrongResultError(f"the ledger breaks {broken}")
    # What is allocated at first (connections, caches, plans) is no leak.
    settled = samples[int(len(samples) * _WARM_SHARE) :]
    slope, _ = linear_regression(range(len(settled)), settled)
    grown = slope * len(settled)
    return Section(
        title=f"Memory of the server over {measured.calls:,} calls",
        columns=("first MB", "after a fifth MB", "last MB", "mean MB", "calls/s"),
        rows=[(samples[0], settled[0], samples[-1], mean(settled), measured.per_second)],
        asks=[
            Ask.at_most(
                "memory, growth over the last four fifths of 1 M calls", wanted=5,
                measured=grown, unit="MB",
            )
        ],
        figures={"resident_mb": [round(each, 1) for each in samples], "load": measured.facts()},
    )  # fmt: skip


async def _watch(pid: int, samples: list[float]) -> None:
    while True:
        samples.append(resident_mb(pid))
        await asyncio.sleep(SAMPLE_SECONDS)
