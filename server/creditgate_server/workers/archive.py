"""Moves what ended long ago out of the way of what is going on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import randrange
from time import perf_counter
from typing import Protocol

from creditgate_server.domain.account_keys import BUCKETS
from creditgate_server.domain.figures import Archived

_LIMIT = 100
# It has all day: it never takes more than a tenth of one core from the calls.
_REST = 9.0
_STEPS_MAX = 2_000


class Archives(Protocol):
    """Where holds and entries are archived. Raises `domain.errors`."""

    async def archive(self, bucket: int, *, days: int, limit: int) -> Archived:
        """Go on archiving what ended more than `days` ago in a bucket: look at `limit` rows."""
        ...


class Archive:
    """One round goes through every bucket, a few hundred rows at a time, and rests after each.

    Each bucket is gone through once a day, however many servers do this at once: what one is at the
    others pass over. Each begins at another bucket. `archived` is told what every step has moved.
    """

    def __init__(
        self,
        archives: Archives,
        *,
        days: int,
        archived: Callable[[Archived], None],
        limit: int = _LIMIT,
        rest: float = _REST,
        steps_max: int = _STEPS_MAX,
        first: Callable[[], int] = lambda: randrange(BUCKETS),  # noqa: S311 - spreads servers
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._archives = archives
        self._days = days
        self._archived = archived
        self._limit = limit
        self._rest = rest
        self._steps_max = steps_max
        self._first = first
        self._sleep = sleep

    async def __call__(self) -> bool:
        """Go once round; True when a bucket has more than a round may do."""
        if self._days == 0:
            return False
        first, steps = self._first(), self._steps_max
        for offset in range(BUCKETS):
            more = True
            while more:
                if steps == 0:
                    return True
                steps -= 1
                more = await self._step((first + offset) % BUCKETS)
        return False

    async def _step(self, bucket: int) -> bool:
        started = perf_counter()
        found = await self._archives.archive(bucket, days=self._days, limit=self._limit)
        if found.holds or found.entries:
            self._archived(found)
        await self._sleep(self._rest * (perf_counter() - started))
        return found.more
