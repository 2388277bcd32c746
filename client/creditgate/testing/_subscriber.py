"""An account of the fake that may be on a plan: its cycles, and what they bring."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from creditgate.testing._budgets import Bounded
from creditgate.testing._calendar import cycle_number, cycle_start
from creditgate.testing._teller import NOTICE_MS_DEFAULT
from creditgate.testing._topups import Topups
from creditgate.testing._wallet import (
    LIVE,
    OPEN,
    PENDING,
    Event,
    FakeGrant,
    stamp,
)
from creditgate.v1 import account_pb2, event_pb2
from creditgate.v1 import account_service_pb2 as accounts
from creditgate.v1 import catalog_service_pb2 as catalog

PREFIX = "cycle/"
EXPIRED = account_pb2.GRANT_STATE_EXPIRED
CYCLIC = {account_pb2.GRANT_KIND_PLAN, account_pb2.GRANT_KIND_ROLLOVER}
ZERO = account_pb2.Threshold(amount_micros=0)


@dataclass
class Subscriber(Bounded):
    """A wallet, its plan and the next one, and its add-ons by name."""

    plan: catalog.Plan = field(default_factory=catalog.Plan)
    next_plan: catalog.Plan | None = None
    addons: dict[str, accounts.Addon] = field(default_factory=dict)
    own_thresholds: list[account_pb2.Threshold] | None = None

    def __post_init__(self) -> None:
        self.topups = Topups(self.message)

    def asked(self, number: int) -> Iterator[event_pb2.Event]:
        """Ask for more where the balance is low."""
        return self.topups.news(self.settled, self.now, number)

    def complete(self, grant: FakeGrant, *, since: int) -> None:
        """Let a grant complete the request it is named after; it is a change since a version."""
        completed = self.topups.complete(grant.message, self.now)
        if completed is not None:
            self.news.append(completed)
            self.tell(since=since)

    @property
    def limits(self) -> catalog.PlanLimits:
        """The limits that count; zero is none."""
        return self.plan.limits

    @property
    def open_holds(self) -> int:
        """How many holds are open."""
        return sum(hold.message.state == OPEN for hold in self.holds.values())

    @property
    def ends(self) -> int | None:
        """When the running cycle ends, if there is one."""
        it = self.message
        return it.cycle.ends_at.ToMicroseconds() if it.HasField("cycle") else None

    def numbers(self) -> tuple[Any, ...]:
        """What a change of the account is told by."""
        it = self.message
        plans = (it.plan_id, it.plan_version, it.next_plan_id, it.next_plan_version)
        terms = (it.status, it.overage_policy, self.overdraft)
        bound = [each.SerializeToString() for each in self.budgets.values()], list(self.own)
        own = None if self.own_thresholds is None else str(it.thresholds)
        counts = (
            it.time_zone,
            it.billing_anchor.ToNanoseconds(),
            bound,
            own,
            str(it.auto_topup),
            self.topups.armed,
        )
        return *super().numbers(), *plans, *terms, *counts

    def planned(self) -> Sequence[account_pb2.Budget]:
        """The budgets of the plan."""
        return self.plan.budgets

    def due(self) -> Iterator[Event]:
        """The end of the cycle comes after the ends of holds, and before grants begin."""
        yield from super().due()
        if self.ends is not None:
            yield self.ends, 1, (), self.turn

    def choose(self, plan: catalog.Plan, *, at_next_cycle: bool) -> None:
        """Put the account on a plan."""
        if at_next_cycle and self.ends is not None:
            self.next_plan = plan
            self.message.next_plan_id, self.message.next_plan_version = plan.plan_id, plan.version
        elif plan != self.plan:
            self._start(plan)

    def move(self, *, zone: str, anchor: int | None) -> None:
        """Count the cycles anew: the running one and its allowance end where that says."""
        it, running = self.message, self._running_allowance()
        it.time_zone = zone
        if anchor is not None:
            stamp(it.billing_anchor, anchor)
        if self.ends is None:
            return
        self._place(self.now)
        for grant in running:
            grant.ends = self.ends
            stamp(grant.message.expires_at, self.ends)

    def turn(self) -> None:
        """End the running cycle, and begin the next: or the last that has begun by now."""
        at, it = self.ends, self.message
        assert at is not None, "only cycles end"
        left = sum(g.message.remaining_micros - self.covered(g) for g in self._running_allowance())
        if self.next_plan is not None:
            self._adopt(self.next_plan)
        self._place(at)
        if self.ends is not None and it.cycle.starts_at.ToMicroseconds() != at:
            stamp(it.billing_anchor, at)
            self._place(at)
        if self._nothing_is_missed():
            self._place(self.now)
            at, left = it.cycle.starts_at.ToMicroseconds(), self.plan.allowance_micros
        self.news = []  # of several cycles the last is told
        if self.ends is None or it.status == account_pb2.ACCOUNT_STATUS_CLOSED:
            return
        kind = event_pb2.EVENT_KIND_CYCLE_RESET
        reset = event_pb2.CycleReset(cycle=it.cycle)
        self.news.append(event_pb2.Event(kind=kind, cycle_reset=reset))
        kept, ends = min(left, self.plan.rollover_max_micros), self.ends
        self._give("rollover", account_pb2.GRANT_KIND_ROLLOVER, kept, at, ends)
        allowance = self.plan.allowance_micros
        self._give("allowance", account_pb2.GRANT_KIND_PLAN, allowance, at, ends)
        booked = sorted(
            self.addons.values(), key=lambda a: (a.created_at.ToNanoseconds(), a.addon_id)
        )
        for addon in booked:
            if not addon.HasField("cancelled_at"):
                self.bring(addon, at)

    def bring(self, addon: accounts.Addon, at: int) -> None:
        """Give what an add-on brings each time."""
        ends = None if addon.outlives_cycle else self.ends
        kind, what = account_pb2.GRANT_KIND_PURCHASED, f"addon/{addon.addon_id}"
        self._give(what, kind, addon.amount_micros, at, ends, priority=addon.priority)

    def _start(self, plan: catalog.Plan) -> None:
        """Be on a plan from now on: the first brings all of it, another in proportion."""
        first, now = not self.plan.plan_id, self.now
        for grant in self._running_allowance():
            self.version += self.end_grant(grant, EXPIRED) > 0
        self._adopt(plan)
        if not self.message.HasField("billing_anchor"):
            stamp(self.message.billing_anchor, now)
        self._place(now)
        if self.ends is not None:
            whole = self.ends - self.message.cycle.starts_at.ToMicroseconds()
            share = 1 if first else self.ends - now
            amount = plan.allowance_micros * share // (1 if first else whole)
            number = sum(grant.begins == now for grant in self.grants.values())
            kind = account_pb2.GRANT_KIND_PLAN
            self._give(f"allowance/{number}", kind, amount, now, self.ends)
        if first:
            kind = account_pb2.GRANT_KIND_PROMOTIONAL
            self._give("welcome", kind, plan.welcome_micros, now, None)

    def _adopt(self, plan: catalog.Plan) -> None:
        """Let the terms of a plan count."""
        before = self.budgets
        it, self.plan, self.next_plan = self.message, plan, None
        self.forget(before)
        it.plan_id, it.plan_version = plan.plan_id, plan.version
        it.next_plan_id, it.next_plan_version = "", 0
        it.overage_policy, self.overdraft = plan.overage_policy, plan.overdraft_limit_micros
        self.alert(self.own_thresholds)

    def alert(self, own: list[account_pb2.Threshold] | None) -> None:
        """Let thresholds of its own count, or None: the plan's, without one zero."""
        it, self.own_thresholds = self.message, own
        plans = self.plan.thresholds.thresholds if self.plan.plan_id else [ZERO]
        chosen = plans if own is None else own
        shown = self.alert_at(chosen, allowance=self.plan.allowance_micros)
        it.ClearField("thresholds")
        it.thresholds.extend(shown)
        it.own_thresholds = own is not None

    def notice(self, grant: FakeGrant) -> FakeGrant:
        """Say when it is to be told that a new grant ends; not of what cycles bring."""
        milliseconds = NOTICE_MS_DEFAULT
        if self.plan.plan_id:
            milliseconds = self.plan.expiry_notice.ToMilliseconds()
        if grant.ends is not None and milliseconds and grant.message.kind not in CYCLIC:
            at = grant.ends - milliseconds * 1000
            grant.notice = at if at > grant.begins else None
        return grant

    def _place(self, at: int) -> None:
        """Be in the cycle that an instant lies in, if the plan has cycles."""
        it, unit = self.message, self.plan.cycle
        it.ClearField("cycle")
        if unit:
            count = it.billing_anchor.ToMicroseconds(), it.time_zone, unit
            it.cycle.number = cycle_number(*count, at)
            stamp(it.cycle.starts_at, cycle_start(*count, it.cycle.number))
            stamp(it.cycle.ends_at, cycle_start(*count, it.cycle.number + 1))

    def _nothing_is_missed(self) -> bool:
        """Whether cycles that nobody saw can be passed over."""
        lasting = (
            a.outlives_cycle and not a.HasField("cancelled_at") for a in self.addons.values()
        )
        passed = self.ends is not None and self.ends <= self.now
        return passed and not (self.debt or self.held or any(lasting))

    def _running_allowance(self) -> list[FakeGrant]:
        return [
            grant
            for grant in self.burning(LIVE)
            if grant.message.kind == account_pb2.GRANT_KIND_PLAN
            and grant.message.grant_id.startswith(PREFIX)
            and grant.ends is not None
            and grant.ends == self.ends
        ]

    def _give(
        self, what: str, kind: int, amount: int, at: int, ends: int | None, *, priority: int = 0
    ) -> None:
        """Make a grant that begins at an instant, or as much of it as there is room for."""
        amount = min(amount, self.room)
        if amount <= 0:
            return
        began = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=at)
        name = f"{PREFIX}{began:%Y-%m-%dT%H:%M:%S.%fZ}/{what}"
        message = account_pb2.Grant(
            grant_id=name if what != "welcome" else f"{PREFIX}{what}",
            kind=account_pb2.GrantKind.ValueType(kind),
            amount_micros=amount,
            remaining_micros=amount,
            priority=priority,
            state=PENDING,
        )
        stamp(message.effective_at, at)
        stamp(message.created_at, self.now)
        if ends is not None:
            stamp(message.expires_at, ends)
        grant = FakeGrant(message, None, len(self.grants) + 1, at, ends)
        self.grants[message.grant_id] = self.notice(grant)
