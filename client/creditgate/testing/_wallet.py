"""One account of the fake: credits in grants, holds on them, and what time does to both."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from creditgate.testing._prices import affordable, price
from creditgate.testing._teller import Teller
from creditgate.v1 import account_pb2, event_pb2, hold_pb2
from creditgate.v1 import account_service_pb2 as accounts
from creditgate.v1 import authorization_service_pb2 as messages

OPEN = hold_pb2.HOLD_STATE_OPEN
COMMITTED = hold_pb2.HOLD_STATE_COMMITTED
RELEASED = hold_pb2.HOLD_STATE_RELEASED
EXPIRED = hold_pb2.HOLD_STATE_EXPIRED
ENDED = (account_pb2.GRANT_STATE_EXPIRED, account_pb2.GRANT_STATE_REVOKED)
LIVE = account_pb2.GRANT_STATE_LIVE
PENDING = account_pb2.GRANT_STATE_PENDING
UNPAID = account_pb2.GRANT_STATE_UNPAID
BALANCE_MICROS_MAX = 4 * 10**18

Event = tuple[int, int, tuple[Any, ...], Callable[[], Any]]
"""What time does: when, in which order at one instant, which of those first, and the doing."""
Parts = list[tuple["FakeGrant | None", int]]
"""Amounts, and the grant each was drawn from; None is debt."""


class RefusalError(Exception):
    """A definite refusal; `reason` is a value of ErrorReason without prefix."""

    def __init__(self, reason: str, field: str = "") -> None:
        super().__init__(reason)
        self.reason, self.field = reason, field


@dataclass
class FakeGrant:
    """A grant's message, and what the API does not show of it. Times are microseconds."""

    message: account_pb2.Grant
    body: Any
    seq: int
    begins: int
    ends: int | None
    repaid: int = 0
    notice: int | None = None

    @property
    def place(self) -> tuple[Any, ...]:
        """Where it stands in the burn order."""
        free = self.message.kind == account_pb2.GRANT_KIND_PROMOTIONAL
        return self.message.priority, self.ends is None, self.ends or 0, not free, self.seq


@dataclass
class FakeCounter:
    """What is spent under one value of a budget, and when that begins anew; None is never."""

    budget: account_pb2.Budget
    ends: int | None
    spent: int = 0


@dataclass
class FakeHold:
    """A hold's message, and what the API does not show; `drawn` lists (grant or debt, micros)."""

    message: hold_pb2.Hold
    body: Any
    created: int
    expires: int
    answer: Any = None
    closed: bool = False
    carried: int = 0
    drawn: Parts = field(default_factory=list)
    counters: list[FakeCounter] = field(default_factory=list)

    def stand(self) -> hold_pb2.Hold:
        """The message with what follows from the rest of it."""
        it = self.message
        it.held_micros = max(it.granted_micros - it.used_micros, 0) if it.state == OPEN else 0
        it.uncollected_micros = it.used_micros - it.charged_micros
        if it.HasField("rate"):
            it.granted_quantity = affordable(it.rate, it.granted_micros)
        costs = [price(each.rate, max(each.quantity, each.used_quantity)) for each in it.lines]
        for line, cost in zip(it.lines, costs, strict=True):
            left = it.granted_micros - sum(costs) + cost
            line.affordable_quantity = affordable(line.rate, left)
        stamp(it.created_at, self.created)
        stamp(it.expires_at, self.expires)
        return it


def takes(hold: FakeHold, amounts: Any) -> bool:
    """Tell whether a hold, as it stands, takes the usage that a request in amounts reports."""
    it, closes = hold.message, isinstance(amounts, messages.CommitRequest)
    final = closes and not amounts.keep_open
    late = it.state == EXPIRED and not hold.closed
    more = amounts.used_micros > it.used_micros
    return it.state == OPEN or (late and (more or final))


@dataclass
class Wallet(Teller):
    """An account's message, its grants and holds by name, and the sums the balance is made of."""

    message: account_pb2.Account
    body: Any
    grants: dict[str, FakeGrant] = field(default_factory=dict)
    holds: dict[str, FakeHold] = field(default_factory=dict)
    refunds: dict[str, tuple[Any, int]] = field(default_factory=dict)
    entries: list[accounts.Entry] = field(default_factory=list)
    totals: list[tuple[int, ...]] = field(default_factory=list)  # what each entry's hold had used
    overdraft: int = 0
    settled: int = 0
    debt: int = 0
    version: int = 0
    now: int = 0

    @property
    def held(self) -> int:
        """What open holds keep."""
        return sum(hold.stand().held_micros for hold in self.holds.values())

    @property
    def available(self) -> int:
        """What a Reserve could get."""
        return self.settled + self.overdraft - self.held

    def numbers(self) -> tuple[Any, ...]:
        """What a change of the account is told by."""
        return self.settled, self.held, self.debt

    def balance(self, now: int) -> account_pb2.Balance:
        """The account's balance as the API shows it."""
        balance = account_pb2.Balance(
            settled_micros=self.settled,
            held_micros=self.held,
            available_micros=self.available,
            overdraft_limit_micros=self.overdraft,
            version=self.version,
        )
        stamp(balance.as_of, now)
        return balance

    def stand(self, now: int) -> account_pb2.Account:
        """The account as the API shows it."""
        self.message.balance.CopyFrom(self.balance(now))
        self.message.debt_micros = self.debt
        unpaid = (grant.message.amount_micros for grant in self.burning(UNPAID))
        self.message.unpaid_micros = sum(unpaid)
        self.message.open_holds = sum(h.message.state == OPEN for h in self.holds.values())
        return self.message

    def has_room(self, amount: int) -> bool:
        """Whether the balance can take an amount now, and the pending grants later."""
        return amount <= self.room

    @property
    def room(self) -> int:
        """What the balance can take now, and what is to come later."""
        to_come = self.burning(PENDING, UNPAID)
        ordered = sum(grant.message.amount_micros for grant in to_come)
        return BALANCE_MICROS_MAX - self.settled - ordered

    def burning(self, *states: int) -> list[FakeGrant]:
        """Grants of these states, in burn order."""
        chosen = [grant for grant in self.grants.values() if grant.message.state in states]
        return sorted(chosen, key=lambda grant: grant.place)

    def advance(self, now: int) -> None:
        """Let happen what is due, in the order of time."""
        self.now = now
        while True:
            first = min(self.due(), key=lambda event: event[:3], default=None)
            if first is None or first[0] > now:
                break
            before = self.numbers()
            first[3]()
            self.version += before != self.numbers()
        self._notice()
        self.tell()

    def _notice(self) -> None:
        """Tell of the live grants that end soon, once each."""
        soon = [g for g in self.burning(LIVE) if g.notice is not None and g.notice <= self.now]
        for grant in sorted(soon, key=lambda grant: (grant.ends or 0, grant.seq)):
            grant.notice, it = None, grant.message
            if it.remaining_micros:
                expiring = event_pb2.GrantExpiring(
                    grant_id=it.grant_id,
                    remaining_micros=it.remaining_micros,
                    expires_at=it.expires_at,
                )
                kind = event_pb2.EVENT_KIND_GRANT_EXPIRING
                self.news.append(event_pb2.Event(kind=kind, grant_expiring=expiring))

    def stand_at(self, *, told_version: int) -> account_pb2.Balance:
        """The balance now; what there is news of is a change."""
        self.version += bool(self.news) and self.version == told_version
        return self.balance(self.now)

    def _name(self) -> str:
        return self.message.account_id

    def due(self) -> Iterator[Event]:
        """What is to come: holds end, and grants begin and end."""
        for name, hold in self.holds.items():
            if hold.message.state == OPEN:
                end = partial(self.end_hold, hold, EXPIRED, hold.expires)
                yield hold.expires, 0, (hold.created, name), end
        for grant in self.burning(PENDING):
            yield grant.begins, 2, grant.place, partial(self.begin_grant, grant)
        for grant in self.burning(LIVE):
            if grant.ends is not None:
                expire = partial(self.end_grant, grant, account_pb2.GRANT_STATE_EXPIRED)
                yield grant.ends, 3, grant.place, expire

    def begin_grant(self, grant: FakeGrant) -> None:
        """Make a grant live: it pays the debt, and keeps the rest."""
        grant.message.state = LIVE
        self.settled += grant.message.amount_micros
        grant.repaid = min(self.debt, grant.message.amount_micros)
        self.debt -= grant.repaid
        grant.message.remaining_micros -= grant.repaid
        it, kept = grant.message, grant.message.remaining_micros
        kind = accounts.ENTRY_KIND_GRANT
        self._write(kind, it.amount_micros, it.grant_id, [(grant, kept)])

    def covered(self, grant: FakeGrant) -> int:
        """How much of a live grant open holds cover: they cover the first to burn."""
        uncovered = self.held - sum(hold.carried for hold in self.holds.values())
        for earlier in self.burning(LIVE):
            if earlier.place < grant.place:
                uncovered -= earlier.message.remaining_micros
        return min(max(uncovered, 0), grant.message.remaining_micros)

    def end_grant(self, grant: FakeGrant, state: account_pb2.GrantState.ValueType) -> int:
        """Take back what no open hold covers; answers how much."""
        holds = sorted(self.holds.values(), key=lambda h: (h.created, h.message.hold_id))
        kept = self.covered(grant)
        taken = grant.message.remaining_micros - kept
        grant.message.state = state
        grant.message.remaining_micros = kept
        self.settled -= taken
        kind = accounts.ENTRY_KIND_EXPIRY
        if state == account_pb2.GRANT_STATE_REVOKED:
            kind = accounts.ENTRY_KIND_REVOCATION
        self._write(kind, -taken, grant.message.grant_id, [(grant, taken)])
        for hold in holds:
            share = min(kept, hold.message.held_micros - hold.carried)
            hold.carried += share
            kept -= share
        return taken

    def end_hold(self, hold: FakeHold, state: hold_pb2.HoldState.ValueType, at: int) -> None:
        """End a hold; the credits of ended grants that only it kept lapse."""
        hold.message.state = state
        stamp(hold.message.settled_at, at)
        lapsed, rest = self._take(hold.carried, *ENDED)
        assert rest == 0, "what holds carry is there"
        self.settled -= hold.carried
        self._write(accounts.ENTRY_KIND_EXPIRY, -hold.carried, hold.message.hold_id, lapsed)
        hold.carried = 0

    def spend(self, hold: FakeHold, total: int) -> tuple[int, int]:
        """Take a hold's usage to a total: (charged, uncollected)."""
        delta = total - hold.message.used_micros
        if delta <= 0:
            return 0, 0
        policy = self.message.overage_policy
        indebted = policy == account_pb2.OVERAGE_POLICY_DEBT
        if indebted and self.settled - delta < -BALANCE_MICROS_MAX:
            raise RefusalError("OUT_OF_RANGE")
        inside = min(delta, hold.stand().held_micros)
        beyond = delta - inside
        if policy == account_pb2.OVERAGE_POLICY_DENY:
            granted = hold.message.granted_micros - hold.message.used_micros
            beyond = min(beyond, max(granted - inside, 0))
        hold.message.used_micros = total
        if not indebted:
            beyond = min(beyond, max(self.available - inside, 0))
        self.draw(hold, inside + beyond)
        return inside + beyond, delta - inside - beyond

    def draw(self, hold: FakeHold, amount: int) -> None:
        """Charge a hold: what it carries of ended grants, then live grants, then debt."""
        carried = min(amount, hold.carried)
        hold.carried -= carried
        parts, _ = self._take(carried, *ENDED)
        more, missing = self._take(amount - carried, LIVE)
        hold.drawn += [*parts, *more, *([(None, missing)] if missing else [])]
        hold.message.charged_micros += amount
        self.count(hold, amount)
        self.settled -= amount
        self.debt += missing
        kind, name = accounts.ENTRY_KIND_CHARGE, hold.message.hold_id
        self._write(kind, -amount, "", [*parts, *more], hold_id=name)

    def count(self, hold: FakeHold, amount: int) -> None:
        """Count a charge on what counts the hold: nothing does."""

    def _take(self, amount: int, *states: int) -> tuple[Parts, int]:
        """Take from grants in burn order: (what from which, what is missing)."""
        parts: Parts = []
        for grant in self.burning(*states):
            part = min(amount, grant.message.remaining_micros)
            if part:
                grant.message.remaining_micros -= part
                parts.append((grant, part))
                amount -= part
        return parts, amount

    def refund(self, hold: FakeHold, amount: int, name: str) -> int:
        """Give back what was drawn last; answers what lapsed because its grant had ended."""
        hold.message.refunded_micros += amount
        self.settled += amount
        given: list[tuple[FakeGrant, int]] = []
        left = amount
        while left:
            source, drawn = hold.drawn.pop()
            part = min(drawn, left)
            left -= part
            if drawn > part:
                hold.drawn.append((source, drawn - part))
            given += self._return(source, part) if source else self._return_debt(part)
        kind, hold_id = accounts.ENTRY_KIND_REFUND, hold.message.hold_id
        self._write(kind, amount, name, given, hold_id=hold_id)
        ended = [(grant, part) for grant, part in given if grant.message.state != LIVE]
        lapsed = sum(part for _, part in ended)
        self.settled -= lapsed
        self._write(accounts.ENTRY_KIND_EXPIRY, -lapsed, name, ended)
        return lapsed

    def _return(self, grant: FakeGrant, amount: int) -> list[tuple[FakeGrant, int]]:
        """Give credits to a grant, unless it has ended; answers how much after standing debt."""
        paid = min(self.debt, amount)
        self.debt -= paid
        grant.repaid += paid
        if grant.message.state == LIVE:
            grant.message.remaining_micros += amount - paid
        return [(grant, amount - paid)]

    def _return_debt(self, amount: int) -> list[tuple[FakeGrant, int]]:
        """Lower the debt; what has been repaid meanwhile goes to the newest grants that did."""
        paid = min(self.debt, amount)
        self.debt -= paid
        amount -= paid
        given = []
        for grant in sorted(self.grants.values(), key=lambda grant: -grant.seq):
            part = min(grant.repaid, amount)
            grant.repaid -= part
            amount -= part
            given += self._return(grant, part)
        return given

    def _write(
        self,
        kind: accounts.EntryKind.ValueType,
        amount: int,
        name: str,
        parts: Sequence[tuple[FakeGrant | None, int]],
        *,
        hold_id: str = "",
    ) -> None:
        """Write what has changed the balance into the statement."""
        if not amount:
            return
        version = self.version + 1  # of the change this is a part of
        line = sum(entry.version == version for entry in self.entries[-3:]) + 1
        entry = accounts.Entry(
            version=version,
            line=line,
            kind=kind,
            amount_micros=amount,
            settled_micros=self.settled,
            hold_id=hold_id,
            name=name,
        )
        for grant, part in parts:
            if grant is not None and part:
                entry.draws.add(grant_id=grant.message.grant_id, amount_micros=part)
        stamp(entry.created_at, self.now)
        self.entries.append(entry)


def stamp(timestamp: Any, micros: int) -> None:
    """Set a protobuf timestamp to microseconds since 1970."""
    timestamp.FromMicroseconds(micros)
