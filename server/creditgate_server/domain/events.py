"""What happened to accounts, in the order in which it happened to each."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from .account_keys import AccountKey
    from .balances import Balance

THRESHOLDS_DEFAULT = (-20, 0)
"""The thresholds of a plan that does not say which: see `Plan.thresholds`."""
EXPIRY_NOTICE_MS_DEFAULT = 7 * 86_400_000


class EventKind(IntEnum):
    """What happened. The numbers are those of the database and of the API."""

    BALANCE_LOW = 1
    CREDITS_EXHAUSTED = 2
    CREDITS_RESUMED = 3
    OVERDRAFT_ENTERED = 4
    CYCLE_RESET = 5
    GRANT_EXPIRING = 6
    HOLD_LATE = 7
    TOPUP_REQUESTED = 8
    TOPUP_REFUSED = 9
    TOPUP_COMPLETED = 10

    @property
    def type(self) -> str:
        """The kind as people and programs outside write it, such as `balance.low`."""
        return self.name.lower().replace("_", ".", 1)


class Event(NamedTuple):
    """One event. `balance` is the account after it, `body` is JSON text: the details of its kind.

    BALANCE_LOW has `threshold_micros` and `percent`, CYCLE_RESET `number`, `starts_at` and
    `ends_at`, GRANT_EXPIRING `grant_id`, `remaining_micros` and `expires_at`, HOLD_LATE `hold_id`,
    `charged_micros` and `uncollected_micros`, those of top-ups `request_id` and `amount_micros`, or
    `reason` and `retry_at`. Times are written as ISO 8601 has them.
    """

    number: int
    kind: int
    balance: Balance
    body: str
    created_at: datetime


class Events(Protocol):
    """Where events are read. Raises only `domain.errors`."""

    async def list_events(
        self, account: AccountKey, *, after: int, limit: int
    ) -> Sequence[Event] | None:
        """Read events whose numbers come after `after`, oldest first.

        None when there is no such account.
        """
        ...
