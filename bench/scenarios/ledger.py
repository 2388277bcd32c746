"""The ledger without gRPC: lanes beside one transaction per call, from callers in one process."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Awaitable, Callable
from time import perf_counter, process_time
from typing import NamedTuple

from bench.cpu import seconds_of
from bench.database import Database
from bench.figures import latencies_ms, ratio
from bench.loads import Bench, WrongResultError
from bench.operations import Source
from bench.section import Ask, Row, Section
from creditgate_server.domain.operations import Operation
from creditgate_server.domain.outcomes import Outcome
from creditgate_server.domain.results import Result
from creditgate_server.lanes import Lanes
from creditgate_server.postgres.ledger import PostgresLedger

LEVELS = (1, 64, 256)
_PATIENT = {
    "acquire_timeout_ms": 30_000,
    "lock_timeout_ms": 30_000,
    "statement_timeout_ms": 30_000,
}

Submit = Callable[[Operation], Awaitable[Result]]
Cells = dict[tuple[int, str, int], "Load"]


class Load(NamedTuple):
    """What came of a number of callers; processor time in us per call, of ours and PostgreSQL's."""

    per_second: float
    latency_ms: dict[str, float]
    own_us: float
    postgres_us: float


async def run(bench: Bench) -> Section:
    found: Cells = {}
    for accounts in (10_000, 1):
        for way in ("direct", "lanes"):
            async with bench.cluster.database() as database:
                for level in LEVELS:
                    load = await _measure(bench, database, way, accounts=accounts, level=level)
                    found[accounts, way, level] = load
                    bench.say(f"{way}, {level} callers, {accounts} accounts: {load}")
                if broken := await database.broken():
                    raise WrongResultError(f"the ledger breaks {broken}")
    return _section(found)


def _section(found: Cells) -> Section:
    def gain(accounts: int) -> float:
        over, under = (found[accounts, way, 256].per_second for way in ("lanes", "direct"))
        return ratio(over, under)

    return Section(
        title="Reserve without gRPC: callers in the process of the lanes",
        columns=("accounts", "way", "callers", "calls/s", "p50 ms", "p99 ms", "p99.9 ms",
                 "Python us/call", "PostgreSQL us/call"),
        rows=[_row(*key, load) for key, load in found.items()],
        asks=[
            Ask.at_least(
                "the same without gRPC: lanes, as a multiple of one transaction per call, 256",
                wanted=4, measured=gain(10_000),
            ),
            Ask.at_least(
                "the same without gRPC, one hot account, 256", wanted=8, measured=gain(1)
            ),
        ],
        figures={" ".join(map(str, key)): load._asdict() for key, load in found.items()},
    )  # fmt: skip


def _row(accounts: int, way: str, level: int, load: Load) -> Row:
    p50, p99, p999 = (load.latency_ms[name] for name in ("p50", "p99", "p99.9"))
    return (accounts, way, level, load.per_second, p50, p99, p999, load.own_us, load.postgres_us)


async def _measure(
    bench: Bench, database: Database, way: str, *, accounts: int, level: int
) -> Load:
    names = f"{way}-{accounts}-{level}-"
    source = Source(database.tenant.tenant_id, accounts=accounts, names=names)
    settings = database.settings.with_(**_PATIENT) if way == "direct" else database.settings
    async with database.pool(settings) as pool:
        ledger = PostgresLedger(pool)
        submit = _direct(ledger) if way == "direct" else _through_lanes(ledger)
        await _callers(source, submit, level, seconds=0.5)
        postgres, own, begun = seconds_of(bench.cluster.pid), process_time(), perf_counter()
        taken = await _callers(source, submit, level, seconds=bench.seconds / 2)
        seconds, own = perf_counter() - begun, process_time() - own
        postgres = seconds_of(bench.cluster.pid) - postgres
    there = await database.holds(names)
    if there["holds"] != source.made:
        raise WrongResultError(f"{there} in the database, {source.made} granted")
    each_us = 1e6 / len(taken)
    return Load(
        round(len(taken) / seconds, 1), latencies_ms(taken),
        round(own * each_us, 1), round(postgres * each_us, 1),
    )  # fmt: skip


def _direct(ledger: PostgresLedger) -> Submit:
    async def submit(operation: Operation) -> Result:
        return (await ledger.apply([operation]))[0]

    return submit


def _through_lanes(ledger: PostgresLedger) -> Submit:
    lanes: Lanes[Operation, Result] = Lanes(
        ledger.apply, lanes=2, batch_max=256, queue_max=4_096, reserve_queue_max=2_048
    )

    def submit(operation: Operation) -> Awaitable[Result]:
        return lanes.submit(operation.bucket, operation, urgent=False)

    return submit


async def _callers(source: Source, submit: Submit, level: int, *, seconds: float) -> array[float]:
    """Let so many callers call, one call after the other; answer how long each call took."""
    taken = array("d")
    until = perf_counter() + seconds

    async def call() -> None:
        while (begun := perf_counter()) < until:
            result = await submit(source.reserve())
            if result.outcome != Outcome.GRANTED:
                raise WrongResultError(f"the ledger answered {result}")
            taken.append(perf_counter() - begun)

    await asyncio.gather(*(call() for _ in range(level)))
    return taken
