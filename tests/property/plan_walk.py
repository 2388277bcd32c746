"""One random history of accounts with plans, by its seed."""

from __future__ import annotations

import random

from tests.property.plan_history import PlanHistory
from tests.support.pair import Pair

STEPS = (
    *("hot",) * 7,
    *("long_hold",) * 2,
    *("admin",) * 3,
    *("plan",) * 2,
    *("wait",) * 5,
    *("budget",) * 2,
    "addon",
    "batch",
    "repeat",
    "sweep",
)


class PlanWalk(PlanHistory):
    """A history of plain chance."""

    def __init__(self, pair: Pair, seed: int, *, ttl_ms_max: int | None = None) -> None:
        super().__init__(pair, ttl_ms_max=ttl_ms_max)
        self._chance = random.Random(seed)

    async def begin(self) -> None:
        """Open the accounts."""
        await self.open(self._chance.choice)

    async def step(self) -> None:
        """Do one thing."""
        await self.take(self._chance.choice(STEPS), self._chance.choice)
