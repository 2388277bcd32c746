"""The time of a story, which may pass faster than ours."""

from __future__ import annotations

import asyncio
from time import perf_counter


class Clock:
    """Counts the seconds of a story from now on, `factor` of them in each real one."""

    def __init__(self, factor: float) -> None:
        self._factor = factor
        self._begun = perf_counter()

    def now(self) -> float:
        """The time of the story."""
        return (perf_counter() - self._begun) * self._factor

    async def until(self, at: float) -> None:
        """Wait until a time of the story, not at all where it has passed."""
        left = at / self._factor - (perf_counter() - self._begun)
        if left > 0:
            await asyncio.sleep(left)

    def real_since(self, at: float) -> float:
        """Real seconds since a time of the story."""
        return perf_counter() - self._begun - at / self._factor
