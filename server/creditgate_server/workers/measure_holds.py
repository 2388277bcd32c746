"""Reads what the database holds at the moment, for the figures that no single server knows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol

from creditgate_server.domain.accounts import BUCKETS


class OpenHolds(NamedTuple):
    """The open holds of a bucket, or of all; ages by the database's clock, 0 where there is none."""

    count: int = 0
    held_micros: int = 0
    oldest_seconds: float = 0.0
    overdue_seconds: float = 0.0

    def merged(self, other: OpenHolds) -> OpenHolds:
        """Add another bucket's."""
        return OpenHolds(
            self.count + other.count,
            self.held_micros + other.held_micros,
            max(self.oldest_seconds, other.oldest_seconds),
            max(self.overdue_seconds, other.overdue_seconds),
        )


class HoldObserver(Protocol):
    """Whom the figures are told."""

    def holds(
        self, *, open_count: int, held_micros: int, oldest_seconds: float, overdue_seconds: float
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
            open_count=total.count,
            held_micros=total.held_micros,
            oldest_seconds=total.oldest_seconds,
            overdue_seconds=total.overdue_seconds,
        )
        return False
