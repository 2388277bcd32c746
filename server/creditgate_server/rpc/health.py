"""grpc.health.v1: whether this server serves, found out in the background, never by the asking."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

from .method import API_SERVICES

_log = logging.getLogger(__name__)

SERVICES = frozenset({"", *API_SERVICES})
FAILURES_MAX = 2


class Health:
    """Whether the server serves: not before `set` says so, and never again after `shut`."""

    def __init__(self) -> None:
        self._serving = False
        self._shut = False
        self._changed = asyncio.Event()

    @property
    def serving(self) -> bool:
        """True when calls may be sent here."""
        return self._serving

    def set(self, *, serving: bool) -> None:
        """Tell all who watch."""
        if self._shut or serving is self._serving:
            return
        self._serving = serving
        _log.info("health: %s", "SERVING" if serving else "NOT_SERVING")
        self._tell()

    def shut(self) -> None:
        """Serve no more, for good, and end all watches once they have said so."""
        self.set(serving=False)
        self._shut = True
        self._tell()

    async def watch(self) -> AsyncIterator[bool]:
        """Answer whether the server serves, now and whenever it changes, until it ends."""
        told: bool | None = None
        while True:
            changed = self._changed
            if told is not self._serving:
                told = self._serving
                yield told
                # Whoever took this slowly may have missed what came after it.
                continue
            if self._shut:
                return
            await changed.wait()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


class Prober:
    """Looks at the database now and then.

    After two failures in a row the server does not serve, until one look goes well again.
    """

    def __init__(
        self,
        probe: Callable[[], Awaitable[None]],
        health: Health,
        *,
        interval_seconds: float,
        timeout_seconds: float,
    ) -> None:
        self._probe = probe
        self._health = health
        self._interval_seconds = interval_seconds
        self._timeout_seconds = timeout_seconds
        self._failures = 0

    async def run(self) -> None:
        """Probe until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(self._interval_seconds)

    async def look(self) -> None:
        """Probe once."""
        problem = await self._ask()
        self._failures = self._failures + 1 if problem else 0
        if problem:
            _log.warning("the database does not answer (%d in a row): %s", self._failures, problem)
        if self._failures in {0, FAILURES_MAX}:
            self._health.set(serving=self._failures == 0)

    async def _ask(self) -> str | None:
        """Answer what is wrong, None when nothing is.

        A look that takes too long is left to end by itself: waiting for its cancellation could
        take as long again.
        """
        task = asyncio.ensure_future(self._probe())
        done, _ = await asyncio.wait({task}, timeout=self._timeout_seconds)
        if not done:
            task.cancel()
            task.add_done_callback(lambda late: late.cancelled() or late.exception())
            return f"no answer within {self._timeout_seconds} s"
        error = task.exception()
        return None if error is None else f"{type(error).__name__}: {error}"
