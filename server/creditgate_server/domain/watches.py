"""Accounts that are watched: what is known of them, and what is seen of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from .account_keys import AccountKey
    from .balances import Balance
    from .events import Event

UNSEEN = -1
"""The version of an account that nobody has looked at yet."""


class Watched(NamedTuple):
    """What is known of a watched account, and how long before a hold's expiry to say so."""

    account: AccountKey
    version: int
    open_holds: int
    event_count: int
    warn_seconds: float


class Ending(NamedTuple):
    """An open hold that is about to expire, or has and was not swept yet."""

    hold_id: str
    expires_at: datetime
    held_micros: int


class Sight(NamedTuple):
    """An account as it stands; `endings` are the holds that expire within its warning, in order."""

    account: AccountKey
    status: int
    open_holds: int
    event_count: int
    balance: Balance
    endings: Sequence[Ending]


class Watches(Protocol):
    """Where accounts are looked at. Raises only `domain.errors`."""

    async def look(self, watched: Sequence[Watched]) -> Sequence[Sight]:
        """Look at accounts, all in one snapshot.

        Answers those that differ from what is known or have endings; what is not there is left out.
        """
        ...

    async def events(self, account: AccountKey, *, after: int, limit: int) -> Sequence[Event]:
        """Read events whose numbers come after `after`, oldest first."""
        ...

    async def last_event_before(self, account: AccountKey, version: int) -> int:
        """Answer the number of the last event of the versions before one; 0 when there is none."""
        ...
