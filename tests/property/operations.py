"""Random operations that mean something: they look at the oracle's account to hit its edges.

Names are mostly of holds that are open, amounts are what is available, a millionth more, a part of
it, or extremes; times are the instants at which something is due, and those right before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol, TypeVar

from tests.contract.wire import Operation
from tests.oracle.account import Account, Hold
from tests.oracle.answers import Pairs

Choice = TypeVar("Choice")

SECOND = CREDIT = 1_000_000
AMOUNT_MAX = 10**18
EXTREMES = (1, 2**31 - 1, 2**31 + 1, 2**53 - 1, 2**53 + 1, AMOUNT_MAX - 1, AMOUNT_MAX)
TTLS_MS = (60_000, 1, 10_000, 30_000, 60_000, 90_000, 90_000)
KINDS = ("PLAN", "PURCHASED", "PROMOTIONAL", "ADJUSTMENT")
HOT_VERBS = (
    *("reserve",) * 5,
    *("extend",) * 4,
    *("commit",) * 3,
    *("report",) * 3,
    *("release",) * 2,
    "charge",
)
ADMIN_VERBS = (
    *("add_grant",) * 5,
    "confirm_grant",
    *("revoke_grant",) * 2,
    *("refund",) * 3,
    "update_account",
)
READ_VERBS = ("get_balance", "get_account", "list_grants", "list_holds", "get_hold")


class Pick(Protocol):
    """Chance: picks one of several, hypothesis' way or a plain random generator's."""

    def __call__(self, choices: Sequence[Choice], /) -> Choice:
        """One of these; where it matters the simplest comes first."""
        ...


class Chooser:
    """Makes operations for one account as the oracle knows it."""

    def __init__(self, pick: Pick, account: Account, *, now: int) -> None:
        self._pick, self._account, self._now = pick, account, now

    def hot(self) -> Operation:
        """An operation of the hot path."""
        verb = self._pick(HOT_VERBS)
        chosen: Operation = getattr(self, f"_{verb}")()
        return chosen

    def admin(self) -> Operation:
        """An operation of administration."""
        chosen: Operation = getattr(self, f"_{self._pick(ADMIN_VERBS)}")()
        return chosen

    def read(self) -> Operation:
        """A question."""
        verb = self._pick(READ_VERBS)
        return Operation(verb, {"hold_id": self._hold_name()} if verb == "get_hold" else {})

    def _rarely(self) -> bool:
        return self._pick((False,) * 7 + (True,))

    def _amount(self, *near: int) -> int:
        """An amount: near one that matters, small, or seldom an extreme."""
        small = self._pick(range(1, 13)) * CREDIT
        edges = [edge for value in near for edge in (value, value - 1, value + 1, value // 2)]
        choices = [*edges, small, small, small, small]
        if self._rarely() and self._rarely():
            choices = list(EXTREMES)
        return min(max(self._pick(choices), 1), AMOUNT_MAX)

    def _hold_name(self) -> str:
        """Mostly an open hold, else one that ended, seldom one that never was."""
        every = list(self._account.holds)
        still_open = [hold.hold_id for hold in self._account.open_holds]
        if self._rarely() or not every:
            return f"hold-{len(every)}"
        return self._pick(still_open if still_open and not self._rarely() else every)

    def _hold(self) -> tuple[str, Hold]:
        name = self._hold_name()
        return name, self._account.holds.get(name) or Hold(name, None, self._now, self._now)

    def _reserve(self, verb: str = "reserve") -> Operation:
        new = f"hold-{len(self._account.holds)}"
        amount = self._amount(self._account.available, self._account.available // 3)
        arguments: dict[str, Any] = {
            "hold_id": self._hold_name() if self._rarely() else new,
            "amount": amount,
        }
        if self._rarely():
            arguments["minimum"] = min(self._amount(self._account.available), amount)
        if verb == "reserve":
            arguments["ttl_ms"] = self._pick(TTLS_MS)
        if attributes := self._attributes():
            arguments["attributes"] = attributes
        return Operation(verb, arguments)

    def _attributes(self) -> Pairs:
        """What a hold is for: nothing that counts."""
        return ()

    def _charge(self) -> Operation:
        return self._reserve("charge")

    def _extend(self) -> Operation:
        name, hold = self._hold()
        available = max(self._account.available, 0)
        arguments: dict[str, Any] = {"hold_id": name, "ttl_ms": self._pick(TTLS_MS)}
        if not self._rarely():
            edges = (hold.granted, hold.granted + available, hold.used + available)
            arguments["total"] = self._amount(*edges)
        if self._pick((False, True)):
            arguments["used"] = self._used(hold)
        if self._rarely():
            arguments["minimum"] = self._amount(available)
        return Operation("extend", arguments)

    def _used(self, hold: Hold) -> int:
        """A total: mostly within the hold, at its edges, seldom beyond what is there."""
        within = (hold.used + hold.granted) // 2
        choices = [within, within, hold.granted, hold.used + 1, hold.used, hold.granted + 1, 0]
        if self._rarely():
            available = max(self._account.available, 0)
            return self._amount(hold.granted + available, hold.granted + available + 1)
        return min(self._pick(choices), AMOUNT_MAX)

    def _commit(self, *, keep_open: bool = False) -> Operation:
        name, hold = self._hold()
        arguments = {"hold_id": name, "used": self._used(hold), "keep_open": keep_open}
        return Operation("commit", {**arguments, "cause": self._pick(("", "done"))})

    def _report(self) -> Operation:
        return self._commit(keep_open=True)

    def _release(self) -> Operation:
        return Operation("release", {"hold_id": self._hold_name(), "cause": "gone"})

    def _add_grant(self) -> Operation:
        names = list(self._account.grants)
        arguments: dict[str, Any] = {
            "grant_id": self._pick(names) if names and self._rarely() else f"grant-{len(names)}",
            "amount": self._amount(self._account.debt + 20 * CREDIT, self._account.held + CREDIT),
            "kind": self._pick(KINDS),
            "priority": self._pick((0, 0, 1, 2)),
        }
        if self._pick((False, False, True)):
            arguments["effective_at"] = self._now + self._pick((-10, 1, 10, 30)) * SECOND
        if self._rarely():
            arguments["unpaid"] = True
        if self._pick((False, True, True)):
            begins = arguments.get("effective_at", self._now)
            arguments["expires_at"] = begins + self._pick((5, 10, 30, 60)) * SECOND
        return Operation("add_grant", arguments)

    def _confirm_grant(self) -> Operation:
        unpaid = [grant.view.grant_id for grant in self._account.burning("UNPAID")]
        # Cycles that nobody saw may have been passed over, with the grants they would have had.
        others = [name for name in self._account.grants if not name.startswith("cycle/")]
        names = unpaid if unpaid and not self._rarely() else [*others, "none"]
        return Operation("confirm_grant", {"grant_id": self._pick(names)})

    def _revoke_grant(self) -> Operation:
        live = [grant.view.grant_id for grant in self._account.burning("LIVE", "PENDING", "UNPAID")]
        names = live if live and not self._rarely() else [*self._account.grants, "none"]
        return Operation("revoke_grant", {"grant_id": self._pick(names)})

    def _refund(self) -> Operation:
        charged = [h for h in self._account.holds.values() if h.charged > h.refunded]
        hold = self._pick(charged) if charged and not self._rarely() else self._hold()[1]
        names = [*self._account.refunds, "none"]
        new = f"refund-{len(self._account.refunds)}"
        arguments = {
            "refund_id": self._pick(names) if self._rarely() else new,
            "hold_id": hold.hold_id,
            "amount": self._amount(hold.charged - hold.refunded),
        }
        return Operation("refund", arguments)

    def _update_account(self) -> Operation:
        changes: dict[str, Any] = {}
        if self._pick((False, True)):
            changes["overdraft"] = self._pick((0, 3 * CREDIT, 10 * CREDIT, AMOUNT_MAX))
        if self._pick((False, True)):
            changes["policy"] = self._pick(("CAP", "CAP", "CAP", "DEBT", "DENY"))
        if self._account.status != "ACTIVE" or self._rarely():
            statuses = ("ACTIVE",) * 8 + ("SUSPENDED",) * 4 + ("CLOSED",)
            changes["status"] = self._pick(statuses)
        return Operation("update_account", changes)


def instants(accounts: Iterable[Account], now: int) -> list[int]:
    """The instants worth going to: when something is due, right before, and a while later."""
    due: list[int] = [now + 1, now + SECOND, now + 30 * SECOND]
    for account in accounts:
        due += [hold.expires_at for hold in account.open_holds]
        due += [grant.view.effective_at for grant in account.burning("PENDING")]
        due += [grant.view.expires_at for grant in account.burning("LIVE") if grant.view.expires_at]
    near = {instant - early for instant in due for early in (0, 1)}
    return sorted(instant for instant in near if instant > now)
