"""Reads what the database holds at the moment, for the figures that no single server knows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from creditgate_server.domain.account_keys import BUCKETS
from creditgate_server.domain.figures import OpenHolds


class HoldObserver(Protocol):
    """Whom the figures are told."""

    def holds(
        self,
        *,
        open_count: int,
        held_micros: int,
        oldest_seconds: float,
        overdue_seconds: float,
        offline_micros: int,
        unbounded_calls: int,
    ) -> None:
        """Note what the database holds."""
        ...


class MeasureHolds:
    """One round reads every bucket by itself, so that no statement is long."""

    def __init__(
        self, read: Callable[[int], Awaitable[OpenHolds]], *, observer: HoldObserver
    ) -> None:
        self._read = read
        self._observer = observer

    async def __call__(self) -> bool:
        """Read all buckets once; never leaves anything undone."""
        total = OpenHolds()
        for bucket in range(BUCKETS):
            total = total.merged(await self._read(bucket))
        self._observer.holds(
            open_count=total.open_count,
            held_micros=total.held_micros,
            oldest_seconds=total.oldest_seconds,
            overdue_seconds=total.overdue_seconds,
            offline_micros=total.offline_micros,
            unbounded_calls=total.unbounded_calls,
        )
        return False
