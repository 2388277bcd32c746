"""What changed an account's settled balance, line by line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from .account_keys import AccountKey
    from .outcomes import Outcome


class Entry(NamedTuple):
    """One line of the ledger; `draws` is (grant_id, micros) pairs."""

    version: int
    line: int
    kind: int
    amount_micros: int
    settled_micros: int
    hold_id: str | None
    name: str | None
    created_at: datetime
    draws: Sequence[tuple[str, int]]


class Period(NamedTuple):
    """The changes of an account that a statement is about: versions after one, through another.

    Entries never change and versions only grow, so whatever is read of a period adds up.
    """

    after_version: int
    through_version: int


class Place(NamedTuple):
    """Where an entry lies in its account's ledger."""

    version: int
    line: int


class Statement(NamedTuple):
    """A page of a period's entries, with the balance before and after the whole period."""

    opening_micros: int
    closing_micros: int
    entries: Sequence[Entry]


class Statements(Protocol):
    """Where statements are read. Raises only `domain.errors`."""

    async def period(
        self, account: AccountKey, *, start: datetime | None, until: datetime | None
    ) -> Period | Outcome:
        """Find the changes from `start` on and before `until`, None for no bound.

        ACCOUNT_NOT_FOUND when there is no such account, RANGE_ARCHIVED when the period is about
        what is not kept any more; one without a beginning begins with what is.
        """
        ...

    async def statement(
        self, account: AccountKey, period: Period, *, after: Place | None, limit: int
    ) -> Statement | None:
        """Read the entries of a period that come after one of them; None begins with the first.

        None when some of the period is not kept any more.
        """
        ...
