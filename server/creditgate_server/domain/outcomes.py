"""What the ledger answers.

An outcome code, and the hold and the balance as they stand after the operation.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from .calls import Quota
    from .rates import Line, Rate


class Outcome(IntEnum):
    """The verdict on one operation. The numbers are those of the database.

    Where several apply, the first of this order is answered: ACCOUNT_NOT_FOUND, HOLD_NOT_FOUND,
    NAME_REUSED,
    (the replay of an earlier decision), HOLD_COMMITTED / HOLD_RELEASED / HOLD_EXPIRED,
    QUOTE_EXPIRED, UNPRICED, OUT_OF_RANGE,
    DENIED_ACCOUNT_INACTIVE, DENIED_LIMIT, DENIED_INSUFFICIENT_CREDITS, DENIED_CREDITS_HELD,
    GRANTED_PARTIAL,
    GRANTED.
    """

    GRANTED = 1
    GRANTED_PARTIAL = 2
    DENIED_INSUFFICIENT_CREDITS = 3
    DENIED_CREDITS_HELD = 4
    DENIED_LIMIT = 5
    DENIED_ACCOUNT_INACTIVE = 6
    ACCEPTED = 10
    ACCOUNT_NOT_FOUND = 20
    HOLD_NOT_FOUND = 21
    GRANT_NOT_FOUND = 22
    NAME_REUSED = 23
    HOLD_COMMITTED = 24
    HOLD_RELEASED = 25
    HOLD_EXPIRED = 26
    UNPRICED = 27
    OUT_OF_RANGE = 28
    ACCOUNT_CLOSED = 29
    REFUND_EXCEEDS_CHARGE = 30
    PLAN_NOT_FOUND = 31
    VERSION_SKIPPED = 32
    NO_CYCLE = 33
    ADDON_NOT_FOUND = 34
    TOO_MANY_BUDGETS = 35
    PACKAGE_NOT_FOUND = 36
    GRANT_REVOKED = 37
    TOPUP_NOT_FOUND = 38
    TOPUP_COMPLETED = 39
    RATE_CARD_NOT_FOUND = 40
    CONVERSATION_NOT_FOUND = 41
    MESSAGE_NOT_FOUND = 42
    QUOTE_EXPIRED = 45
    ENDPOINT_NOT_FOUND = 50
    DELIVERY_NOT_FOUND = 51
    TOO_MANY_ENDPOINTS = 52

    @property
    def refused(self) -> bool:
        """True when the operation was refused with an error: it changed nothing."""
        return self >= Outcome.ACCOUNT_NOT_FOUND


class HoldState(IntEnum):
    """Where a hold is in its life. The numbers are those of the database and of the API."""

    OPEN = 1
    COMMITTED = 2
    RELEASED = 3
    EXPIRED = 4


class Balance(NamedTuple):
    """An account's credits at one version, in micro-credits."""

    settled_micros: int
    held_micros: int
    overdraft_limit_micros: int
    version: int
    as_of: datetime

    @property
    def available_micros(self) -> int:
        """What a Reserve could get now."""
        return self.settled_micros + self.overdraft_limit_micros - self.held_micros

    @classmethod
    def read(cls, account: Any, as_of: datetime) -> Balance:
        """Take the balance out of an account's row, by the names of its columns."""
        return cls(
            account["settled_micros"],
            account["held_micros"],
            account["overdraft_limit_micros"],
            account["version"],
            as_of,
        )


class Hold(NamedTuple):
    """A hold as it stands; amounts in micro-credits.

    `details` is the JSON text given when it was made. `used_quantity` and `granted_quantity` are in
    the unit of `rate`; all three are None of a hold made by amount, or for several meters. These
    are its `lines`, and `affordable_quantities` how far each of them can go on what was granted.
    The gateway is that of a call, else None.
    """

    hold_id: str
    state: int
    granted_micros: int
    held_micros: int
    used_micros: int
    charged_micros: int
    uncollected_micros: int
    refunded_micros: int
    created_at: datetime
    expires_at: datetime
    settled_at: datetime | None
    late: bool
    termination_cause: str
    details: str | None
    used_quantity: int | None = None
    rate: Rate | None = None
    granted_quantity: int | None = None
    lines: Sequence[Line] | None = None
    affordable_quantities: Sequence[int] | None = None
    gateway_id: str | None = None
    gateway_epoch: int | None = None


class Result(NamedTuple):
    """The answer to one operation.

    `hold` and `balance` are None where the outcome is a refusal without them.
    `affordable_quantity` is what the work can come to in all, in the unit of its rate; None where
    it was not priced. `unpriced` is the place, from 1, of the usage that has no price where the
    outcome is UNPRICED and the operation speaks of several meters. `quota` is how an open call may
    run. `before` is the answer to the operation that was carried out before this one.
    """

    outcome: int
    asked_micros: int
    shortfall_micros: int
    retry_at: datetime | None
    replayed: bool
    charged_micros: int
    uncollected_micros: int
    hold: Hold | None
    balance: Balance | None
    limit_name: str | None = None
    affordable_quantity: int | None = None
    unpriced: int | None = None
    quota: Quota | None = None
    before: Result | None = None
