"""What tenants sell: plans, and packages that come again."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol

from .calls import CallTerms
from .conversations import ConversationTerms
from .events import EXPIRY_NOTICE_MS_DEFAULT, THRESHOLDS_DEFAULT

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from .account_keys import AccountKey
    from .balances import Balance
    from .budgets import Budget
    from .outcomes import Outcome


class CycleUnit(IntEnum):
    """How long a cycle is. The numbers are those of the database and of the API."""

    NONE = 0
    DAY = 1
    WEEK = 2
    MONTH = 3
    YEAR = 4


class Plan(NamedTuple):
    """One version of a plan; limits that are None do not limit.

    `thresholds` are amounts, or percents of the allowance as negative numbers.
    Of its rate card, version 0 is the latest when it is written.
    Fields and order are those of the table `creditgate.plans`, but for its tenant, and as far as
    the rate card: it and what follows are in tables of their own.
    """

    plan_id: str
    version: int
    name: str = ""
    allowance_micros: int = 0
    cycle_unit: int = CycleUnit.NONE
    rollover_max_micros: int = 0
    welcome_micros: int = 0
    overdraft_limit_micros: int = 0
    overage_policy: int = 1
    hold_max_micros: int | None = None
    hold_ttl_max_ms: int | None = None
    open_holds_max: int | None = None
    fingerprint: bytes = b""
    created_at: datetime | None = None
    thresholds: Sequence[int] = THRESHOLDS_DEFAULT
    expiry_notice_ms: int = EXPIRY_NOTICE_MS_DEFAULT
    rate_card_id: str = ""
    rate_card_version: int = 0
    budgets: tuple[Budget, ...] = ()
    call_terms: CallTerms = CallTerms()
    conversation_terms: ConversationTerms = ConversationTerms()


class PlanResult(NamedTuple):
    """The answer to PutPlan."""

    outcome: Outcome
    plan: Plan | None
    replayed: bool = False


class Addon(NamedTuple):
    """A recurring package; `lasts` says that what is left of it outlives the cycle."""

    addon_id: str
    amount_micros: int
    lasts: bool
    priority: int
    fingerprint: bytes
    created_at: datetime | None = None
    cancelled_at: datetime | None = None


class AddonResult(NamedTuple):
    """The answer to AddAddon and CancelAddon."""

    outcome: int
    addon: Addon | None
    balance: Balance | None
    replayed: bool = False


class Catalog(Protocol):
    """Plans and add-ons. Raises only `domain.errors`."""

    async def put_plan(self, tenant_id: UUID, plan: Plan) -> PlanResult:
        """Write a version: ACCEPTED, NAME_REUSED, VERSION_SKIPPED or RATE_CARD_NOT_FOUND."""
        ...

    async def get_plan(self, tenant_id: UUID, plan_id: str, version: int) -> Plan | None:
        """Read a version, 0 for the latest; None when there is none."""
        ...

    async def list_plans(self, tenant_id: UUID, *, after: str, limit: int) -> Sequence[Plan]:
        """Read the latest versions of plans whose ids come after `after`, in their order."""
        ...

    async def add_addon(self, account: AccountKey, new: Addon) -> AddonResult:
        """Book an add-on.

        ACCEPTED, ACCOUNT_NOT_FOUND, NAME_REUSED, ACCOUNT_CLOSED, NO_CYCLE or OUT_OF_RANGE.
        """
        ...

    async def cancel_addon(self, account: AccountKey, addon_id: str) -> AddonResult:
        """Cancel an add-on: ACCEPTED, ACCOUNT_NOT_FOUND or ADDON_NOT_FOUND."""
        ...

    async def list_addons(
        self, account: AccountKey, *, after: str, limit: int
    ) -> Sequence[Addon] | None:
        """Read add-ons in the order of their ids; None when there is no such account."""
        ...
