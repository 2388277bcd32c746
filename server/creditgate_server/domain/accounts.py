"""Accounts, grants and refunds as the administration sees them; how an account is keyed."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID, uuid5

if TYPE_CHECKING:
    from datetime import datetime

    from .outcomes import Balance, Hold

BUCKETS = 64
"""How many buckets the accounts are spread over.

Fixed for ever, since every key in the database begins with it.
"""


class AccountStatus(IntEnum):
    """What may be done with an account. The numbers are those of the database and of the API."""

    ACTIVE = 1
    SUSPENDED = 2
    CLOSED = 3


class OveragePolicy(IntEnum):
    """What happens to usage that cannot be collected.

    The numbers are those of the database and of the API.
    """

    CAP = 1
    DEBT = 2
    DENY = 3


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


class AccountKey(NamedTuple):
    """Where an account lives in the database.

    `bucket` leads every key, `account_key` is the account.
    """

    bucket: int
    account_key: UUID


@lru_cache(maxsize=65_536)
def account_key(tenant_id: UUID, account_id: str) -> AccountKey:
    """Key an account without a look-up.

    UUIDv5 (RFC 9562) of the tenant and its own name; its first bits are the bucket.
    """
    key = uuid5(tenant_id, account_id)
    return AccountKey(key.bytes[0] >> 2, key)


class Account(NamedTuple):
    """One wallet as it stands. `labels` is JSON text, `thresholds` are as in `Plan`."""

    account_id: str
    status: int
    overage_policy: int
    balance: Balance
    debt_micros: int
    open_holds: int
    labels: str
    created_at: datetime
    standing: Standing
    thresholds: Sequence[int]
    own_thresholds: bool
    unpaid_micros: int
    auto_topup: str | None = None
    topup_request_id: str | None = None


class Standing(NamedTuple):
    """Where an account is in its plan; None where there is no plan, no next plan, no cycle."""

    plan_id: str | None
    plan_version: int | None
    next_plan_id: str | None
    next_plan_version: int | None
    time_zone: str
    anchor_at: datetime | None
    cycle_no: int
    cycle_starts_at: datetime | None
    cycle_ends_at: datetime | None


class NewAccount(NamedTuple):
    """What CreateAccount asks for. `labels` is canonical JSON text (sorted keys)."""

    account_id: str
    overdraft_limit_micros: int = 0
    overage_policy: int = OveragePolicy.CAP
    labels: str = "{}"


class AccountChange(NamedTuple):
    """What UpdateAccount asks for; None leaves a field as it is.

    `plan_thresholds` gives an account with thresholds of its own the plan's again. `auto_topup` is
    JSON text with the fields of the API's AutoTopup.
    """

    overdraft_limit_micros: int | None = None
    overage_policy: int | None = None
    status: int | None = None
    plan_id: str | None = None
    plan_version: int | None = None
    next_cycle: bool = False
    time_zone: str | None = None
    anchor_at: datetime | None = None
    thresholds: Sequence[int] | None = None
    plan_thresholds: bool = False
    auto_topup: str | None = None


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
