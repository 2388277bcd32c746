"""Accounts, the plan they are on and its cycle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from creditgate._types.balance import Balance
from creditgate._types.base import Credits, Word
from creditgate._types.threshold import Threshold
from creditgate._types.topup import AutoTopup


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
