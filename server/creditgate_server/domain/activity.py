"""What happened to an account's credits, entry by entry, with the work it was for."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol

from .statements import Period, Place

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from .account_keys import AccountKey
    from .outcomes import Outcome
    from .rates import Line

SCANNED_MAX = 1_000
"""How many entries a page looks at."""

# Words for the first parts of meters that people call otherwise.
_TYPES = {"voice": "call"}


class EntryKind(IntEnum):
    """What changed a balance. The numbers are those of the database and of the API."""

    GRANT = 1
    CHARGE = 2
    REFUND = 3
    EXPIRY = 4
    REVOCATION = 5


class Span(NamedTuple):
    """A range of time: from `start` on and before `until`, None for no bound.

    `last` is how long before now it begins, by the database's clock; it does not come with a start.
    """

    start: datetime | None = None
    until: datetime | None = None
    last: timedelta | None = None


class Choice(NamedTuple):
    """Which entries of a range are asked for; None for all.

    `details` is JSON text that the details of an entry's hold have to contain. `type` is that of
    its work, not the kind of an entry without a meter.
    """

    kinds: Sequence[int] | None = None
    meter: str | None = None
    model: str | None = None
    details: str | None = None
    type: str | None = None


class Activity(NamedTuple):
    """One line of the ledger. What follows `name` is of the hold that was charged or refunded.

    `meter` and `used_quantity` are of a hold with a single meter, `lines` of one with several.
    `model` is the one that its work is reported under. `details` is the JSON text given with it.
    """

    version: int
    line: int
    kind: int
    amount_micros: int
    settled_micros: int
    created_at: datetime
    hold_id: str | None
    name: str | None
    details: str | None
    meter: str | None
    used_quantity: int | None
    model: str | None
    lines: Sequence[Line] | None
    of_gateway: bool

    @property
    def place(self) -> Place:
        """Where it lies."""
        return Place(self.version, self.line)

    @property
    def first_meter(self) -> str:
        """What its hold counts, of several meters the first; empty for a hold by amount."""
        return self.lines[0].rate.meter if self.lines else self.meter or ""

    @property
    def quantity(self) -> int:
        """What its hold has used of its first meter in all; 0 without one."""
        if self.lines:
            return self.lines[0].used_quantity
        return (self.used_quantity or 0) if self.meter else 0

    @property
    def type(self) -> str:
        """What it was for, in a word: see the API's Activity.type."""
        if self.of_gateway:
            return "call"
        if not self.first_meter:
            return EntryKind(self.kind).name.lower()
        first = self.first_meter.partition(".")[0]
        return _TYPES.get(first, first)


class ActivityPage(NamedTuple):
    """Entries in their order; `scanned` is the last that was looked at where there may be more."""

    activities: Sequence[Activity]
    scanned: Place | None


class Activities(Protocol):
    """Where activity is read. Raises only `domain.errors`."""

    async def period(self, account: AccountKey, span: Span) -> Period | Outcome:
        """Find the changes of a range that there are now.

        ACCOUNT_NOT_FOUND when there is no such account, RANGE_ARCHIVED when the range is about what
        is not kept any more; one without a beginning begins with what is.
        """
        ...

    async def page(
        self,
        account: AccountKey,
        period: Period,
        choice: Choice,
        *,
        after: Place | None,
        newest_first: bool,
        limit: int,
    ) -> ActivityPage | None:
        """Read the entries of a period that come after one of them, at most `limit`.

        None begins with the first. It looks at `SCANNED_MAX` entries at most, and finds fewer than
        the limit where these have no more. None when some of the period is not kept any more.
        """
        ...
