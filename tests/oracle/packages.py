"""What the oracle's tenants sell by the piece, and grants that wait to be paid for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

YEAR_9998 = int(datetime(9998, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()) * 1_000_000


@dataclass(frozen=True)
class Package:
    """One version of a package; without `valid_for_ms` it is valid for ever."""

    package_id: str
    version: int = 1
    amount: int = 0
    priority: int = 0
    valid_for_ms: int | None = None

    @property
    def name(self) -> tuple[str, int]:
        return (self.package_id, self.version)

    def ends(self, begins: int) -> int | None:
        """When what begins at an instant ends."""
        if self.valid_for_ms is None:
            return None
        return min(begins + self.valid_for_ms * 1000, YEAR_9998)
