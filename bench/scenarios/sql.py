"""What apply() costs PostgreSQL per operation, by kind and by size of the batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median
from time import perf_counter

from bench.cpu import seconds_of_thread
from bench.loads import Bench, WrongResultError
from bench.operations import Source, arguments, commit, extend, in_batches
from bench.section import Row, Section
from creditgate_server.domain.operations import Operation
from creditgate_server.postgres.pool import APPLY, Connection

SIZES = (1, 8, 64, 256)
CELLS = (
    ("reserve", 10_000),
    ("extend", 10_000),
    ("commit", 10_000),
    ("turn", 10_000),
    ("reserve", 1),
    ("turn", 1),
)
ROUNDS_MIN = 5
_ROUND_OPERATIONS = 256


async def run(bench: Bench) -> Section:
    rows: list[Row] = []
    async with bench.cluster.database() as database, database.pool() as pool:
        async with pool.connection() as connection:
            for kind, accounts in CELLS:
                tenant_id, names = database.tenant.tenant_id, f"{kind}-{accounts}-"
                batches = Batches(kind, Source(tenant_id, accounts=accounts, names=names))
                cells = [await cell(connection, batches, each, bench.seconds) for each in SIZES]
                rows.append((kind, accounts, *(cpu for cpu, _ in cells), cells[0][1]))
                bench.say(f"apply(), us per operation: {rows[-1]}")
        if broken := await database.broken():
            raise WrongResultError(f"the ledger breaks {broken}")
    return Section(
        title="apply(): PostgreSQL's processor time in us per operation",
        columns=("kind", "accounts", *(f"batch of {n}" for n in SIZES), "round trip of 1, us"),
        rows=rows,
        notes=["A turn is a Reserve, an Extend and a Commit of different holds. Medians."],
        figures={"rows": rows},
    )


class Batches:
    """Batches of one kind; those on holds come with the Reserves that make these."""

    def __init__(self, kind: str, source: Source) -> None:
        self._kind = kind
        self._source = source
        self._turns = source.turns()

    def take(self, size: int, number: int) -> tuple[list[Operation], list[list[Operation]]]:
        """So many batches, and the operations that have to come before them."""
        if self._kind == "turn":
            return [], in_batches(self._turns, size, number)
        before = self._source.reserves(size * number)
        if self._kind == "reserve":
            return [], in_batches(iter(before), size, number)
        follow = extend if self._kind == "extend" else commit
        after: Iterator[Operation] = iter(self._source.shuffled([follow(each) for each in before]))
        return before, in_batches(after, size, number)


async def cell(
    connection: Connection, batches: Batches, size: int, seconds: float
) -> tuple[float, float]:
    """Processor time of PostgreSQL and round trip, both in us per operation."""
    backend = connection.get_server_pid()
    cpu: list[float] = []
    taken: list[float] = []
    until = perf_counter() + seconds / 4
    while len(cpu) < ROUNDS_MIN or perf_counter() < until:
        before, measured = batches.take(size, max(_ROUND_OPERATIONS // size, 1))
        for at in range(0, len(before), 256):
            await _apply(connection, before[at : at + 256])
        used, begun = seconds_of_thread(backend), perf_counter()
        for batch in measured:
            await _apply(connection, batch)
        count = size * len(measured)
        taken.append((perf_counter() - begun) / count * 1e6)
        cpu.append((seconds_of_thread(backend) - used) / count * 1e6)
    return round(median(cpu), 1), round(median(taken), 1)


async def _apply(connection: Connection, batch: Sequence[Operation]) -> None:
    for row in await connection.fetch(APPLY, *arguments(batch)):
        if row["outcome"] not in {1, 10}:
            raise WrongResultError(f"apply() answered {row['outcome']}")
