"""The answers of Creditgate under one set of names, whoever gives them: oracle, fake or server.

Times are microseconds since 1970, amounts are micro-credits, enumerations are their names without
prefix.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Pairs = tuple[tuple[str, str], ...]
Threshold = tuple[str, int]
"""A balance that alerts: ("percent", of the allowance) or ("amount", micro-credits)."""


class Refused(Exception):  # noqa: N818 - the word the design uses
    """A definite refusal: its reason is the whole answer, and it changes nothing."""


@dataclass(frozen=True)
class BalanceView:
    """An account's credits as a response shows them."""

    settled: int
    held: int
    available: int
    overdraft: int
    version: int
    as_of: int


@dataclass(frozen=True)
class RateView:
    """The price of a meter; a tier is (the quantity it begins beyond, the price of a unit)."""

    meter: str
    model: str = "*"
    unit_price: int = 0
    unit_size: int = 0
    fee: int = 0
    minimum: int = 0
    initial: int = 0
    increment: int = 0
    tiers: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class LineView:
    """One meter of a hold that has several."""

    rate: RateView
    model: str
    quantity: int
    used_quantity: int
    affordable: int


@dataclass(frozen=True)
class FinalView:
    """How a call ends, and why."""

    reason: str
    action: str
    target: str


@dataclass(frozen=True)
class QuotaView:
    """How long a call may go on."""

    granted: int
    funded_until: int
    renew_ms: int
    warn_ms: int
    final: FinalView | None
    on_reserve: str
    on_extend: str
    offline_seconds: int


@dataclass(frozen=True)
class HoldView:
    """A hold as a response shows it."""

    hold_id: str
    state: str
    granted: int
    held: int
    used: int
    charged: int
    uncollected: int
    refunded: int
    created_at: int
    expires_at: int
    settled_at: int | None
    late: bool
    cause: str
    attributes: Pairs
    labels: Pairs
    granted_quantity: int = 0
    used_quantity: int = 0
    rate: RateView | None = None
    lines: tuple[LineView, ...] = ()
    call: tuple[str, int] | None = None


@dataclass(frozen=True)
class GrantView:
    """A grant as a response shows it."""

    grant_id: str
    kind: str
    amount: int
    remaining: int
    priority: int
    effective_at: int
    expires_at: int | None
    state: str
    reference: str
    created_at: int
    package: tuple[str, int, int] | None = None


@dataclass(frozen=True)
class CycleView:
    """One period of a plan on one account; its beginning belongs to it, its end does not."""

    number: int
    starts_at: int
    ends_at: int


@dataclass(frozen=True)
class StandingView:
    """Where an account is in its plan. Plans are named by (id, version)."""

    plan: tuple[str, int] | None = None
    next_plan: tuple[str, int] | None = None
    time_zone: str = "UTC"
    anchor: int | None = None
    cycle: CycleView | None = None


@dataclass(frozen=True)
class AddonView:
    """A recurring package as a response shows it."""

    addon_id: str
    amount: int
    outlives_cycle: bool
    priority: int
    created_at: int
    cancelled_at: int | None = None


@dataclass(frozen=True)
class BudgetView:
    """A budget as it is asked for and shown; limits that are None do not limit."""

    budget_id: str
    attribute: str = ""
    value: str = ""
    together: bool = False
    period: str = "TOTAL"
    spend_max: int | None = None
    open_holds_max: int | None = None


@dataclass(frozen=True)
class CounterView:
    """Where a budget stands for one value; `ends_at` None when its period does not end."""

    budget_id: str
    value: str
    spent: int
    held: int
    open_holds: int
    ends_at: int | None


@dataclass(frozen=True)
class AutoTopup:
    """When and how more credits are asked for; a `month_max` of 0 is none."""

    below: int
    amount: int
    month_max: int = 0
    enabled: bool = True


@dataclass(frozen=True)
class TopupView:
    """A request for credits as a response shows it."""

    request_id: str
    state: str
    amount: int
    reason: str
    created_at: int
    ended_at: int | None


@dataclass(frozen=True)
class AccountView:
    """An account as a response shows it, but for its balance."""

    account_id: str
    status: str
    policy: str
    debt: int
    open_holds: int
    labels: Pairs
    created_at: int
    standing: StandingView = StandingView()
    thresholds: tuple[Threshold, ...] = (("amount", 0),)
    own_thresholds: bool = False
    unpaid: int = 0
    auto_topup: AutoTopup | None = None
    topup_request: str = ""


@dataclass(frozen=True)
class EventView:
    """An event as a response shows it; `details` are what its kind has, in the API's order."""

    number: int
    kind: str
    version: int
    settled: int
    held: int
    overdraft: int
    created_at: int
    details: tuple[Any, ...] = ()


@dataclass(frozen=True)
class ConversationView:
    """A session of a conversation as a response shows it; `ending` is empty while it is open."""

    account_id: str
    conversation_id: str
    session: int
    state: str
    type: str
    started_at: int
    last_activity_at: int
    ends_at: int
    ended_at: int | None
    duration: int
    messages: int
    charged: int
    ending: str
    cause: str
    attributes: Pairs
    labels: Pairs
    pricing: str


@dataclass(frozen=True)
class UsageRowView:
    """A row of usage as a response shows it; `starts_at` None when a whole range is summed up."""

    starts_at: int | None
    type: str
    meter: str
    model: str
    value: str
    consumed: int
    refunded: int
    quantity: int
    holds: int


@dataclass(frozen=True)
class DistributionView:
    """A distribution as a response shows it: where bins begin, and how many are in each."""

    begins: tuple[int, ...]
    counts: tuple[int, ...]
    total: int
    maximum: int
    p50: int
    p90: int


@dataclass(frozen=True)
class Answer:
    """One response; fields that do not apply stay as they are here.

    `outcome` is the decision, ACCEPTED, or the reason of the error.
    """

    outcome: str
    balance: BalanceView | None = None
    hold: HoldView | None = None
    grant: GrantView | None = None
    account: AccountView | None = None
    addon: AddonView | None = None
    limit: str = ""
    asked: int = 0
    shortfall: int = 0
    retry_after: int | None = None
    replayed: bool = False
    charged: int = 0
    uncollected: int = 0
    late: bool = False
    revoked: int = 0
    lapsed: int = 0
    holds: tuple[HoldView, ...] = ()
    grants: tuple[GrantView, ...] = ()
    addons: tuple[AddonView, ...] = ()
    budget: BudgetView | None = None
    budgets: tuple[tuple[BudgetView, bool], ...] = ()
    counters: tuple[CounterView, ...] = ()
    events: tuple[EventView, ...] = ()
    topup: TopupView | None = None
    topups: tuple[TopupView, ...] = ()
    opening: int = 0
    closing: int = 0
    affordable: int = 0
    price: int = 0
    rate: RateView | None = None
    quota: QuotaView | None = None
    quoted: tuple[tuple[RateView, int, int], ...] = ()
    pinned_until: int | None = None
    conversation: ConversationView | None = None
    conversations: tuple[ConversationView, ...] = ()
    opened: bool = False
    summary: Any = None
    replaced: Answer | None = None
    rows: tuple[UsageRowView, ...] = ()
    distribution: DistributionView | None = None
