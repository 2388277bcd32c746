"""Random operations on accounts with plans: what changes plans, cycles and add-ons."""

from __future__ import annotations

from typing import Any

from tests.contract.wire import Operation
from tests.oracle.answers import AutoTopup, BudgetView, Pairs, Threshold
from tests.oracle.budgets import least_left, next_midnight
from tests.oracle.subscriber import Plan, Subscriber
from tests.property.operations import CREDIT, SECOND, Chooser, Pick, instants

DAY = 86_400 * SECOND
ZONES = ("UTC", "America/New_York", "Asia/Kolkata", "Pacific/Apia")
LONG_TTLS_MS = (90_000, 86_400_000, 3 * 86_400_000)

AGENTS = ("ann", "bob")
USERS = ("", "", "zoe")
TERMS: list[dict[str, Any]] = [
    {"spend_max": 6 * CREDIT},
    {"attribute": "agent", "spend_max": 6 * CREDIT},
    {"attribute": "agent", "spend_max": 9 * CREDIT + 1, "period": "DAY"},
    {"attribute": "agent", "together": True, "open_holds_max": 2},
    {"attribute": "agent", "value": "bob", "spend_max": 5 * CREDIT, "period": "CYCLE"},
    {"attribute": "user", "together": True, "spend_max": 3 * CREDIT, "period": "DAY"},
    {"attribute": "user", "open_holds_max": 1, "spend_max": 20 * CREDIT, "period": "CYCLE"},
    {"period": "DAY"},
]
FEW = tuple(BudgetView(f"b{number}", **TERMS[number]) for number in (2, 4))
MANY = tuple(BudgetView(f"b{number}", **terms) for number, terms in enumerate(TERMS))

PLANS = [
    Plan("day", 1, allowance=20 * CREDIT, unit="DAY"),
    Plan(
        "day",
        2,
        allowance=7 * CREDIT + 1,
        unit="DAY",
        rollover_max=5 * CREDIT,
        policy="DEBT",
        thresholds=(("percent", 99), ("percent", 50), ("amount", CREDIT), ("amount", 0)),
    ),
    Plan("week", 1, allowance=30 * CREDIT, unit="WEEK", rollover_max=100 * CREDIT, budgets=FEW),
    Plan("week", 2, allowance=30 * CREDIT, unit="WEEK", budgets=MANY),
    Plan("month", 1, allowance=50 * CREDIT, unit="MONTH", overdraft=3 * CREDIT, welcome=CREDIT),
    Plan(
        "month",
        2,
        allowance=9 * CREDIT,
        unit="MONTH",
        rollover_max=CREDIT,
        hold_max=4 * CREDIT,
        thresholds=(),
        expiry_notice_ms=20_000,
    ),
    Plan("year", 1, allowance=99 * CREDIT, unit="YEAR", welcome=5 * CREDIT, open_holds_max=2),
    Plan("bare", 1, unit="DAY", overdraft=8 * CREDIT, policy="DEBT", hold_ttl_max_ms=60_000),
    Plan(
        "none",
        1,
        overdraft=2 * CREDIT,
        open_holds_max=3,
        thresholds=(("percent", 10),),
        expiry_notice_ms=5_000,
    ),
    Plan("free", 1, welcome=9 * CREDIT, hold_max=6 * CREDIT, hold_ttl_max_ms=30_000),
    Plan("vast", 1, allowance=10**18, unit="WEEK", rollover_max=10**18, welcome=10**18),
]

THRESHOLDS: list[tuple[Threshold, ...]] = [
    (),
    (("amount", 5 * CREDIT), ("percent", 50), ("amount", 0)),
    (("percent", 100), ("percent", 1)),
]

TOPUPS = [
    AutoTopup(5 * CREDIT, 20 * CREDIT),
    AutoTopup(30 * CREDIT, CREDIT, 5 * CREDIT),
    AutoTopup(0, 10 * CREDIT, enabled=False),
]


class PlanChooser(Chooser):
    """Makes operations for an account that may be on a plan."""

    def __init__(self, pick: Pick, account: Subscriber, *, now: int) -> None:
        super().__init__(pick, account, now=now)
        self._subscriber = account

    def plan(self) -> Operation:
        """Another plan, anchor or time zone, now or later."""
        if self._subscriber.desk.asked and self._rarely():
            return self._refuse_topup()
        changes: dict[str, Any] = {}
        if not self._rarely():
            changes["plan"] = self._pick(PLANS[:-1]).name
            changes["timing"] = self._pick(("NOW", "NEXT_CYCLE", "NEXT_CYCLE"))
            if self._rarely():
                changes["plan"] = self._pick((PLANS[-1].name, ("unknown", 1)))
        if self._rarely():
            changes["time_zone"] = self._pick(ZONES)
        if self._rarely():
            changes["anchor"] = (
                self._now + self._pick((-40, -1, 0, 3, 400)) * DAY + self._pick((0, -1, 5 * SECOND))
            )
        if self._rarely():
            changes["overdraft"] = self._pick((0, 6 * CREDIT))
        if self._rarely():
            changes["policy"] = self._pick(("CAP", "DEBT", "DENY"))
        if self._rarely():
            changes["thresholds"] = self._pick(THRESHOLDS)
        elif self._rarely():
            changes["plan_thresholds"] = True
        if self._rarely():
            changes["auto_topup"] = self._pick(TOPUPS)
        return Operation("update_account", changes)

    def _refuse_topup(self) -> Operation:
        names = [each.request_id for each in self._subscriber.desk.asked]
        return Operation("refuse_topup", {"request_id": self._pick([*reversed(names), "none"])})

    def budget(self) -> Operation:
        """Give the account a budget of its own, or take one away."""
        names = [f"b{number}" for number in range(3)]
        if self._pick((False, False, True)):
            return Operation("delete_budget", {"budget_id": self._pick(names)})
        terms = self._pick(TERMS)
        if self._rarely():
            terms = {**terms, "spend_max": self._pick((1, 4 * CREDIT, 10**18))}
        return Operation("put_budget", {"budget": BudgetView(self._pick(names), **terms)})

    def _attributes(self) -> Pairs:
        """What a hold is for, in the words of budgets."""
        given = {"agent": self._pick(AGENTS), "user": self._pick(USERS)}
        return tuple((name, value) for name, value in given.items() if value)

    def _reserve(self, verb: str = "reserve") -> Operation:
        """A reserve; seldom of what a budget has left, or a little more."""
        operation = super()._reserve(verb)
        stakes = self._subscriber.stakes(operation.arguments.get("attributes", ()))
        left = least_left(self._subscriber, stakes)
        if left is None or left <= 0 or not self._pick((False, False, True)):
            return operation
        amount = {"amount": left + self._pick((0, 0, 1)), "minimum": 0}
        return Operation(verb, {**operation.arguments, **amount})

    def addon(self) -> Operation:
        """Book an add-on, or cancel one."""
        names = [*self._subscriber.addons, "none"]
        if self._pick((False, False, True)):
            return Operation("cancel_addon", {"addon_id": self._pick(names)})
        fresh = ("allowance", "rollover", f"pack-{len(names)}")
        arguments = {
            "addon_id": self._pick(names if self._rarely() else fresh),
            "amount": self._pick((CREDIT, 3 * CREDIT, 10 * CREDIT + 1)),
            "outlives_cycle": self._pick((False, False, True)),
            "priority": self._pick((0, 0, 1)),
        }
        return Operation("add_addon", arguments)

    def _add_grant(self) -> Operation:
        # Names of the cycle's own are refused before they come to the ledger.
        operation = super()._add_grant()
        asked = self._subscriber.desk.asked
        if asked and not self._rarely():
            name = {"grant_id": self._pick(asked).request_id}
            operation = Operation("add_grant", {**operation.arguments, **name})
        if operation.arguments["grant_id"].startswith("cycle/"):
            return self._add_grant()
        return operation

    def _revoke_grant(self) -> Operation:
        # The ledger may have passed over the cycle of a grant that nobody saw.
        operation = super()._revoke_grant()
        grant = self._account.grants.get(operation.arguments["grant_id"])
        if grant and grant.view.grant_id.startswith("cycle/") and grant.state == "EXPIRED":
            return self._revoke_grant()
        return operation

    def long_hold(self) -> Operation:
        """A hold that may outlive the cycle."""
        reserve = self._reserve()
        ttl = {"ttl_ms": self._pick(LONG_TTLS_MS)}
        return Operation("reserve", {**reserve.arguments, **ttl})


def turning(account: Subscriber, now: int) -> list[int]:
    """The instants worth going to on an account with cycles: its end, and some after it."""
    midnight = next_midnight(account.zone, now)
    later = [now + SECOND, midnight - 1, midnight, *instants([account], now)]
    if account.cycle:
        end, length = account.cycle.ends_at, account.cycle.ends_at - account.cycle.starts_at
        later += [end - 5 * SECOND, end - 1, end, end, end, end + 1, end + length, end + 3 * length]
    farthest = max(now + 40 * DAY, account.cycle.ends_at + 1 if account.cycle else 0)
    return [each for each in later if now < each <= farthest]
