"""What the service answers about plans, add-ons and statements, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from creditgate._types.account import OveragePolicy, PlanVersion
from creditgate._types.amount import to_credits
from creditgate._types.balance import Balance
from creditgate._types.base import Credits, Word
from creditgate._types.budget import Budget
from creditgate._types.call import CallTerms
from creditgate._types.conversation import ConversationTerms
from creditgate._types.threshold import Threshold


class CycleUnit(Word):
    """How long a cycle is, by the calendar and the clock of the account's time zone."""

    UNKNOWN = "UNKNOWN"
    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"
    YEAR = "YEAR"


class PlanTiming(Word):
    """When another plan takes effect: now, in proportion, or when the running cycle ends."""

    UNKNOWN = "UNKNOWN"
    NOW = "NOW"
    NEXT_CYCLE = "NEXT_CYCLE"


class EntryKind(Word):
    """What changed a settled balance."""

    UNKNOWN = "UNKNOWN"
    GRANT = "GRANT"
    CHARGE = "CHARGE"
    REFUND = "REFUND"
    EXPIRY = "EXPIRY"
    REVOCATION = "REVOCATION"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One version of a plan. `cycle` None means no cycles; limits that are None do not limit."""

    plan_id: str
    version: int
    name: str
    allowance_micros: int
    cycle: CycleUnit | None
    rollover_max_micros: int
    welcome_micros: int
    overdraft_limit_micros: int
    overage_policy: OveragePolicy
    hold_max_micros: int | None
    hold_ttl_max_seconds: float | None
    open_holds_max: int | None
    created_at: datetime
    thresholds: tuple[Threshold, ...]
    expiry_notice_seconds: float
    budgets: tuple[Budget, ...] = ()
    rate_card_id: str = ""
    rate_card_version: int = 0
    call_terms: CallTerms = field(default_factory=CallTerms)
    conversation_terms: ConversationTerms = field(default_factory=ConversationTerms)

    allowance = Credits()
    rollover_max = Credits()
    welcome = Credits()
    overdraft_limit = Credits()

    @property
    def hold_max(self) -> Decimal | None:
        """The most one hold may have, in credits; None when there is no limit."""
        return None if self.hold_max_micros is None else to_credits(self.hold_max_micros)

    @property
    def named(self) -> PlanVersion:
        """What accounts are put on."""
        return PlanVersion(plan_id=self.plan_id, version=self.version)


@dataclass(frozen=True, kw_only=True)
class Publication:
    """The answer to PutPlan. `replayed` is true when this version had been written before."""

    plan: Plan
    replayed: bool


@dataclass(frozen=True, kw_only=True)
class Addon:
    """A recurring package. `cancelled_at` is None while it comes again."""

    addon_id: str
    amount_micros: int
    outlives_cycle: bool
    priority: int
    created_at: datetime
    cancelled_at: datetime | None

    amount = Credits()


@dataclass(frozen=True, kw_only=True)
class Booking:
    """The answer to AddAddon. `replayed` is true when this name had been booked before."""

    addon: Addon
    balance: Balance
    replayed: bool


@dataclass(frozen=True, kw_only=True)
class Draw:
    """A part of an entry's amount and the grant it concerns; always positive."""

    grant_id: str
    amount_micros: int

    amount = Credits()


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One immutable line of an account's ledger.

    `amount` was added to the settled balance, negative when it was taken, and `settled` is what it
    was afterwards. `hold_id` is empty for what concerns no hold, `name` is the grant or refund.
    What of the amount is not in `draws` is debt, made or repaid.
    """

    version: int
    line: int
    kind: EntryKind
    amount_micros: int
    settled_micros: int
    hold_id: str
    name: str
    draws: tuple[Draw, ...]
    created_at: datetime

    amount = Credits()
    settled = Credits()


@dataclass(frozen=True, kw_only=True)
class StatementPage:
    """One page of a statement; `next_page_token` is empty after the last."""

    opening_micros: int
    closing_micros: int
    entries: tuple[Entry, ...]
    next_page_token: str
