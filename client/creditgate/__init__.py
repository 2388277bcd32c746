"""Creditgate's client: reserve credits, do the work, pay for what was used.

    async with creditgate.AsyncClient("localhost:50051", api_key=key) as credits:
        async with credits.hold("acme", amount="5", hold_id=message_id) as hold:
            reply = await llm(prompt)
            hold.use(reply.cost)

`Client` is the same without `await`. Amounts are credits as int, str or Decimal, never float.
"""

from __future__ import annotations

from creditgate._async.call import AsyncCall
from creditgate._async.client import AsyncClient
from creditgate._async.conversation import AsyncConversation, AsyncMessage
from creditgate._async.export import AsyncExport
from creditgate._async.hold import AsyncHold
from creditgate._async.statement import AsyncStatement
from creditgate._base import TLS
from creditgate._call.clock import Clock, Timer
from creditgate._call.reconcile import Reconciliation
from creditgate._errors import (
    AccountClosed,
    AccountInactive,
    CreditgateError,
    CreditsHeld,
    Denied,
    GrantRevoked,
    HoldArchived,
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
    QuoteExpired,
    RangeArchived,
    RateLimited,
    RefundExceedsCharge,
    Refused,
    ScopeMissing,
    TooManyBudgets,
    TooManyEndpoints,
    TopupIsCompleted,
    Unauthenticated,
    Unavailable,
    Unpriced,
    VersionSkipped,
)
from creditgate._sync.call import SyncCall
from creditgate._sync.client import Client
from creditgate._sync.conversation import SyncConversation, SyncMessage
from creditgate._sync.export import SyncExport
from creditgate._sync.hold import SyncHold
from creditgate._sync.statement import SyncStatement
from creditgate._types.account import Account, AccountStatus, Cycle, OveragePolicy, PlanVersion
from creditgate._types.activity import Activity, ActivityChunk
from creditgate._types.amount import Amount, to_credits, to_micros
from creditgate._types.balance import Balance
from creditgate._types.budget import AccountBudget, Budget, BudgetCounter, BudgetPeriod
from creditgate._types.call import (
    CallLeg,
    CallTerms,
    FailureHandling,
    FinalAction,
    FinalReason,
    FinalUnit,
    Quota,
)
from creditgate._types.conversation import (
    Conversation,
    ConversationClosing,
    ConversationEnding,
    ConversationPricing,
    ConversationState,
    ConversationTerms,
    MessageReservation,
    MessageSettlement,
    MessageStatus,
)
from creditgate._types.decision import Decision, Extension, HoldStatus, Reservation, Settlement
from creditgate._types.delivery import (
    Delivery,
    DeliveryState,
    Endpoint,
    EndpointSecret,
    EndpointState,
)
from creditgate._types.event import (
    BalanceLow,
    CycleReset,
    Event,
    EventKind,
    GrantExpiring,
    HoldLate,
    TopupCompleted,
    TopupRefused,
    TopupRequested,
)
from creditgate._types.grant import (
    Grant,
    Granting,
    GrantKind,
    GrantState,
    PackageOrder,
    Refund,
    Revocation,
)
from creditgate._types.hold import Attributes, Hold, HoldState
from creditgate._types.link import UsageLink
from creditgate._types.package import Package, PackagePublication
from creditgate._types.plan import (
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
from creditgate._types.rate import (
    HoldLine,
    Quote,
    QuoteLine,
    Rate,
    RateCard,
    RateCardPublication,
    RateTier,
    ReplacedHold,
    Usage,
)
from creditgate._types.summary import (
    ConversationTotals,
    CreditSource,
    DayUsage,
    Summary,
    SummaryPeriod,
    SummaryPeriodKind,
    UsageTrend,
)
from creditgate._types.threshold import Threshold
from creditgate._types.topup import AutoTopup, Topup, TopupRefusal, TopupState
from creditgate._types.usage import (
    Distribution,
    UsageBin,
    UsageGrouping,
    UsageMeasure,
    UsageRow,
    UsageUnit,
)
from creditgate._watch import AccountState, Change, HoldMustEnd

__all__ = [
    "TLS",
    "Account",
    "AccountBudget",
    "AccountClosed",
    "AccountInactive",
    "AccountState",
    "AccountStatus",
    "Activity",
    "ActivityChunk",
    "Addon",
    "Amount",
    "AsyncCall",
    "AsyncClient",
    "AsyncConversation",
    "AsyncExport",
    "AsyncHold",
    "AsyncMessage",
    "AsyncStatement",
    "Attributes",
    "AutoTopup",
    "Balance",
    "BalanceLow",
    "Booking",
    "Budget",
    "BudgetCounter",
    "BudgetPeriod",
    "CallLeg",
    "CallTerms",
    "Change",
    "Client",
    "Clock",
    "Conversation",
    "ConversationClosing",
    "ConversationEnding",
    "ConversationPricing",
    "ConversationState",
    "ConversationTerms",
    "ConversationTotals",
    "CreditSource",
    "CreditgateError",
    "CreditsHeld",
    "Cycle",
    "CycleReset",
    "CycleUnit",
    "DayUsage",
    "Decision",
    "Delivery",
    "DeliveryState",
    "Denied",
    "Distribution",
    "Draw",
    "Endpoint",
    "EndpointSecret",
    "EndpointState",
    "Entry",
    "EntryKind",
    "Event",
    "EventKind",
    "Extension",
    "FailureHandling",
    "FinalAction",
    "FinalReason",
    "FinalUnit",
    "Grant",
    "GrantExpiring",
    "GrantKind",
    "GrantRevoked",
    "GrantState",
    "Granting",
    "Hold",
    "HoldArchived",
    "HoldCommitted",
    "HoldEnded",
    "HoldExpired",
    "HoldLate",
    "HoldLine",
    "HoldMustEnd",
    "HoldReleased",
    "HoldState",
    "HoldStatus",
    "InsufficientCredits",
    "InvalidRequest",
    "LimitReached",
    "MessageReservation",
    "MessageSettlement",
    "MessageStatus",
    "NameReused",
    "NoCycle",
    "NotExecuted",
    "NotFound",
    "OutcomeUnknown",
    "OveragePolicy",
    "Package",
    "PackageOrder",
    "PackagePublication",
    "Plan",
    "PlanTiming",
    "PlanVersion",
    "Publication",
    "Quota",
    "Quote",
    "QuoteExpired",
    "QuoteLine",
    "RangeArchived",
    "Rate",
    "RateCard",
    "RateCardPublication",
    "RateLimited",
    "RateTier",
    "Reconciliation",
    "Refund",
    "RefundExceedsCharge",
    "Refused",
    "ReplacedHold",
    "Reservation",
    "Revocation",
    "ScopeMissing",
    "Settlement",
    "Summary",
    "SummaryPeriod",
    "SummaryPeriodKind",
    "SyncCall",
    "SyncConversation",
    "SyncExport",
    "SyncHold",
    "SyncMessage",
    "SyncStatement",
    "Threshold",
    "Timer",
    "TooManyBudgets",
    "TooManyEndpoints",
    "Topup",
    "TopupCompleted",
    "TopupIsCompleted",
    "TopupRefusal",
    "TopupRefused",
    "TopupRequested",
    "TopupState",
    "Unauthenticated",
    "Unavailable",
    "Unpriced",
    "Usage",
    "UsageBin",
    "UsageGrouping",
    "UsageLink",
    "UsageMeasure",
    "UsageRow",
    "UsageTrend",
    "UsageUnit",
    "VersionSkipped",
    "to_credits",
    "to_micros",
]
