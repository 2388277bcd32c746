"""One caller, one call at a time: what it waits for, and what it would wait for at least."""

from __future__ import annotations

from array import array
from statistics import median
from time import perf_counter
from typing import Any

import asyncpg
import grpc

from bench.database import Connection, Database
from bench.figures import latencies_ms, ratio
from bench.job import Job, Measured
from bench.loads import Bench, WrongResultError, check
from bench.section import Ask, Row, Section
from bench.stack import Server, running
from bench.work import reserves
from creditgate.v1 import authorization_service_pb2 as pb

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
_NAMES = {
    "transaction": "UPDATE of one row by its key, durable, through asyncpg",
    "echo": "echo on the same stack, light driver",
    "lanes": "Reserve, light driver",
    "echo, grpcio": "echo on the same stack, grpcio's client",
    "lanes, grpcio": "Reserve, grpcio's client",
}

Rounds = dict[str, list[dict[str, float]]]


async def run(bench: Bench) -> Section:
    found: Rounds = {name: [] for name in _NAMES}
    calls: list[Measured] = []
    async with (
        bench.cluster.database() as database,
        running("echo", database) as echo,
        running("lanes", database) as lanes,
        database.connection() as connection,
    ):
        await connection.execute(_TABLE)
        for number in range(ROUNDS):
            found["transaction"].append(await _transactions(connection, bench.seconds / 4))
            for variant, server in (("echo", echo), ("lanes", lanes)):
                names = f"{variant}-{number}-"
                job = bench.job(server, database, names=names, connections=1,
                                seconds=bench.seconds / 4, warm_seconds=0.3)  # fmt: skip
                alone = await bench.measure(f"{variant}, one caller", server, job)
                await check(variant, database, job, alone)
                found[variant].append(alone.latency_ms["reserve"])
                found[f"{variant}, grpcio"].append(await _through_grpcio(job, server, database))
                calls += [alone] if variant == "lanes" else []
        if broken := await database.broken():
            raise WrongResultError(f"the ledger breaks {broken}")
    return _section(found, calls)


def _section(found: Rounds, calls: list[Measured]) -> Section:
    p50 = {name: median(each["p50"] for each in rounds) for name, rounds in found.items()}

    def ask(client: str, what: str) -> Ask:
        floor = p50[f"echo{client}"] + p50["transaction"]
        waited = ratio(p50[f"lanes{client}"], floor)
        text = f"a lone caller's p50 ({what}), by echo + one durable single-row transaction"
        return Ask.at_most(text, wanted=1.3, measured=waited)

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
        asks=[ask("", "light driver"), ask(", grpcio", "grpcio's client")],
        notes=[
            f"Medians of {ROUNDS} rounds, in turns.",
            f"Processor time of a Reserve: server {server:.0f} us, PostgreSQL {postgres:.0f} us.",
        ],
        figures={"rounds": found, "lanes": [each.facts() for each in calls]},
    )


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


async def _through_grpcio(job: Job, server: Server, database: Database) -> dict[str, float]:
    """The latency of one Reserve after the other, called as most callers will, from here."""
    taken = array("d")
    requests = reserves(job, 1)
    metadata = (("authorization", f"Bearer {database.tenant.api_key}"),)
    async with grpc.aio.insecure_channel(f"{server.host}:{server.port}") as channel:
        path = next(requests).path.decode()
        call: Any = channel.unary_unary(path, response_deserializer=pb.ReserveResponse.FromString)
        warm_until = perf_counter() + 0.2
        until = warm_until + job.seconds
        while (begun := perf_counter()) < until:
            answer = await call(next(requests).message, metadata=metadata, timeout=30)
            if answer.decision != pb.DECISION_GRANTED:
                raise WrongResultError(f"a Reserve was answered {answer}")
            if begun > warm_until:
                taken.append(perf_counter() - begun)
    return latencies_ms(taken)
