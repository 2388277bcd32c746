"""One caller, one call at a time: what it waits for, and what it would wait for at least."""

from __future__ import annotations

from array import array
from statistics import median
from time import perf_counter

import asyncpg

from bench.database import Connection, Database
from bench.figures import latencies_ms, ratio
from bench.job import Measured
from bench.loads import Bench, WrongResultError, check
from bench.section import Ask, Row, Section
from bench.stack import Server, running

ROUNDS = 8
_ROWS = 10_000
_TABLE = f"""
CREATE TABLE single AS SELECT n AS id, 0::bigint AS held_micros, 0::bigint AS version
  FROM generate_series(0, {_ROWS - 1}) AS n;
ALTER TABLE single ADD PRIMARY KEY (id);
ANALYZE single
"""
_UPDATE = """
UPDATE single SET held_micros = held_micros + $2, version = version + 1
 WHERE id = $1 RETURNING held_micros, version
"""


async def run(bench: Bench) -> Section:
    found: dict[str, list[dict[str, float]]] = {"echo": [], "transaction": [], "lanes": []}
    cpu: list[Measured] = []
    async with (
        bench.cluster.database() as database,
        running("echo", database) as echo,
        running("lanes", database) as lanes,
        database.connection() as connection,
    ):
        await connection.execute(_TABLE)
        for number in range(ROUNDS):
            alone = await _alone(bench, "echo", echo, database, number)
            found["echo"].append(alone.latency_ms["reserve"])
            found["transaction"].append(await _transactions(connection, bench.seconds / 2))
            alone = await _alone(bench, "lanes", lanes, database, number)
            found["lanes"].append(alone.latency_ms["reserve"])
            cpu.append(alone)
        if broken := await database.broken():
            raise WrongResultError(f"the ledger breaks {broken}")
    return _section(found, cpu)


def _section(found: dict[str, list[dict[str, float]]], calls: list[Measured]) -> Section:
    p50 = {name: median(each["p50"] for each in rounds) for name, rounds in found.items()}
    floor = p50["echo"] + p50["transaction"]
    waited = ratio(p50["lanes"], floor)
    rows: list[Row] = [
        (_NAMES[name], *(median(each[p] for each in rounds) for p in ("p50", "p99", "p99.9")))
        for name, rounds in found.items()
    ]
    server, postgres = (
        median(each.cpu_us_per_call[name] for each in calls) for name in ("server", "postgres")
    )
    return Section(
        title="A lone caller",
        columns=("what", "p50 ms", "p99 ms", "p99.9 ms"),
        rows=rows,
        asks=[
            Ask.at_most(
                "a lone caller's p50, as a multiple of echo + one durable single-row transaction",
                wanted=1.3,
                measured=waited,
            )
        ],
        notes=[
            f"Medians of {ROUNDS} rounds, in turns.",
            f"Processor time of a Reserve: server {server:.0f} us, PostgreSQL {postgres:.0f} us.",
        ],
        figures={"rounds": found, "lanes": [each.facts() for each in calls]},
    )


_NAMES = {
    "echo": "echo on the same stack",
    "transaction": "UPDATE of one row by its key, durable, through asyncpg",
    "lanes": "Reserve",
}


async def _alone(
    bench: Bench, variant: str, server: Server, database: Database, number: int
) -> Measured:
    names = f"{variant}-{number}-"
    job = bench.job(server, database, names=names, in_flight=1, connections=1,
                    seconds=bench.seconds / 2, warm_seconds=0.3)  # fmt: skip
    measured = await bench.measure(f"{variant}, one caller", server, job)
    await check(variant, database, job, measured)
    return measured


async def _transactions(connection: Connection, seconds: float) -> dict[str, float]:
    """The latency of one durable single-row transaction after the other."""
    statement = await connection.prepare(_UPDATE)
    taken, number = array("d"), 0
    until = perf_counter() + seconds
    while (begun := perf_counter()) < until:
        row: asyncpg.Record | None = await statement.fetchrow(number * 7919 % _ROWS, 1)
        assert row is not None, "the row is there"
        taken.append(perf_counter() - begun)
        number += 1
    return latencies_ms(taken)
