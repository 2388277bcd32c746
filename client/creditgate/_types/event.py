"""What the service answers about events and thresholds, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from creditgate._types.account import Cycle
from creditgate._types.balance import Balance
from creditgate._types.base import Credits, Word


class EventKind(Word):
    """What happened to an account."""

    UNKNOWN = "UNKNOWN"
    BALANCE_LOW = "BALANCE_LOW"
    CREDITS_EXHAUSTED = "CREDITS_EXHAUSTED"
    CREDITS_RESUMED = "CREDITS_RESUMED"
    OVERDRAFT_ENTERED = "OVERDRAFT_ENTERED"
    CYCLE_RESET = "CYCLE_RESET"
    GRANT_EXPIRING = "GRANT_EXPIRING"
    HOLD_LATE = "HOLD_LATE"
    TOPUP_REQUESTED = "TOPUP_REQUESTED"
    TOPUP_REFUSED = "TOPUP_REFUSED"
    TOPUP_COMPLETED = "TOPUP_COMPLETED"


@dataclass(frozen=True, kw_only=True)
class BalanceLow:
    """The threshold that was reached; `percent` is 0 where it was set as an amount."""

    threshold_micros: int
    percent: int

    threshold = Credits()


@dataclass(frozen=True, kw_only=True)
class CycleReset:
    """The cycle that began."""

    cycle: Cycle


@dataclass(frozen=True, kw_only=True)
class GrantExpiring:
    """The grant that ends soon, and what was left of it."""

    grant_id: str
    remaining_micros: int
    expires_at: datetime

    remaining = Credits()


@dataclass(frozen=True, kw_only=True)
class HoldLate:
    """The hold whose usage was reported after it had expired: what that charged, and could not."""

    hold_id: str
    charged_micros: int
    uncollected_micros: int

    charged = Credits()
    uncollected = Credits()


@dataclass(frozen=True, kw_only=True)
class TopupRequested:
    """The credits that are asked for: grant them by the request's name, or refuse it."""

    request_id: str
    amount_micros: int

    amount = Credits()


@dataclass(frozen=True, kw_only=True)
class TopupRefused:
    """The request that was refused, why, and when the account may ask again."""

    request_id: str
    reason: str
    retry_at: datetime


@dataclass(frozen=True, kw_only=True)
class TopupCompleted:
    """The credits that have come."""

    request_id: str
    amount_micros: int

    amount = Credits()


Details = (
    BalanceLow
    | CycleReset
    | GrantExpiring
    | HoldLate
    | TopupRequested
    | TopupRefused
    | TopupCompleted
)


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened to an account. Its `number` counts the account's, without gaps.

    `balance` is the account after the change that made it. `details` is None where the kind says
    it all.
    """

    event_id: str
    account_id: str
    number: int
    kind: EventKind
    balance: Balance
    created_at: datetime
    details: Details | None
