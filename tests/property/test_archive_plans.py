"""Accounts with plans and budgets whose past is archived behave as if it were not.

And what was archived can be taken out of the archive: every rule is still proved, by what is
carried.
"""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from tests.property.plan_history import ACCOUNTS
from tests.property.plan_walk import PlanWalk
from tests.property.seeds import named, seeds
from tests.support.archive import archive, empty
from tests.support.pair import Pairs

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def run_walks(pairs: Pairs, *, walks: int, steps: int, anywhere: bool = False) -> None:
    moved = gone = 0
    for seed in seeds(walks, anywhere=anywhere):
        walk, chance = PlanWalk(await pairs.new(), seed), random.Random(seed)
        keys = [walk.pair.direct.key(each) for each in ACCOUNTS]
        with named(seed, steps):
            await walk.begin()
            for _ in range(steps):
                await walk.step()
                if chance.random() < 0.3:
                    key, limit = chance.choice(keys), chance.choice((1, 5, 100))
                    moved += await archive(walk.pair.connection, key, limit=limit)
                    await walk.pair.prove()
            await walk.pair.check()
            for days in (-30, -1, 1):
                for key in keys:
                    before = timedelta(days=days)
                    gone += await empty(walk.pair.connection, key, after=before, limit=4)
                await walk.pair.prove()
    assert moved > walks * steps / 10
    assert gone > moved / 3


async def test_walks(pairs: Pairs) -> None:
    await run_walks(pairs, walks=4, steps=60)


@pytest.mark.slow
@pytest.mark.timeout(3600)
async def test_many_walks(pairs: Pairs) -> None:
    await run_walks(pairs, walks=300, steps=100, anywhere=True)
