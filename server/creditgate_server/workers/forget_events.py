"""Forgets events that were dispatched long ago."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from creditgate_server.domain.accounts import BUCKETS

_LIMIT = 1_000


class ForgetEvents:
    """One round takes up to a batch from every bucket.

    `forget` is asked to forget up to a number of a bucket's old events, and answers how many it
    found.
    """

    def __init__(
        self, forget: Callable[[int, int], Awaitable[int]], *, limit: int = _LIMIT
    ) -> None:
        self._forget = forget
        self._limit = limit

    async def __call__(self) -> bool:
        """Go once round; True when there is more."""
        found = [await self._forget(bucket, self._limit) for bucket in range(BUCKETS)]
        return max(found) >= self._limit
