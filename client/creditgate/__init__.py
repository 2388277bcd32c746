"""Creditgate's client: reserve credits, do the work, pay for what was used.

    async with creditgate.AsyncClient("localhost:50051", api_key=key) as credits:
        async with credits.hold("acme", amount="5", hold_id=message_id) as hold:
            reply = await llm(prompt)
            hold.use(reply.cost)

`Client` is the same without `await`. Amounts are credits as int, str or Decimal, never float.
"""

from __future__ import annotations

from creditgate._amount import Amount, to_credits, to_micros
from creditgate._async import AsyncClient
from creditgate._async_hold import AsyncHold
from creditgate._async_statement import AsyncStatement
from creditgate._base import TLS
from creditgate._errors import (
    AccountClosed,
    AccountInactive,
    CreditgateError,
    CreditsHeld,
    Denied,
    HoldCommitted,
    HoldEnded,
    HoldExpired,
    HoldReleased,
    InsufficientCredits,
    InvalidRequest,
    LimitReached,
    NameReused,
    NoCycle,
    NotExecuted,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    RefundExceedsCharge,
    Refused,
    ScopeMissing,
    TooManyBudgets,
    Unauthenticated,
    Unavailable,
    Unpriced,
    VersionSkipped,
)
from creditgate._plan_types import (
    Addon,
    Booking,
    CycleUnit,
    Draw,
    Entry,
    EntryKind,
    Plan,
    PlanTiming,
    Publication,
)
from creditgate._sync import Client
from creditgate._sync_hold import SyncHold
from creditgate._sync_statement import SyncStatement
from creditgate._types import (
    Account,
    AccountStatus,
    Attributes,
    Balance,
    Cycle,
    Decision,
    Extension,
    Grant,
    Granting,
    GrantKind,
    GrantState,
    Hold,
    HoldState,
    HoldStatus,
    OveragePolicy,
    PlanVersion,
    Refund,
    Reservation,
    Revocation,
    Settlement,
)
from creditgate._watch import AccountState, Change, HoldMustEnd

__all__ = [
    "TLS",
    "Account",
    "AccountClosed",
    "AccountInactive",
    "AccountState",
    "AccountStatus",
    "Addon",
    "Amount",
    "AsyncClient",
    "AsyncHold",
    "AsyncStatement",
    "Attributes",
    "Balance",
    "Booking",
    "Change",
    "Client",
    "CreditgateError",
    "CreditsHeld",
    "Cycle",
    "CycleUnit",
    "Decision",
    "Denied",
    "Draw",
    "Entry",
    "EntryKind",
    "Extension",
    "Grant",
    "GrantKind",
    "GrantState",
    "Granting",
    "Hold",
    "HoldCommitted",
    "HoldEnded",
    "HoldExpired",
    "HoldMustEnd",
    "HoldReleased",
    "HoldState",
    "HoldStatus",
    "InsufficientCredits",
    "InvalidRequest",
    "LimitReached",
    "NameReused",
    "NoCycle",
    "NotExecuted",
    "NotFound",
    "OutcomeUnknown",
    "OveragePolicy",
    "Plan",
    "PlanTiming",
    "PlanVersion",
    "Publication",
    "RateLimited",
    "Refund",
    "RefundExceedsCharge",
    "Refused",
    "Reservation",
    "Revocation",
    "ScopeMissing",
    "Settlement",
    "SyncHold",
    "SyncStatement",
    "TooManyBudgets",
    "Unauthenticated",
    "Unavailable",
    "Unpriced",
    "VersionSkipped",
    "to_credits",
    "to_micros",
]
