"""Ends what has expired, so that its credits show as free without anybody asking for them."""

from __future__ import annotations

from collections.abc import Callable
from random import randrange

from creditgate_server.domain.account_keys import BUCKETS
from creditgate_server.domain.ledger import Sweeps

_CALLS_MAX = 1_000


class ExpireHolds:
    """One round visits every bucket with something due, and ends what one or a few calls end.

    Any number of servers may do this at once: what one is ending the others pass over. Each begins
    at another bucket, so that they rarely meet. `swept` is told how much every call ended.
    """

    def __init__(
        self,
        sweeps: Sweeps,
        *,
        limit: int,
        swept: Callable[[int], None],
        calls_max: int = _CALLS_MAX,
        first: Callable[[], int] = lambda: randrange(BUCKETS),  # noqa: S311 - spreads servers
    ) -> None:
        assert calls_max >= BUCKETS, "a round must reach every bucket"
        self._sweeps = sweeps
        self._limit = limit
        self._swept = swept
        self._calls_max = calls_max
        self._first = first
        self._ended = 0

    async def __call__(self) -> bool:
        """Sweep once round; True when there was more than one round may do."""
        first = self._first()
        every = [(first + offset) % BUCKETS for offset in range(BUCKETS)]
        spare = self._calls_max - BUCKETS
        more = False
        before = self._ended
        for bucket in await self._sweeps.due_buckets(every):
            calls, done = await self._sweep(bucket, calls_max=1 + spare)
            spare -= calls - 1
            more = more or not done
        # A call ends before it has kept anybody waiting for long. Where nothing was ended, what is
        # left is in others' hands: there is no use in asking again at once.
        return more or (self._ended > before and bool(await self._sweeps.due_buckets(every)))

    async def _sweep(self, bucket: int, *, calls_max: int) -> tuple[int, bool]:
        """Empty a bucket in a few calls; answers how many it took and whether that was enough."""
        for calls in range(1, calls_max + 1):
            count = await self._sweeps.expire_due(bucket, limit=self._limit)
            if count:
                self._ended += count
                self._swept(count)
            if count < self._limit:
                return calls, True
        return calls_max, False
