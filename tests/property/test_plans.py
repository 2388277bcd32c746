"""Random histories of plans, cycles, add-ons, grants and holds, on the ledger and on the oracle."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from creditgate_server.domain.statements import Entry, Period, Place
from creditgate_server.postgres.statements import PostgresStatements
from tests.property.plan_history import ACCOUNTS
from tests.property.plan_walk import PlanWalk
from tests.property.seeds import named, seeds
from tests.support.micros import instant
from tests.support.pair import Pair, Pairs

pytestmark = pytest.mark.asyncio(loop_scope="module")

PERIODS = 15


async def run_walks(pairs: Pairs, *, walks: int, steps: int, anywhere: bool = False) -> None:
    for seed in seeds(walks, anywhere=anywhere):
        walk = PlanWalk(await pairs.new(), seed)
        with named(seed, steps):
            await walk.begin()
            for _ in range(steps):
                await walk.step()
                await walk.pair.check()


async def test_walks(pairs: Pairs) -> None:
    await run_walks(pairs, walks=8, steps=50)


@pytest.mark.slow
@pytest.mark.timeout(3600)
async def test_many_walks(pairs: Pairs) -> None:
    await run_walks(pairs, walks=300, steps=100, anywhere=True)


@pytest.mark.parametrize("seed", range(3))
async def test_statements_add_up_for_any_period_and_any_page(
    pairs: Pairs, pair: Pair, seed: int
) -> None:
    chance = random.Random(seed)
    walk, times = PlanWalk(pair, seed), []
    await walk.begin()
    for _ in range(120):
        await walk.step()
        times.append(pair.now)
    await pair.check()
    reader = Reader(PostgresStatements(pairs.pool), pair)
    for _ in range(PERIODS):
        edges = [chance.choice(times) + chance.choice((0, 0, 1)) for _ in range(2)]
        start, until = sorted(edges)
        for account_id in ACCOUNTS:
            page = chance.choice((1, 2, 3, 7, 1_000))
            await reader.compare(account_id, chance.choice((start, None)), until, page=page)
            await reader.compare(account_id, start, None, page=page)


class Reader:
    """Reads statements page by page, and compares them with what the oracle remembers."""

    def __init__(self, statements: PostgresStatements, pair: Pair) -> None:
        self._statements, self._pair = statements, pair

    async def compare(
        self, account_id: str, start: int | None, until: int | None, *, page: int
    ) -> None:
        wanted = self._pair.model.statement(self._pair.now, account_id, start=start, until=until)
        key = self._pair.direct.key(account_id)
        period = await self._statements.period(key, start=instant(start), until=instant(until))
        assert isinstance(period, Period)
        entries: list[Entry] = []
        after: Place | None = None
        while True:
            read = await self._statements.statement(key, period, after=after, limit=page)
            assert read is not None
            assert (read.opening_micros, read.closing_micros) == (wanted.opening, wanted.closing)
            assert len(read.entries) <= page
            if not read.entries:
                break
            entries += read.entries
            after = Place(entries[-1].version, entries[-1].line)
        adds_up(read.opening_micros, entries, read.closing_micros)
        assert all(lies_in(each, start, until) for each in entries)


def adds_up(opening: int, entries: Sequence[Entry], closing: int) -> None:
    """Each entry continues the balance, from the opening one to the closing one."""
    balance = opening
    for entry in entries:
        balance += entry.amount_micros
        assert entry.settled_micros == balance
        assert sum(micros for _, micros in entry.draws) <= abs(entry.amount_micros)
    assert balance == closing


def lies_in(entry: Entry, start: int | None, until: int | None) -> bool:
    begin, end = instant(start), instant(until)
    return (begin is None or begin <= entry.created_at) and (end is None or entry.created_at < end)
