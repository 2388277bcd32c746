"""Reads how much waits to be delivered, for the figures that no single server knows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from creditgate_server.domain.account_keys import BUCKETS
from creditgate_server.domain.deliveries import Backlog


class BacklogObserver(Protocol):
    """Whom the figures are told."""

    def backlog(self, *, pending: int, oldest_seconds: float, dead: int) -> None:
        """Note what waits in the database."""
        ...


class MeasureDeliveries:
    """One round reads every bucket by itself, so that no statement is long."""

    def __init__(
        self, read: Callable[[int], Awaitable[Backlog]], *, observer: BacklogObserver
    ) -> None:
        self._read = read
        self._observer = observer

    async def __call__(self) -> bool:
        """Read all buckets once; never leaves anything undone."""
        total = Backlog()
        for bucket in range(BUCKETS):
            total = total.merged(await self._read(bucket))
        self._observer.backlog(**total._asdict())
        return False
