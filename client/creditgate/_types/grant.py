"""Credits given, bought, taken back and refunded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from creditgate._types.balance import Balance
from creditgate._types.base import Credits, Word
from creditgate._types.hold import Hold


class GrantKind(Word):
    """Where credits come from. What has rolled over from the cycle before, only cycles make."""

    UNKNOWN = "UNKNOWN"
    PLAN = "PLAN"
    PURCHASED = "PURCHASED"
    PROMOTIONAL = "PROMOTIONAL"
    ADJUSTMENT = "ADJUSTMENT"
    ROLLOVER = "ROLLOVER"


class GrantState(Word):
    """Whether a grant can be spent."""

    UNKNOWN = "UNKNOWN"
    PENDING = "PENDING"
    LIVE = "LIVE"
    EXPIRED = "EXPIRED"
    REVOKED = "REVOKED"
    UNPAID = "UNPAID"


@dataclass(frozen=True, kw_only=True)
class PackageOrder:
    """Which version of which package, and how many of it."""

    package_id: str
    version: int
    quantity: int


@dataclass(frozen=True, kw_only=True)
class Grant:
    """Credits given. `expires_at` None means never; `package` is what was bought, if it was."""

    grant_id: str
    kind: GrantKind
    amount_micros: int
    remaining_micros: int
    priority: int
    effective_at: datetime
    expires_at: datetime | None
    state: GrantState
    reference: str
    created_at: datetime
    package: PackageOrder | None = None

    amount = Credits()
    remaining = Credits()


@dataclass(frozen=True, kw_only=True)
class Granting:
    """The answer to AddGrant and ConfirmGrant. `replayed`: this had been done before."""

    grant: Grant
    balance: Balance
    replayed: bool


@dataclass(frozen=True, kw_only=True)
class Revocation:
    """The answer to RevokeGrant: what this call took back."""

    grant: Grant
    balance: Balance
    revoked_micros: int

    revoked = Credits()


@dataclass(frozen=True, kw_only=True)
class Refund:
    """The answer to Refund. `expired` went to grants that had ended meanwhile, and so lapsed."""

    hold: Hold
    balance: Balance
    replayed: bool
    expired_micros: int

    expired = Credits()
