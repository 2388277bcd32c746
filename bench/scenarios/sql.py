"""What apply() costs PostgreSQL per operation, by kind and by size of the batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count, islice
from random import Random
from statistics import median
from time import perf_counter
from uuid import UUID

import asyncpg

from bench.cpu import seconds_of_thread
from bench.database import Database
from bench.loads import Bench, WrongResultError
from bench.section import Row, Section
from creditgate_server.domain.accounts import account_key
from creditgate_server.domain.operations import Operation, Verb
from creditgate_server.postgres.ledger import APPLY
from creditgate_server.postgres.pool import Connection

SIZES = (1, 8, 64, 256)
ROUNDS_MIN = 5
KINDS = ("reserve", "extend", "commit", "turn")
_AMOUNT = 1_000
_TTL_MS = 3_600_000


async def run(bench: Bench) -> Section:
    rows: list[Row] = []
    async with bench.cluster.database() as database, database.pool() as pool:
        async with pool.connection() as connection:
            for accounts in (10_000, 1):
                kinds = KINDS if accounts > 1 else ("reserve", "turn")
                for kind in kinds:
                    source = Source(database.tenant.tenant_id, accounts, kind)
                    cells = [
                        await _cell(connection, source, size, bench.seconds / 4) for size in SIZES
                    ]
                    rows.append((kind, accounts, *(cpu for cpu, _ in cells), cells[0][1]))
                    bench.say(f"apply() {rows[-1]}")
        await _prove(database)
    return Section(
        title="apply(): PostgreSQL's processor time in us per operation",
        columns=("kind", "accounts", *(f"batch {size}" for size in SIZES), "alone, round trip us"),
        rows=rows,
        notes=[
            "A turn is one Reserve, one Extend and one Commit, of different holds; / operation."
        ],
        figures={"rows": rows},
    )


class Source:
    """Operations of one kind that never repeat; those on holds come with the Reserves before."""

    def __init__(self, tenant_id: UUID, accounts: int, kind: str) -> None:
        self._keys = [account_key(tenant_id, f"account-{number}") for number in range(accounts)]
        self._random = Random(1)
        self._numbers = count()
        self._names = f"{kind}-{accounts}"
        self._kind = kind
        self._turns = self._make_turns()

    def batches(self, size: int, number: int) -> tuple[list[Operation], list[list[Operation]]]:
        """So many batches, and the operations that have to come before them."""
        if self._kind == "reserve":
            return [], [[self._reserve() for _ in range(size)] for _ in range(number)]
        if self._kind == "turn":
            return [], [list(islice(self._turns, size)) for _ in range(number)]
        before = [self._reserve() for _ in range(size * number)]
        follow = _extend if self._kind == "extend" else _commit
        after = [follow(each) for each in before]
        self._random.shuffle(after)
        return before, [after[at : at + size] for at in range(0, len(after), size)]

    def _make_turns(self) -> Iterator[Operation]:
        """Of holds at different places in their lives, as a lane sees them."""
        opened, extended = self._reserve(), self._reserve()
        yield opened
        yield extended
        while True:
            fresh = self._reserve()
            yield fresh
            yield _extend(opened)
            yield _commit(extended)
            opened, extended = fresh, opened

    def _reserve(self) -> Operation:
        bucket, key = self._random.choice(self._keys)
        name = f"{self._names}-{next(self._numbers)}"
        return Operation(
            Verb.RESERVE,
            bucket,
            key,
            name,
            _AMOUNT,
            ttl_ms=_TTL_MS,
            fingerprint=b"0123456789abcdef",
        )


def _extend(of: Operation) -> Operation:
    return of._replace(
        verb=Verb.EXTEND, amount_micros=2 * _AMOUNT, used_micros=_AMOUNT // 2, fingerprint=None
    )


def _commit(of: Operation) -> Operation:
    return of._replace(
        verb=Verb.COMMIT, amount_micros=0, used_micros=_AMOUNT, ttl_ms=0, fingerprint=None
    )


async def _cell(
    connection: Connection, source: Source, size: int, seconds: float
) -> tuple[float, float]:
    """Processor time of PostgreSQL and round trip, both in us per operation."""
    backend = connection.get_server_pid()
    cpu: list[float] = []
    taken: list[float] = []
    until = perf_counter() + seconds
    while len(cpu) < ROUNDS_MIN or perf_counter() < until:
        before, batches = source.batches(size, max(256 // size, 1))
        for at in range(0, len(before), 256):
            await _apply(connection, before[at : at + 256])
        used, begun = seconds_of_thread(backend), perf_counter()
        for batch in batches:
            await _apply(connection, batch)
        count = size * len(batches)
        taken.append((perf_counter() - begun) / count * 1e6)
        cpu.append((seconds_of_thread(backend) - used) / count * 1e6)
    return round(median(cpu), 1), round(median(taken), 1)


async def _apply(connection: Connection, batch: Sequence[Operation]) -> None:
    results: list[asyncpg.Record] = await connection.fetch(APPLY, batch)
    if refused := [each["outcome"] for each in results if each["outcome"] not in {1, 10}]:
        raise WrongResultError(f"apply() answered {refused[0]}")


async def _prove(database: Database) -> None:
    if broken := await database.broken():
        raise WrongResultError(f"the ledger breaks {broken}")
