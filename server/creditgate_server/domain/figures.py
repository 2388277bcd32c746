"""What the database holds as a whole, for those who watch the service rather than use it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .account_keys import AccountKey


class OpenHolds(NamedTuple):
    """The open holds of a bucket, or of all buckets.

    Ages are by the database's clock, 0 where there is none: of the oldest open hold, and how long
    the longest expired one has waited for the sweep. `offline_micros` is what calls may cost beyond
    what they were granted while nobody answers their gateways; those of `unbounded_calls` any.
    """

    open_count: int = 0
    held_micros: int = 0
    oldest_seconds: float = 0.0
    overdue_seconds: float = 0.0
    offline_micros: int = 0
    unbounded_calls: int = 0

    def merged(self, other: OpenHolds) -> OpenHolds:
        """Add another bucket's."""
        return OpenHolds(
            self.open_count + other.open_count,
            self.held_micros + other.held_micros,
            max(self.oldest_seconds, other.oldest_seconds),
            max(self.overdue_seconds, other.overdue_seconds),
            self.offline_micros + other.offline_micros,
            self.unbounded_calls + other.unbounded_calls,
        )


class Unsummed(NamedTuple):
    """The accounts of a bucket that are to be summed up, the furthest behind first.

    `changes` is how many changes are summed up nowhere yet, of all accounts of the bucket.
    """

    accounts: Sequence[AccountKey]
    changes: int


class Archived(NamedTuple):
    """How many holds and entries were moved into the archive, and whether there may be more."""

    holds: int
    entries: int
    more: bool
