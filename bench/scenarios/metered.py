"""Reserve by usage, which the ledger prices, beside Reserve by amount."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from statistics import median

from bench.database import Database
from bench.figures import ratio
from bench.job import Job, Measured
from bench.loads import Bench, WrongResultError, check
from bench.operations import Source
from bench.prices import find
from bench.scenarios.sql import Batches, cell
from bench.section import Ask, Row, Section
from bench.stack import Server, running
from bench.subscriptions import price_all
from bench.work import AMOUNT_MICROS, USAGES
from creditgate_server.domain.rates import Usage

LEVELS = (256, 1)
ROUNDS = 4
SIZES = (1, 64)
SQL_ROUNDS = 5
_WORKS = {"amount": "reserves", "usage": "metered", "four usages": "lines"}
_METERS = {"amount": 0, "usage": 1, "four usages": len(USAGES)}
_ASKED = 1.15
_HELD = """
SELECT count(*), coalesce(sum(held_micros), 0)::bigint FROM creditgate.holds
 WHERE starts_with(hold_id, $1)
"""

Calls = dict[tuple[int, str], list[Measured]]
"""Rounds by calls in flight and what was reserved by."""
Cells = dict[tuple[int, str], list[float]]
"""Processor time of PostgreSQL per operation by size of the batch and what was reserved by."""


async def run(bench: Bench) -> Section:
    async with bench.cluster.database() as database:
        await price_all(database)
        async with running("lanes", database) as server:
            calls = await _calls(bench, server, database)
        cells = await _cells(bench, database)
        if broken := await database.broken():
            raise WrongResultError(f"the ledger breaks {broken}")
    return _section(calls, cells)


async def _calls(bench: Bench, server: Server, database: Database) -> Calls:
    """Put both loads on one server, in turns; each goes first every other time."""
    found: Calls = {key: [] for key in product(LEVELS, _WORKS)}
    for level, number in product(LEVELS, range(ROUNDS)):
        for by in _WORKS if number % 2 else reversed(_WORKS):
            job = bench.job(
                server, database, names=f"{_WORKS[by]}-{level}-{number}-", work=_WORKS[by],
                seed=number, in_flight=level, connections=min(4, level),
            )  # fmt: skip
            measured = await bench.measure(f"Reserve by {by}, {level} in flight", server, job)
            await check("lanes", database, job, measured)
            await _check_prices(database, job)
            found[level, by].append(measured)
    return found


async def _check_prices(database: Database, job: Job) -> None:
    """Compare what is held with what it was to be. Raises `WrongResultError`."""
    (meters,) = (_METERS[by] for by, work in _WORKS.items() if work == job.work)
    prices = (find(meter, model).of(quantity) for meter, model, quantity in USAGES[:meters])
    each = sum(prices) or AMOUNT_MICROS
    async with database.connection() as connection:
        row = await connection.fetchrow(_HELD, job.names)
    assert row is not None, "a sum is there"
    if row[1] != row[0] * each:
        raise WrongResultError(f"{job.names}: {row[0]} holds of {each} hold {row[1]}")


async def _cells(bench: Bench, database: Database) -> Cells:
    """What apply() alone costs PostgreSQL, in turns."""
    found: Cells = {key: [] for key in product(SIZES, _METERS)}
    async with database.pool() as pool, pool.connection() as connection:
        for size in SIZES:
            batches = {
                by: _batches(database, f"sql-{meters}-{size}-", meters=meters)
                for by, meters in _METERS.items()
            }
            for by in [*_METERS] * SQL_ROUNDS:
                used, _ = await cell(connection, batches[by], size, bench.seconds)
                found[size, by].append(used)
            for by in _METERS:
                bench.say(f"apply(), by {by}, batches of {size}, us: {found[size, by]}")
    return found


def _batches(database: Database, names: str, *, meters: int) -> Batches:
    # As requests are decoded: what has several meters says that it has used none of them.
    used = 0 if meters > 1 else None
    usages = tuple(Usage(*each, used) for each in USAGES[:meters])
    source = Source(database.tenant.tenant_id, accounts=10_000, names=names, usages=usages)
    return Batches("reserve", source)


def _section(calls: Calls, cells: Cells) -> Section:
    lone = {by: median(each.latency_ms["reserve"]["p50"] for each in calls[1, by]) for by in _WORKS}
    full = {by: 1 / median(each.per_second for each in calls[256, by]) for by in _WORKS}
    asks = {
        "Reserve by usage, by that of an amount: time per call, 256 in flight": full,
        "the same: what a lone caller waits for, p50": lone,
        "the same: PostgreSQL's processor time, one at a time": _cell_of(cells, 1),
        "the same: PostgreSQL's processor time, batches of 64": _cell_of(cells, 64),
    }
    return Section(
        title="Reserve by usage beside Reserve by amount, 10,000 accounts",
        columns=("what", "by", "calls/s", "p50 ms", "p99 ms", "server us/call",
                 "PostgreSQL us/call"),
        rows=[
            *(_row(*key, rounds) for key, rounds in calls.items()),
            *((f"apply(), batches of {size}", by, "", "", "", "", median(used))
              for (size, by), used in cells.items()),
        ],
        asks=[
            Ask.at_most(what, wanted=_ASKED, measured=ratio(of["usage"], of["amount"]))
            for what, of in asks.items()
        ],
        notes=[
            f"Medians of {ROUNDS} rounds, of apply() {SQL_ROUNDS}, in turns on one server.",
            f"The usage is `{USAGES[0][0]}`, whose price has a tier; the four are all of a reply.",
        ],
        figures={f"{by}, {level} in flight": [each.facts() for each in rounds]
                 for (level, by), rounds in calls.items()}
        | {f"apply, {by}, batches of {size}": used for (size, by), used in cells.items()},
    )  # fmt: skip


def _cell_of(cells: Cells, size: int) -> Mapping[str, float]:
    return {by: median(cells[size, by]) for by in _WORKS}


def _row(level: int, by: str, rounds: list[Measured]) -> Row:
    return (
        f"{level} in flight", by, median(each.per_second for each in rounds),
        *(median(each.latency_ms["reserve"][p] for each in rounds) for p in ("p50", "p99")),
        *(median(each.cpu_us_per_call[of] for each in rounds) for of in ("server", "postgres")),
    )  # fmt: skip
