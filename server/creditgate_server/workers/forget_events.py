"""Forgets events that were dispatched long ago."""

from __future__ import annotations

from typing import Protocol

from creditgate_server.domain.account_keys import BUCKETS

_LIMIT = 1_000


class Archive(Protocol):
    """Where events are kept."""

    async def forget_events(self, bucket: int, *, days: int, limit: int) -> int:
        """Forget up to `limit` of a bucket's dispatched events that are older than `days`."""
        ...


class ForgetEvents:
    """One round takes up to `limit` events older than `days` from every bucket."""

    def __init__(self, archive: Archive, *, days: int, limit: int = _LIMIT) -> None:
        self._archive = archive
        self._days = days
        self._limit = limit

    async def __call__(self) -> bool:
        """Go once round; True when there is more."""
        found = [
            await self._archive.forget_events(bucket, days=self._days, limit=self._limit)
            for bucket in range(BUCKETS)
        ]
        return max(found) >= self._limit
