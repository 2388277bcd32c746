"""Reserve and Commit on accounts with plans, beside the same on accounts with a single grant."""

from __future__ import annotations

from itertools import product
from statistics import median

from bench.database import Database
from bench.figures import ratio
from bench.job import Measured
from bench.loads import Bench, WrongResultError, check
from bench.operations import Source
from bench.scenarios.sql import Batches, cell
from bench.section import Ask, Row, Section
from bench.stack import running
from bench.subscriptions import FULL, subscribe

ACCOUNTS = 10_000
IN_FLIGHT = 64
ROUNDS = 6
SIZES = (1, 64)
SQL_ROUNDS = 3
_KINDS = ("reserve", "commit")

Databases = dict[str, Database]
Calls = dict[str, list[Measured]]
Cells = dict[tuple[str, int], dict[str, list[float]]]
"""Processor time of PostgreSQL per operation by kind, size of the batch, and database."""


async def run(bench: Bench) -> Section:
    async with (
        bench.cluster.database(accounts=ACCOUNTS) as core,
        bench.cluster.database(accounts=ACCOUNTS) as plans,
    ):
        await subscribe(plans, FULL, accounts=ACCOUNTS)
        bench.say(f"{ACCOUNTS:,} accounts have a plan, and three live grants each")
        databases = {"core": core, "plans": plans}
        calls, cells = await _calls(bench, databases), await _cells(bench, databases)
        for name, database in databases.items():
            await _as_meant(name, database)
    return _section(calls, cells)


async def _calls(bench: Bench, databases: Databases) -> Calls:
    found: Calls = {name: [] for name in databases}
    async with (
        running("lanes", databases["core"]) as core,
        running("lanes", databases["plans"]) as plans,
    ):
        pairs = [("core", core), ("plans", plans)]
        for number in range(ROUNDS):
            # Each goes first every other time.
            for name, server in pairs if number % 2 else reversed(pairs):
                job = bench.job(
                    server, databases[name], names=f"{name}-{number}-", in_flight=IN_FLIGHT,
                    connections=4, work="cycles", accounts=ACCOUNTS, seed=number,
                )  # fmt: skip
                measured = await bench.measure(f"cycles, {name}", server, job)
                await check("lanes", databases[name], job, measured)
                found[name].append(measured)
    return found


async def _cells(bench: Bench, databases: Databases) -> Cells:
    """What apply() alone costs PostgreSQL, in turns."""
    found: Cells = {}
    async with (
        databases["core"].pool() as core,
        databases["plans"].pool() as plans,
        core.connection() as of_core,
        plans.connection() as of_plans,
    ):
        connections = {"core": of_core, "plans": of_plans}
        for kind, size in product(_KINDS, SIZES):
            batches = {
                name: Batches(kind, _source(each, f"sql-{kind}-{size}-"))
                for name, each in databases.items()
            }
            cpu: dict[str, list[float]] = {name: [] for name in databases}
            for name in [*databases] * SQL_ROUNDS:
                used, _ = await cell(connections[name], batches[name], size, bench.seconds)
                cpu[name].append(used)
            bench.say(f"apply(), {kind} in batches of {size}, us: {cpu}")
            found[kind, size] = cpu
    return found


def _source(database: Database, names: str) -> Source:
    return Source(database.tenant.tenant_id, accounts=ACCOUNTS, names=names)


async def _as_meant(name: str, database: Database) -> None:
    """Make sure that the accounts were what they are said to have been."""
    async with database.connection() as connection:
        live = await connection.fetchval(
            "SELECT min(n) FROM (SELECT count(*) AS n FROM creditgate.grants WHERE spendable"
            " GROUP BY account_key) AS each"
        )
    if live != (3 if name == "plans" else 1):
        raise WrongResultError(f"{name}: the accounts have {live} live grants")
    if broken := await database.broken():
        raise WrongResultError(f"{name}: the ledger breaks {broken}")


def _section(calls: Calls, cells: Cells) -> Section:
    more = ratio(_cpu(calls["plans"]), _cpu(calls["core"]))
    throughput = {name: median(each.per_second for each in of) for name, of in calls.items()}
    applied: list[Row] = [
        (f"apply(), {kind}, batches of {size}", name, "", "", "", "", median(cpu))
        for (kind, size), by_name in cells.items()
        for name, cpu in by_name.items()
    ]
    return Section(
        title=f"Plans, {IN_FLIGHT} in flight, {ACCOUNTS:,} accounts",
        columns=("what", "accounts", "calls/s", "reserve p50 ms", "commit p50 ms",
                 "server us/call", "PostgreSQL us/call"),
        rows=[*(_row(name, of) for name, of in calls.items()), *applied],
        asks=[
            Ask.at_most(
                "Reserve and Commit with a plan, three live grants, limits and thresholds: time"
                " per call, by the core's",
                wanted=1.25, measured=ratio(throughput["core"], throughput["plans"]),
            )
        ],
        notes=[
            f"Medians of {ROUNDS} rounds, in turns. `core` is accounts with one grant and no plan.",
            f"Processor time of the server and PostgreSQL, by the core's: {more:.2f} x.",
        ],
        figures={name: [each.facts() for each in of] for name, of in calls.items()}
        | {f"apply {kind} {size}": each for (kind, size), each in cells.items()},
    )  # fmt: skip


def _row(name: str, rounds: list[Measured]) -> Row:
    return (
        "Reserve and Commit", name, median(each.per_second for each in rounds),
        *(median(each.latency_ms[kind]["p50"] for each in rounds) for kind in _KINDS),
        *(median(each.cpu_us_per_call[of] for each in rounds) for of in ("server", "postgres")),
    )  # fmt: skip


def _cpu(rounds: list[Measured]) -> float:
    return median(
        each.cpu_us_per_call["server"] + each.cpu_us_per_call["postgres"] for each in rounds
    )
