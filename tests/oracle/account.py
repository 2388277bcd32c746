"""One account of the oracle: its grants, its holds, and what moves credits between them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from tests.oracle.answers import (
    AccountView,
    Answer,
    BalanceView,
    GrantView,
    HoldView,
    LineView,
    Pairs,
    RateView,
    Refused,
    StandingView,
)
from tests.oracle.events import Teller
from tests.oracle.lines import Line, shown
from tests.oracle.prices import affordable

DEFAULT_TTL_MS = 60_000
BALANCE_MAX = 4 * 10**18


@dataclass
class Grant:
    """Credits given, with what is left of them."""

    view: GrantView
    seq: int
    body: tuple[Any, ...]
    begun: bool = False
    repaid: int = 0
    notice_at: int | None = None

    @property
    def remaining(self) -> int:
        return self.view.remaining

    @property
    def state(self) -> str:
        return self.view.state

    @property
    def burn_order(self) -> tuple[Any, ...]:
        """Lower priority, then earlier expiry (never is last), then promotional, then older."""
        never = self.view.expires_at is None
        promotional = self.view.kind == "PROMOTIONAL"
        return (self.view.priority, never, self.view.expires_at or 0, not promotional, self.seq)

    def set(self, **changes: Any) -> None:
        self.view = replace(self.view, **changes)


@dataclass
class Hold:
    """Credits set aside. `draws` says where each charged credit came from; None is debt."""

    hold_id: str
    body: tuple[Any, ...] | None
    created_at: int
    expires_at: int
    granted: int = 0
    used: int = 0
    charged: int = 0
    refunded: int = 0
    carried: int = 0
    state: str = "OPEN"
    settled_at: int | None = None
    late: bool = False
    closed: bool = False
    cause: str = ""
    attributes: Pairs = ()
    labels: Pairs = ()
    first: Answer | None = None
    draws: list[tuple[Grant | None, int]] = field(default_factory=list)
    tallies: list[Any] = field(default_factory=list)
    rate: RateView | None = None
    used_quantity: int = 0
    call: tuple[str, int] | None = None
    meters: list[Line] = field(default_factory=list)

    @property
    def lines(self) -> tuple[LineView, ...]:
        return shown(self.meters, self.granted)

    @property
    def granted_quantity(self) -> int:
        return affordable(self.rate, self.granted) if self.rate else 0

    @property
    def held(self) -> int:
        return max(self.granted - self.used, 0) if self.state == "OPEN" else 0

    def view(self) -> HoldView:
        same = {
            name: getattr(self, name)
            for name in HoldView.__dataclass_fields__
            if name != "uncollected"
        }
        return HoldView(**same, uncollected=self.used - self.charged)


class Account(Teller):
    """One wallet: holds, grants, debt, and the list of what settled was after each change."""

    def __init__(
        self, at: int, account_id: str, *, overdraft: int, policy: str, labels: Pairs
    ) -> None:
        super().__init__()
        self.body = (overdraft, policy, labels)
        self.account_id, self.overdraft, self.policy = account_id, overdraft, policy
        self.labels, self.created_at = labels, at
        self.status, self.debt, self.version = "ACTIVE", 0, 0
        self.holds: dict[str, Hold] = {}
        self.grants: dict[str, Grant] = {}
        self.refunds: dict[str, tuple[tuple[str, int], int]] = {}
        self.lapsed, self.stretched = 0, False
        # What settled was after each change of it, and when that was written.
        self.history: list[tuple[int, int]] = []
        # What was charged (and refunded, below zero): when, of which hold, how much.
        self.spent: list[tuple[int, str, int]] = []
        self.now = at

    @property
    def open_holds(self) -> list[Hold]:
        """Open holds, oldest first."""
        holds = [hold for hold in self.holds.values() if hold.state == "OPEN"]
        return sorted(holds, key=lambda hold: (hold.created_at, hold.hold_id))

    def burning(self, *states: str) -> list[Grant]:
        """Grants of these states in burn order."""
        return sorted(
            (g for g in self.grants.values() if g.state in states), key=lambda g: g.burn_order
        )

    @property
    def settled(self) -> int:
        return (
            sum(grant.remaining for grant in self.burning("LIVE", "EXPIRED", "REVOKED")) - self.debt
        )

    @property
    def held(self) -> int:
        return sum(hold.held for hold in self.open_holds)

    @property
    def available(self) -> int:
        return self.settled + self.overdraft - self.held

    def balance(self, at: int) -> BalanceView:
        return BalanceView(
            self.settled, self.held, self.available, self.overdraft, self.version, at
        )

    def reach(self, rate: RateView, hold: Hold | None) -> int:
        """What work of this rate can come to in all, with the hold it has."""
        own = max(hold.granted, hold.used) if hold and hold.state == "OPEN" else 0
        return affordable(rate, own + max(self.available, 0))

    def has_room(self, amount: int) -> bool:
        """Whether the balance can take an amount now and the pending grants later."""
        return amount <= self.room

    @property
    def room(self) -> int:
        """What the balance can take now and still take the pending grants later."""
        return (
            BALANCE_MAX - self.settled - sum(g.remaining for g in self.burning("PENDING", "UNPAID"))
        )

    @property
    def standing(self) -> StandingView:
        """Where the account is in its plan: on none."""
        return StandingView()

    def view(self) -> AccountView:
        return AccountView(
            self.account_id,
            self.status,
            self.policy,
            self.debt,
            len(self.open_holds),
            self.labels,
            self.created_at,
            self.standing,
            self.shown_thresholds,
            unpaid=sum(grant.remaining for grant in self.burning("UNPAID")),
        )

    @contextmanager
    def change(self) -> Iterator[None]:
        """Count what is done inside as one change if it changes the account's numbers."""
        with self.told():
            before, settled = (self.shown(), self.lapsed), self.settled
            yield
            self.version += before != (self.shown(), self.lapsed)
            if self.settled != settled:
                self.history.append((self.now, self.settled))

    def shown(self) -> tuple[Any, ...]:
        """What counts as a change of the account."""
        return (self.settled, self.held, self.overdraft, self.policy, self.status)

    def happen(self, at: int) -> None:
        """Let everything due by `at` happen in the order of time."""
        self.now = at
        with self.told():
            while due := sorted(self.due(at), key=lambda event: event[0]):
                with self.change():
                    due[0][1]()
            self.notice(at)

    def notice(self, at: int) -> None:
        """Tell of the live grants that end soon, once each."""
        soon = [g for g in self.burning("LIVE") if g.notice_at is not None and g.notice_at <= at]
        for grant in sorted(soon, key=lambda grant: (grant.view.expires_at or 0, grant.seq)):
            grant.notice_at = None
            if grant.remaining:
                view = grant.view
                self.news.append(("GRANT_EXPIRING", view.grant_id, view.remaining, view.expires_at))

    def due(self, at: int) -> Iterable[tuple[tuple[Any, ...], Callable[[], object]]]:
        """What is due by `at`, as (order, what to do).

        At one instant holds end first, then the cycle turns, then grants begin, then grants end.
        """
        for hold in self.open_holds:
            if hold.expires_at <= at:
                yield (
                    (hold.expires_at, 0, (hold.created_at, hold.hold_id)),
                    partial(self.expire, hold),
                )
        for grant in self.burning("PENDING"):
            if grant.view.effective_at <= at:
                yield (grant.view.effective_at, 2, grant.burn_order), partial(self.begin, grant)
        for grant in self.burning("LIVE"):
            if grant.view.expires_at is not None and grant.view.expires_at <= at:
                yield (
                    (grant.view.expires_at, 3, grant.burn_order),
                    partial(self.end, grant, "EXPIRED"),
                )

    def begin(self, grant: Grant) -> None:
        """Make a grant live; it pays the debt first."""
        repaid = min(self.debt, grant.remaining)
        self.debt -= repaid
        grant.begun, grant.repaid = True, repaid
        grant.set(state="LIVE", remaining=grant.remaining - repaid)

    def covered(self, grant: Grant) -> int:
        """How much of a live grant open holds cover: they sit at the head of the burn order."""
        earlier = sum(g.remaining for g in self.burning("LIVE") if g.burn_order < grant.burn_order)
        uncovered = sum(hold.held - hold.carried for hold in self.open_holds)
        return min(grant.remaining, max(uncovered - earlier, 0))

    def end(self, grant: Grant, state: str) -> int:
        """Take back what remains of a live grant, except what open holds cover; answers that."""
        covered = self.covered(grant)
        taken = grant.remaining - covered
        grant.set(state=state, remaining=covered)
        self.lapsed += taken
        for hold in self.open_holds:
            share = min(covered, hold.held - hold.carried)
            hold.carried += share
            covered -= share
        return taken

    def expire(self, hold: Hold) -> None:
        hold.state, hold.settled_at = "EXPIRED", hold.expires_at
        self.let_go(hold)

    def let_go(self, hold: Hold) -> None:
        """Lapse the credits of ended grants that this hold kept alive."""
        for grant in self.burning("EXPIRED", "REVOKED"):
            lapsed = min(grant.remaining, hold.carried)
            hold.carried -= lapsed
            self.lapsed += lapsed
            grant.set(remaining=grant.remaining - lapsed)

    def use(self, hold: Hold, total: int) -> tuple[int, int]:
        """Raise a hold's usage to a total; answers (charged, uncollected) of this raise."""
        delta = max(total - hold.used, 0)
        if self.policy == "DEBT" and self.settled - delta < -BALANCE_MAX:
            raise Refused("OUT_OF_RANGE")
        inside = min(delta, hold.held)
        granted = max(min(hold.used + delta, hold.granted) - hold.used, 0)
        hold.used += delta
        self.draw(hold, inside, carried=hold.carried)
        excess = delta - inside
        affordable = min(excess, max(self.available, 0))
        # What was granted to a hold that has expired is all that DENY charges late.
        beyond = {
            "DEBT": excess,
            "CAP": affordable,
            "DENY": min(affordable, granted - inside),
        }[self.policy]
        self.stretched |= beyond > max(self.available, 0)
        self.draw(hold, beyond, carried=0)
        return inside + beyond, excess - beyond

    def draw(self, hold: Hold, amount: int, *, carried: int) -> None:
        """Charge a hold: from ended grants as far as it carries them, then live ones, then debt."""
        from_ended = min(amount, carried)
        hold.carried -= from_ended
        hold.charged += amount
        if amount:
            self.spent.append((self.now, hold.hold_id, amount))
        for tally in hold.tallies:
            self.count(tally, amount)
        for states, share in (
            (("EXPIRED", "REVOKED"), from_ended),
            (("LIVE",), amount - from_ended),
        ):
            for grant in self.burning(*states):
                taken = min(grant.remaining, share)
                if taken:
                    grant.set(remaining=grant.remaining - taken)
                    hold.draws.append((grant, taken))
                share -= taken  # noqa: PLW2901 - what the next grant has to give
                amount -= taken
        if amount:
            self.debt += amount
            hold.draws.append((None, amount))

    def count(self, tally: Any, amount: int) -> None:
        """Count a charge on a tally of the hold's."""
        raise NotImplementedError

    def give_back(self, hold: Hold, amount: int) -> int:
        """Refund a hold where its credits came from, the last drawn first; answers what lapsed.

        What was debt lowers the debt, or goes back to the grants that have repaid it since.
        """
        hold.refunded += amount
        self.spent.append((self.now, hold.hold_id, -amount))
        before = self.lapsed
        for place, (grant, drawn) in reversed(list(enumerate(hold.draws))):
            returned = min(drawn, amount)
            amount -= returned
            hold.draws[place] = (grant, drawn - returned)
            if grant is not None:
                self.return_to(grant, returned)
                continue
            repaid = min(self.debt, returned)
            self.debt -= repaid
            returned -= repaid
            for payer in sorted(self.grants.values(), key=lambda g: -g.seq):
                share = min(payer.repaid, returned)
                returned -= share
                self.return_to(payer, share)
                payer.repaid -= share
        return self.lapsed - before

    def return_to(self, grant: Grant, amount: int) -> None:
        """Give credits back to a grant: they pay standing debt first, and lapse if it has ended."""
        repaid = min(self.debt, amount)
        self.debt -= repaid
        grant.repaid += repaid
        if grant.state == "LIVE":
            grant.set(remaining=grant.remaining + amount - repaid)
        else:
            self.lapsed += amount - repaid

    def check(self) -> None:
        """Check what is always true of an account."""
        holds, grants = self.holds.values(), self.grants.values()
        given = sum(grant.view.amount for grant in grants if grant.begun)
        charged = sum(hold.charged - hold.refunded for hold in holds)
        ended = self.burning("EXPIRED", "REVOKED")
        assert self.settled == given - charged - self.lapsed, "settled is what came less what went"
        assert not self.debt or not any(grant.remaining for grant in self.burning("LIVE"))
        assert sum(hold.carried for hold in holds) == sum(grant.remaining for grant in ended)
        # Only a lowered limit, or a debt made on purpose, takes more than what is available.
        self.stretched &= self.available < 0
        assert self.available >= 0 or self.debt or self.stretched, "nobody spends what is not there"
        for hold in holds:
            assert 0 <= hold.carried <= hold.held
            assert 0 <= hold.refunded <= hold.charged <= hold.used
            assert sum(drawn for _, drawn in hold.draws) <= hold.charged
            assert (hold.state == "OPEN") == (hold.settled_at is None)
