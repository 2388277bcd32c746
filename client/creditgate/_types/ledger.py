"""What the service answers, as frozen values.

Every amount is there twice: in credits (`held`, a Decimal) and in micro-credits (`held_micros`, an
int).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from creditgate import _errors as errors
from creditgate._types.amount import to_credits
from creditgate._types.threshold import Threshold

if TYPE_CHECKING:
    from creditgate._types.call import CallLeg, Quota
    from creditgate._types.rate import HoldLine, Rate
    from creditgate._types.topup import AutoTopup

Item = TypeVar("Item")


class Credits:
    """A read-only attribute in credits over the field of the same name with `_micros`."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._field = f"{name}_micros"

    @overload
    def __get__(self, instance: None, owner: type) -> Credits: ...
    @overload
    def __get__(self, instance: object, owner: type) -> Decimal: ...
    def __get__(self, instance: object | None, owner: type) -> Credits | Decimal:
        return self if instance is None else to_credits(getattr(instance, self._field))


class Word(StrEnum):
    """A word of the API. `UNKNOWN` stands for one that is newer than this package."""

    @classmethod
    def _missing_(cls, value: object) -> Any:  # noqa: ARG003 - the standard library's signature
        return cls["UNKNOWN"]


class Decision(Word):
    """The answer to "may this work be done"."""

    UNKNOWN = "UNKNOWN"
    GRANTED = "GRANTED"
    GRANTED_PARTIAL = "GRANTED_PARTIAL"
    DENIED_INSUFFICIENT_CREDITS = "DENIED_INSUFFICIENT_CREDITS"
    DENIED_CREDITS_HELD = "DENIED_CREDITS_HELD"
    DENIED_LIMIT = "DENIED_LIMIT"
    DENIED_ACCOUNT_INACTIVE = "DENIED_ACCOUNT_INACTIVE"


class HoldState(Word):
    """Where a hold is in its life. An ended hold never changes its state."""

    UNKNOWN = "UNKNOWN"
    OPEN = "OPEN"
    COMMITTED = "COMMITTED"
    RELEASED = "RELEASED"
    EXPIRED = "EXPIRED"


class AccountStatus(Word):
    """What may be done with an account."""

    UNKNOWN = "UNKNOWN"
    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    CLOSED = "CLOSED"


class OveragePolicy(Word):
    """What happens to used credits that cannot be collected: capped and recorded, or debt."""

    UNKNOWN = "UNKNOWN"
    CAP = "CAP"
    DEBT = "DEBT"
    DENY = "DENY"


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
class Attributes:
    """The work a hold is for, in the terms reports are grouped by; each at most 128 characters."""

    agent: str = ""
    model: str = ""
    conversation_id: str = ""
    call_id: str = ""
    user: str = ""
    topic: str = ""


@dataclass(frozen=True, kw_only=True)
class Balance:
    """An account's credits at one `version`: available = settled + overdraft limit - held."""

    settled_micros: int
    held_micros: int
    available_micros: int
    overdraft_limit_micros: int
    version: int
    as_of: datetime

    settled = Credits()
    held = Credits()
    available = Credits()
    overdraft_limit = Credits()


@dataclass(frozen=True, kw_only=True)
class Hold:
    """Credits set aside for one piece of work, as they stand. `settled_at` is None while open.

    Quantities are in the unit of `rate`, which is None of a hold made by amount, or by usages:
    then `lines` are its meters. `call` is the gateway that carries the call, where it is one.
    """

    account_id: str
    hold_id: str
    state: HoldState
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
    attributes: Attributes
    labels: Mapping[str, str]
    granted_quantity: int = 0
    used_quantity: int = 0
    rate: Rate | None = None
    lines: tuple[HoldLine, ...] = ()
    call: CallLeg | None = None

    granted = Credits()
    held = Credits()
    used = Credits()
    charged = Credits()
    uncollected = Credits()
    refunded = Credits()


@dataclass(frozen=True, kw_only=True)
class _Decided:
    """What decisions have in common; of usage `affordable_quantity` is what it can come to."""

    decision: Decision
    hold: Hold | None
    balance: Balance
    asked_micros: int
    shortfall_micros: int
    retry_after_seconds: float | None = None
    limit: str = ""
    affordable_quantity: int = 0

    asked = Credits()
    shortfall = Credits()

    @property
    def granted(self) -> bool:
        """True when the work may be done: all of it, or at least the minimum."""
        return self.decision in {Decision.GRANTED, Decision.GRANTED_PARTIAL}


@dataclass(frozen=True, kw_only=True)
class Reservation(_Decided):
    """The answer to a Reserve or a Charge. `hold` is None when denied.

    `replayed` is true when this name had been decided before and that decision is repeated.
    `quota` is how a call may run; None where no open one was asked for.
    `replaced` is the final Commit of the hold that was replaced; None where none was.
    """

    replayed: bool = False
    quota: Quota | None = None
    replaced: Settlement | None = None

    def raise_if_denied(self) -> Hold:
        """Return the hold, or raise the `Denied` that says why there is none."""
        if not self.granted or self.hold is None:
            raise errors.denied(self)
        return self.hold


@dataclass(frozen=True, kw_only=True)
class Extension(_Decided):
    """The answer to an Extend; `hold` is the hold as it stands, also when the raise was denied.

    `quota` is how a call may run from now on; None where the hold is no call's.
    """

    hold: Hold
    charged_micros: int = 0
    uncollected_micros: int = 0
    quota: Quota | None = None

    charged = Credits()
    uncollected = Credits()

    def raise_if_denied(self) -> Hold:
        """Return the hold, or raise the `Denied` that says why it was not raised."""
        if not self.granted:
            raise errors.denied(self)
        return self.hold


@dataclass(frozen=True, kw_only=True)
class Settlement:
    """The answer to a Commit: what this call charged, and the hold with the sum of all calls."""

    hold: Hold
    balance: Balance
    charged_micros: int
    uncollected_micros: int
    late: bool

    charged = Credits()
    uncollected = Credits()


@dataclass(frozen=True, kw_only=True)
class HoldStatus:
    """A hold and its account's balance at one instant."""

    hold: Hold
    balance: Balance


@dataclass(frozen=True, kw_only=True)
class PlanVersion:
    """Which version of which plan: `PlanVersion.parse("pro@2")`, and `str()` of it again."""

    plan_id: str
    version: int

    @classmethod
    def parse(cls, text: str) -> PlanVersion:
        """Read a plan's id and version, with an `@` between them. Raises ValueError."""
        plan_id, at, version = text.rpartition("@")
        if not (plan_id and at and version.isascii() and version.isdigit()):
            raise ValueError(f"a plan is named by its id and version, such as pro@1, not {text!r}")
        return cls(plan_id=plan_id, version=int(version))

    def __str__(self) -> str:
        return f"{self.plan_id}@{self.version}"


@dataclass(frozen=True, kw_only=True)
class Cycle:
    """One period of a plan on one account: `starts_at` belongs to it, `ends_at` does not.

    `number` counts from the one that begins at the account's billing anchor, which is 0.
    """

    number: int
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, kw_only=True)
class Account:
    """One wallet of one customer.

    `plan`, `next_plan` and `cycle` are None where there is none; `billing_anchor` is None before
    the first plan. `thresholds` alert, the highest first: the plan's unless `own_thresholds`.
    """

    account_id: str
    status: AccountStatus
    overage_policy: OveragePolicy
    balance: Balance
    debt_micros: int
    open_holds: int
    labels: Mapping[str, str]
    created_at: datetime
    plan: PlanVersion | None = None
    next_plan: PlanVersion | None = None
    time_zone: str = "UTC"
    billing_anchor: datetime | None = None
    cycle: Cycle | None = None
    thresholds: tuple[Threshold, ...] = ()
    own_thresholds: bool = False
    unpaid_micros: int = 0
    auto_topup: AutoTopup | None = None
    topup_request_id: str = ""

    debt = Credits()
    unpaid = Credits()


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


@dataclass(frozen=True, kw_only=True)
class Page(Generic[Item]):
    """One page of a list; `next_page_token` is empty after the last."""

    items: tuple[Item, ...] = field(default=())
    next_page_token: str = ""
