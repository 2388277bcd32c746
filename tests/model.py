"""The oracle: what Creditgate must answer, in the plainest Python that can say it.

It is written from the design and the protos alone and knows nothing of SQL, batches or gRPC. Every
sum is taken anew when it is needed and every list is walked in full. Times are microseconds since
1970 and always arguments, amounts are micro-credits, results are `Answer`s: the fields of the API's
responses under one set of names.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any

from tests.oracle.account import DEFAULT_TTL_MS, Hold
from tests.oracle.administration import find_hold, refusable
from tests.oracle.answers import Answer, Pairs, RateView, Refused
from tests.oracle.budgets import first_denial, least_left
from tests.oracle.calls import capped, quota
from tests.oracle.catalog import Catalog
from tests.oracle.lines import Find, Line, Usage, Usages, charge_for, cost, open_lines, raised
from tests.oracle.prices import affordable, price, priced
from tests.oracle.subscriber import Subscriber


class Model(Catalog):
    """All accounts of one tenant. Every method takes the time first and answers an `Answer`."""

    @refusable
    def _reserve(
        self,
        at: int,
        account_id: str,
        hold_id: str,
        *,
        amount: int = 0,
        usage: Usage | None = None,
        usages: Usages | None = None,
        pinned: int = 0,
        minimum: int = 0,
        ttl_ms: int = DEFAULT_TTL_MS,
        attributes: Pairs = (),
        labels: Pairs = (),
        call: tuple[str, int] | None = None,
        replaces: tuple[str, dict[str, Any]] | None = None,
    ) -> Answer:
        account = self.account(at, account_id)
        card = account.pins[-pinned][0].name if pinned else None
        replaced = replaces[0] if replaces else None
        asked = (usage, sorted(usages or ()), card)
        body = ("reserve", amount, asked, minimum, ttl_ms, attributes, labels, call, replaced)
        if hold_id in account.holds:
            return _replay(account, account.holds[hold_id], body, at)
        if usage and call:
            usage = (*usage[:2], capped(account.limits.terms, usage[2]))
        find = account.promised(at, pinned).find if pinned else account.rate
        rate, lines, amount = _price(find, usage, usages, amount)
        decided, granted = _decide_new(
            account, amount, minimum, at, ttl_ms=ttl_ms, attributes=attributes
        )
        if not decided.outcome.startswith("GRANTED"):
            answer = _reaching(decided, account, rate)
            return _running(answer, account, None, at) if call else answer
        hold = Hold(hold_id, body, at, at + ttl_ms * 1000, granted=granted, rate=rate, call=call)
        hold.meters = lines
        hold.attributes, hold.labels, hold.first = attributes, labels, decided
        hold.tallies = [tally for _, tally in account.stakes(attributes)]
        with account.change():
            account.holds[hold_id] = hold
        shown = replace(decided, hold=hold.view(), balance=account.balance(at))
        return _running(_reaching(shown, account, rate, hold), account, hold, at)

    @refusable
    def reserve(self, at: int, account_id: str, hold_id: str, **asked: Any) -> Answer:
        """Reserve, and commit the hold that is replaced before: both, unless one is refused."""
        if "replaces" not in asked:
            return self._reserve(at, account_id, hold_id, **asked)
        as_it_was = deepcopy(self.account(at, account_id))
        name, used = asked["replaces"]
        done = self.commit(at, account_id, name, **used)
        if done.outcome != "ACCEPTED":
            return done
        answer = self._reserve(at, account_id, hold_id, **asked)
        if not answer.outcome.startswith(("GRANTED", "DENIED")):
            self.accounts[account_id] = as_it_was
            return answer
        return replace(answer, replaced=replace(done, balance=None))

    @refusable
    def charge(
        self,
        at: int,
        account_id: str,
        hold_id: str,
        *,
        amount: int = 0,
        usage: Usage | None = None,
        usages: Usages | None = None,
        pinned: int = 0,
        minimum: int = 0,
        attributes: Pairs = (),
        labels: Pairs = (),
    ) -> Answer:
        account = self.account(at, account_id)
        card = account.pins[-pinned][0].name if pinned else None
        body = ("charge", amount, usage, sorted(usages or ()), card, minimum, attributes, labels)
        if hold_id in account.holds:
            return _replay(account, account.holds[hold_id], body, at)
        find = account.promised(at, pinned).find if pinned else account.rate
        rate, lines, amount = _price(find, usage, usages, amount)
        decided, granted = _decide_new(
            account, amount, minimum, at, ttl_ms=None, attributes=attributes
        )
        if not decided.outcome.startswith("GRANTED"):
            return _reaching(decided, account, rate)
        hold = Hold(hold_id, body, at, at, granted=granted, used=granted, rate=rate)
        hold.meters = lines
        charge_for(lines, granted)
        if usage and rate:
            whole = decided.outcome == "GRANTED"
            hold.used_quantity = usage[2] if whole else affordable(rate, granted)
        hold.attributes, hold.labels, hold.first = attributes, labels, decided
        hold.tallies = [tally for _, tally in account.stakes(attributes)]
        hold.state, hold.settled_at = "COMMITTED", at
        account.holds[hold_id] = hold
        with account.change():
            account.draw(hold, granted, carried=0)
        shown = replace(decided, hold=hold.view(), balance=account.balance(at))
        return _reaching(shown, account, rate, hold)

    @refusable
    def extend(
        self,
        at: int,
        account_id: str,
        hold_id: str,
        *,
        total: int | None = None,
        quantity: int | None = None,
        quantities: Usages | None = None,
        used: int | None = None,
        used_quantity: int | None = None,
        used_quantities: Usages | None = None,
        minimum: int = 0,
        ttl_ms: int = DEFAULT_TTL_MS,
    ) -> Answer:
        account = self.account(at, account_id)
        hold = find_hold(account, hold_id)
        if hold.state != "OPEN":
            raise Refused(f"HOLD_{hold.state}")
        asked = raised(hold.meters, (line.quantity for line in hold.meters), quantities)
        reported = raised(hold.meters, (line.used for line in hold.meters), used_quantities)
        if quantity is not None:
            if hold.call:
                quantity = capped(account.limits.terms, quantity)
            total = priced(hold.rate, quantity)
        elif total and hold.call and hold.rate and account.limits.terms.max_seconds:
            total = min(total, price(hold.rate, account.limits.terms.max_seconds))
        if quantities is not None:
            total = cost(hold.meters, asked)
        if used_quantities is not None:
            used = cost(hold.meters, reported)
        if used_quantity is not None:
            used = priced(hold.rate, used_quantity)
            hold.used_quantity = max(hold.used_quantity, used_quantity)
        with account.change():
            charged, uncollected = account.use(hold, used or 0)
            decided = _raise(account, hold, total or 0, minimum, at=at, ttl_ms=ttl_ms)
        if decided.outcome.startswith("GRANTED"):
            hold.expires_at = max(hold.expires_at, at + ttl_ms * 1000)
            for line, now in zip(hold.meters, asked, strict=True):
                line.quantity = now
        for line, now in zip(hold.meters, reported, strict=True):
            line.used = now
        answer = replace(
            decided,
            asked=total or 0,
            charged=charged,
            uncollected=uncollected,
            hold=hold.view(),
            balance=account.balance(at),
        )
        metered = quantity is not None or used_quantity is not None
        answer = _reaching(answer, account, hold.rate if metered else None, hold)
        return _running(answer, account, hold, at)

    @refusable
    def commit(
        self,
        at: int,
        account_id: str,
        hold_id: str,
        *,
        used: int = 0,
        used_quantity: int | None = None,
        used_quantities: Usages | None = None,
        keep_open: bool = False,
        cause: str = "",
    ) -> Answer:
        account = self.account(at, account_id)
        hold = find_hold(account, hold_id)
        reported = raised(hold.meters, (line.used for line in hold.meters), used_quantities)
        if used_quantity is not None:
            used = priced(hold.rate, used_quantity)
        if used_quantities is not None:
            used = cost(hold.meters, reported)
        more, final = used > hold.used, not keep_open
        if more and (hold.state in {"COMMITTED", "RELEASED"} or hold.closed):
            raise Refused("HOLD_RELEASED" if hold.state == "RELEASED" else "HOLD_COMMITTED")
        late = hold.state == "EXPIRED" and not hold.closed and (more or final)
        if hold.state == "OPEN" or late:
            hold.used_quantity = max(hold.used_quantity, used_quantity or 0)
            for line, now in zip(hold.meters, reported, strict=True):
                line.used = now
        with account.change():
            charged, uncollected = account.use(hold, used)
            if hold.state == "OPEN" and final:
                hold.state, hold.settled_at, hold.cause = "COMMITTED", at, cause
                account.let_go(hold)
            elif late:
                hold.late, hold.closed = True, final
                hold.cause = cause if final else hold.cause
                account.news.append(("HOLD_LATE", hold_id, charged, uncollected))
        return Answer(
            "ACCEPTED",
            hold=hold.view(),
            balance=account.balance(at),
            charged=charged,
            uncollected=uncollected,
            late=hold.late,
        )

    @refusable
    def release(self, at: int, account_id: str, hold_id: str, *, cause: str = "") -> Answer:
        account = self.account(at, account_id)
        hold = account.holds.get(hold_id)
        if hold is None:
            hold = Hold(hold_id, None, at, at, state="RELEASED", settled_at=at, cause=cause)
            account.holds[hold_id] = hold
        if hold.state == "OPEN":
            with account.change():
                hold.state, hold.settled_at, hold.cause = "RELEASED", at, cause
                account.let_go(hold)
        return Answer("ACCEPTED", hold=hold.view(), balance=account.balance(at))

    @refusable
    def get_hold(self, at: int, account_id: str, hold_id: str) -> Answer:
        account = self.account(None, account_id)
        hold = find_hold(account, hold_id)
        return Answer("ACCEPTED", hold=hold.view(), balance=account.balance(at))

    @refusable
    def get_balance(self, at: int, account_id: str) -> Answer:
        return Answer("ACCEPTED", balance=self.account(None, account_id).balance(at))


def _replay(account: Subscriber, hold: Hold, body: tuple[Any, ...], at: int) -> Answer:
    """Repeat the decision a name was given, with the hold as it stands now."""
    if hold.body is None:
        raise Refused("HOLD_RELEASED")
    if hold.body != body or hold.first is None:
        raise Refused("NAME_REUSED")
    again = replace(hold.first, hold=hold.view(), balance=account.balance(at), replayed=True)
    return _running(_reaching(again, account, hold.rate, hold), account, hold, at)


def _price(
    find: Find, usage: Usage | None, usages: Usages | None, amount: int
) -> tuple[RateView | None, list[Line], int]:
    """The rate of a usage, or the lines of several, and the price; of an amount, the amount."""
    if usages is not None:
        lines = open_lines(find, usages)
        return None, lines, cost(lines, (line.quantity for line in lines))
    if usage is None:
        return None, [], amount
    rate = find(*usage[:2])
    return rate, [], priced(rate, usage[2])


def _running(answer: Answer, account: Subscriber, hold: Hold | None, at: int) -> Answer:
    """Say in an answer how its call may go on; of other work nothing."""
    if hold is not None and hold.call is None:
        return answer

    def ask(copy: Hold, total: int) -> Answer:
        return _raise(account, copy, total, 0, at=at, ttl_ms=0)

    terms, status = account.limits.terms, account.status
    shown = quota(terms, hold, answer, at=at, status=status, ask=ask)
    return replace(answer, quota=shown)


def _reaching(
    answer: Answer, account: Subscriber, rate: RateView | None, hold: Hold | None = None
) -> Answer:
    """Say in an answer what its work can come to in all, where it was asked by usage."""
    return replace(answer, affordable=account.reach(rate, hold)) if rate else answer


def _decide(
    account: Subscriber,
    hold: Hold | None,
    amount: int,
    need: int,
    at: int,
    *,
    limit: str = "",
    beyond: int = 0,
) -> tuple[Answer, int]:
    """Judge a wish for `amount` more, at least `need`: (the decision, what is granted).

    `limit` names the limit that denies it; `beyond` is what was wished beyond a limit besides.
    """
    answer = Answer("GRANTED", asked=amount + beyond, balance=account.balance(at))
    available = max(account.available, 0)
    if account.status != "ACTIVE":
        return replace(answer, outcome="DENIED_ACCOUNT_INACTIVE"), 0
    if limit:
        return replace(answer, outcome="DENIED_LIMIT", limit=limit), 0
    if amount <= available:
        outcome = "GRANTED_PARTIAL" if beyond else "GRANTED"
        return replace(answer, outcome=outcome, shortfall=beyond), amount
    if need <= available:
        shortfall = amount - account.available + beyond
        return replace(answer, outcome="GRANTED_PARTIAL", shortfall=shortfall), available
    short = replace(answer, shortfall=need - account.available)
    others = [other for other in account.open_holds if other is not hold]
    if account.available + sum(other.held for other in others) < need:
        return replace(short, outcome="DENIED_INSUFFICIENT_CREDITS"), 0
    first = min(other.expires_at for other in others)
    return replace(short, outcome="DENIED_CREDITS_HELD", retry_after=first - at), 0


def _decide_new(
    account: Subscriber,
    amount: int,
    minimum: int,
    at: int,
    *,
    ttl_ms: int | None,
    attributes: Pairs,
) -> tuple[Answer, int]:
    """Judge a new hold; one without a time to live is charged at once and never open."""
    limits, need = account.limits, min(minimum or amount, amount)
    limit = ""
    if _exceeds(need, limits.hold_max):
        limit = "hold_max_micros"
    elif ttl_ms is not None and _exceeds(ttl_ms, limits.hold_ttl_max_ms):
        limit = "hold_ttl_max"
    elif ttl_ms is not None and _exceeds(len(account.open_holds) + 1, limits.open_holds_max):
        limit = "open_holds_max"
    stakes = account.stakes(attributes)
    limit = limit or first_denial(account, stakes, need, opens=ttl_ms is not None)
    beyond = max(_beyond(amount, limits.hold_max), _beyond(amount, least_left(account, stakes)))
    return _decide(account, None, amount - beyond, need, at, limit=limit, beyond=beyond)


def _raise(
    account: Subscriber, hold: Hold, total: int, minimum: int, *, at: int, ttl_ms: int
) -> Answer:
    """Judge the raise of an open hold's total. It needs what it adds to the credits held, which
    is less than the raise where the hold has used more than it was granted."""
    limits = account.limits
    limit = "hold_ttl_max" if _exceeds(ttl_ms, limits.hold_ttl_max_ms) else ""
    if total <= hold.granted:
        return Answer("DENIED_LIMIT", limit=limit) if limit else Answer("GRANTED")
    least_total = min(hold.granted + minimum, total) if minimum else total
    if not limit and _exceeds(least_total, limits.hold_max):
        limit = "hold_max_micros"
    beyond = _beyond(total, limits.hold_max)
    more, least = (max(each - hold.used, 0) - hold.held for each in (total - beyond, least_total))
    stakes = account.stakes_of(hold)
    if not limit and min(least, more) > 0:
        limit = first_denial(account, stakes, min(least, more), opens=False)
    left = least_left(account, stakes)
    over = 0 if left is None else max(more - max(left, 0), 0)
    more, beyond = more - over, beyond + over
    decided, granted = _decide(
        account, hold, more, min(least, more), at, limit=limit, beyond=beyond
    )
    if decided.outcome.startswith("GRANTED"):
        hold.granted = total - beyond - (more - granted)
    return decided


def _exceeds(value: int, limit: int | None) -> bool:
    return limit is not None and value > limit


def _beyond(value: int, limit: int | None) -> int:
    """What of a value is beyond a limit."""
    return 0 if limit is None else max(value - limit, 0)
