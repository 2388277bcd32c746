"""What changed an account's settled balance, line by line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from .accounts import AccountKey


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


class Statement(NamedTuple):
    """A page of a period's entries, with the balance before and after the whole period."""

    opening_micros: int
    closing_micros: int
    entries: Sequence[Entry]


class Statements(Protocol):
    """Where statements are read. Raises only `domain.errors`."""

    async def statement(
        self,
        account: AccountKey,
        *,
        start: datetime | None,
        until: datetime | None,
        after: tuple[int, int],
        limit: int,
    ) -> Statement | None:
        """Read the entries of a period beyond `after` = (version, line).

        None when there is no such account.
        """
        ...
