"""An account on a plan: its cycles, what they bring, and its add-ons."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from tests.oracle.account import Grant
from tests.oracle.answers import (
    AccountView,
    AddonView,
    BudgetView,
    CycleView,
    GrantView,
    RateView,
    Refused,
    StandingView,
    Threshold,
)
from tests.oracle.budgets import Budgeted
from tests.oracle.calendar import EPOCH, cycle_at
from tests.oracle.calls import USUAL_CALLS, CallTerms
from tests.oracle.events import NO_PLAN_THRESHOLDS
from tests.oracle.prices import RateCard
from tests.oracle.terms import USUAL_CONVERSATIONS, ConversationTerms
from tests.oracle.topups import Desk

DAY_MS = 86_400_000


@dataclass(frozen=True)
class Plan:
    """One version of a plan; limits that are None do not limit.

    `card` is the rate card asked for, of which version 0 is the latest; `prices` is what it was.
    """

    plan_id: str
    version: int = 1
    allowance: int = 0
    unit: str = "NONE"
    rollover_max: int = 0
    welcome: int = 0
    overdraft: int = 0
    policy: str = "CAP"
    hold_max: int | None = None
    hold_ttl_max_ms: int | None = None
    open_holds_max: int | None = None
    budgets: tuple[BudgetView, ...] = ()
    thresholds: tuple[Threshold, ...] = (("percent", 20), ("amount", 0))
    expiry_notice_ms: int = 7 * DAY_MS
    card: tuple[str, int] | None = None
    prices: RateCard | None = field(default=None, compare=False)
    terms: CallTerms = USUAL_CALLS
    conversations: ConversationTerms = USUAL_CONVERSATIONS

    @property
    def name(self) -> tuple[str, int]:
        return (self.plan_id, self.version)


NO_PLAN = Plan("", 0)


class Subscriber(Budgeted):
    """An account that may be on a plan."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.plan: Plan | None = None
        self.next_plan: Plan | None = None
        self.zone = "UTC"
        self.anchor: int | None = None
        self.cycle: CycleView | None = None
        self.addons: dict[str, AddonView] = {}
        self.turns = 0
        self.pins: list[tuple[RateCard, int]] = []
        self.own_thresholds: tuple[Threshold, ...] | None = None
        self.desk = Desk(self)

    @property
    def limits(self) -> Plan:
        """The plan whose limits count."""
        return self.plan or NO_PLAN

    def rate(self, meter: str, model: str) -> RateView | None:
        """What the plan's rate card asks for a meter and model."""
        card = self.limits.prices
        return card.find(meter, model) if card else None

    def promised(self, at: int, pinned: int) -> RateCard:
        """The card of a quote of this account, the latest being 1, while it is promised."""
        card, ends = self.pins[-pinned]
        if ends <= at:
            raise Refused("QUOTE_EXPIRED")
        return card

    @property
    def standing(self) -> StandingView:
        plan = self.plan.name if self.plan else None
        following = self.next_plan.name if self.next_plan else None
        return StandingView(plan, following, self.zone, self.anchor, self.cycle)

    @property
    def allowance(self) -> int:
        return self.limits.allowance

    @property
    def thresholds(self) -> tuple[Threshold, ...]:
        if self.own_thresholds is not None:
            return self.own_thresholds
        return self.plan.thresholds if self.plan else NO_PLAN_THRESHOLDS

    def view(self) -> AccountView:
        return replace(
            super().view(),
            own_thresholds=self.own_thresholds is not None,
            auto_topup=self.desk.wish,
            topup_request=self.desk.request or "",
        )

    def asked(self, number: int) -> list[tuple[Any, ...]]:
        return self.desk.news(number)

    def shown(self) -> tuple[Any, ...]:
        bound = (tuple(self.budgets), tuple(self.own))
        own = None if self.own_thresholds is None else frozenset(self.own_thresholds)
        standing = (self.plan, self.next_plan, self.zone, self.anchor)
        return (*super().shown(), *standing, bound, own, *self.desk.shown)

    def expects(self, grant: Grant) -> Grant:
        """Say when it is to be told that a new grant ends: as long before as the plan says."""
        view, notice = grant.view, self.limits.expiry_notice_ms * 1000
        if view.expires_at is not None and notice and view.kind not in {"PLAN", "ROLLOVER"}:
            at = view.expires_at - notice
            grant.notice_at = at if at > view.effective_at else None
        return grant

    def due(self, at: int) -> Iterable[tuple[tuple[Any, ...], Callable[[], object]]]:
        yield from super().due(at)
        if self.cycle and self.cycle.ends_at <= at:
            yield (self.cycle.ends_at, 1), self.turn

    @property
    def running_allowance(self) -> list[Grant]:
        """What plans have given for the running cycle."""
        return [
            grant
            for grant in self.burning("LIVE")
            if grant.view.kind == "PLAN"
            and grant.view.grant_id.startswith("cycle/")
            and self.cycle
            and grant.view.expires_at == self.cycle.ends_at
        ]

    def place(self, at: int) -> CycleView | None:
        """The cycle of the plan that an instant lies in."""
        if self.limits.unit == "NONE" or self.anchor is None:
            return None
        return cycle_at(self.anchor, self.zone, self.limits.unit, at)

    def take(self, plan: Plan) -> None:
        """Let a plan take effect."""
        self.plan, self.next_plan = plan, None
        self.overdraft, self.policy = plan.overdraft, plan.policy
        self.bind(own=self.own, of_plan={each.budget_id: each for each in plan.budgets})
        self.stretched = True  # the limit may be lower than what is used of it

    def turn(self) -> None:
        """End the running cycle and begin the next."""
        assert self.cycle, "only a cycle turns"
        assert self.plan, "cycles come with a plan"
        self.turns += 1
        self.news = [each for each in self.news if each[0] != "CYCLE_RESET"]
        at = self.cycle.ends_at
        left = sum(grant.remaining - self.covered(grant) for grant in self.running_allowance)
        if self.next_plan:
            self.take(self.next_plan)
        following = self.place(at)
        if following and following.starts_at != at:
            self.anchor = at
        self.cycle = self.place(at)
        if self.cycle and self.status != "CLOSED":
            end = self.cycle.ends_at
            it = self.cycle
            self.news.append(("CYCLE_RESET", it.number, it.starts_at, it.ends_at))
            self.give("rollover", "ROLLOVER", min(left, self.plan.rollover_max), at=at, end=end)
            self.give("allowance", "PLAN", self.plan.allowance, at=at, end=end)
            for addon in sorted(self.addons.values(), key=lambda a: (a.created_at, a.addon_id)):
                if addon.cancelled_at is None:
                    self.give_addon(addon, at)

    def give(
        self, what: str, kind: str, amount: int, *, at: int, end: int | None, priority: int = 0
    ) -> None:
        """Make a grant that begins at an instant, as large as the balance has room for."""
        amount = min(amount, self.room)
        if amount <= 0:
            return
        instant = (EPOCH + timedelta(microseconds=at)).replace(tzinfo=None)
        name = f"cycle/{instant.isoformat(timespec='microseconds')}Z/{what}"
        if what == "welcome":
            name = "cycle/welcome"
        view = GrantView(name, kind, amount, amount, priority, at, end, "PENDING", "", self.now)
        assert name not in self.grants, "each cycle comes once"
        self.grants[name] = self.expects(Grant(view, len(self.grants) + 1, ("cycle",)))

    def give_addon(self, addon: AddonView, at: int) -> None:
        """Bring what an add-on brings each time."""
        assert self.cycle, "add-ons come with cycles"
        end = None if addon.outlives_cycle else self.cycle.ends_at
        what = f"addon/{addon.addon_id}"
        self.give(what, "PURCHASED", addon.amount, at=at, end=end, priority=addon.priority)

    def move(self, anchor: int | None, zone: str) -> None:
        """Count cycles anew: the running one, and its allowance, end where the count says."""
        if (anchor, zone) == (self.anchor, self.zone):
            return
        moved = self.running_allowance
        self.anchor, self.zone = anchor, zone
        self.cycle = self.place(self.now)
        for grant in moved:
            assert self.cycle
            grant.set(expires_at=self.cycle.ends_at)

    def start(self, plan: Plan) -> None:
        """Be on a plan from now on."""
        first = self.plan is None
        for grant in self.running_allowance:
            with self.change():
                self.end(grant, "EXPIRED")
        self.take(plan)
        self.anchor = self.now if self.anchor is None else self.anchor
        self.cycle = self.place(self.now)
        if self.cycle:
            whole, left = self.cycle.ends_at - self.cycle.starts_at, self.cycle.ends_at - self.now
            share = plan.allowance if first else plan.allowance * left // whole
            number = sum(g.view.effective_at == self.now for g in self.grants.values())
            self.give(f"allowance/{number}", "PLAN", share, at=self.now, end=self.cycle.ends_at)
        if first:
            self.give("welcome", "PROMOTIONAL", plan.welcome, at=self.now, end=None)
