"""Grants and refunds as the administration sees them."""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum
from typing import NamedTuple

from .balances import Balance
from .holds import Hold


class GrantKind(IntEnum):
    """Where credits come from. The numbers are those of the database and of the API."""

    PLAN = 1
    PURCHASED = 2
    PROMOTIONAL = 3
    ADJUSTMENT = 4
    ROLLOVER = 5


class GrantState(IntEnum):
    """Whether a grant can be spent. The numbers are those of the database."""

    UNPAID = 0
    PENDING = 1
    LIVE = 2
    EXPIRED = 3
    REVOKED = 4


class Grant(NamedTuple):
    """Credits given to an account. `seq` orders the account's grants by age.

    Where they came in packages, it says which and how many.
    """

    grant_id: str
    seq: int
    kind: int
    amount_micros: int
    remaining_micros: int
    priority: int
    effective_at: datetime
    expires_at: datetime | None
    state: int
    reference: str
    created_at: datetime
    package_id: str | None = None
    package_version: int | None = None
    quantity: int | None = None


class NewGrant(NamedTuple):
    """What AddGrant asks for. `effective_at` None means at once; `expires_at` None means never.

    With a package, version 0 is the latest, and it says the amount, the priority and the end.
    """

    grant_id: str
    kind: int
    amount_micros: int
    priority: int = 0
    effective_at: datetime | None = None
    expires_at: datetime | None = None
    reference: str = ""
    fingerprint: bytes = b""
    unpaid: bool = False
    package_id: str | None = None
    package_version: int = 0
    quantity: int | None = None


class GrantResult(NamedTuple):
    """The answer to AddGrant and RevokeGrant; `revoked_micros` is what this call took back."""

    outcome: int
    grant: Grant | None
    balance: Balance | None
    replayed: bool = False
    revoked_micros: int = 0


class RefundResult(NamedTuple):
    """The answer to Refund; `expired_micros` lapsed because its grants had ended meanwhile."""

    outcome: int
    hold: Hold | None
    balance: Balance | None
    replayed: bool = False
    expired_micros: int = 0
