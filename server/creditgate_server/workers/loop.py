"""The one shape of all background work."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from random import uniform
from time import perf_counter, time
from typing import Protocol

from creditgate_server.domain.errors import LedgerError

_JITTER = 0.2
_ASK_AGAIN_SECONDS = 0.2
_log = logging.getLogger(__name__)


class LoopObserver(Protocol):
    """Whom loops tell how their rounds ended."""

    def round_finished(self, loop: str, *, seconds: float, at_seconds: float) -> None:
        """Note a round that ended well, `at_seconds` since the epoch."""
        ...

    def round_failed(self, loop: str) -> None:
        """Note a round that ended in an error."""
        ...


class Loop:
    """Runs `work` over and over: a pause between rounds, never two rounds at once.

    `work` answers True when it left something undone; then the next round follows at once. The
    pause is `interval_seconds`, a little more or less, so that many servers spread out. After an
    error it doubles up to `backoff_seconds_max`, until a round ends well again. `close` ends what
    rounds have left under way, when the loop ends.
    """

    def __init__(
        self,
        work: Callable[[], Awaitable[bool]],
        *,
        name: str,
        interval_seconds: float,
        backoff_seconds_max: float,
        observer: LoopObserver,
        close: Callable[[], Awaitable[None]] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._work = work
        self._name = name
        self._interval_seconds = interval_seconds
        self._backoff_seconds_max = max(backoff_seconds_max, interval_seconds)
        self._observer = observer
        self._close = close
        self._sleep = sleep
        self._failures = 0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin with the first round at once."""
        assert self._task is None, "a loop is started once"
        self._task = asyncio.create_task(self._run(), name=f"loop {self._name}")

    async def stop(self) -> None:
        """End the loop; a round under way is broken off, which its transactions allow for."""
        if self._task is None:
            return
        # Asked again until it is so: what waits with a timeout may lose a cancellation (before
        # Python 3.12, `asyncio.wait_for` does when it comes together with the result).
        while not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task], timeout=_ASK_AGAIN_SECONDS)
        if self._close is not None:
            try:
                await self._close()
            except Exception as error:  # noqa: BLE001 - told; there is no other time to try it
                self._tell(error)

    async def _run(self) -> None:
        while True:
            more = await self._round()
            await self._sleep(0 if more else self._pause_seconds())

    async def _round(self) -> bool:
        started = perf_counter()
        try:
            more = await self._work()
        except Exception as error:  # noqa: BLE001 - told, and tried again
            self._failures += 1
            self._observer.round_failed(self._name)
            self._tell(error)
            return False
        self._failures = 0
        seconds = perf_counter() - started
        self._observer.round_finished(self._name, seconds=seconds, at_seconds=time())
        return more

    def _tell(self, error: Exception) -> None:
        # An outage says all in one line; anything else is a bug and wants its traceback.
        trace = None if isinstance(error, LedgerError) else error
        reason = f"{type(error).__name__}: {error}"
        _log.error(
            "%s failed (%d in a row): %s", self._name, self._failures, reason, exc_info=trace
        )

    def _pause_seconds(self) -> float:
        # The exponent is bounded only to keep the number small; the pause is bounded far earlier.
        doubled = self._interval_seconds * 2.0 ** min(self._failures, 30)
        seconds = min(doubled, self._backoff_seconds_max) if self._failures else doubled
        return seconds * uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - spreads servers, hides nothing
