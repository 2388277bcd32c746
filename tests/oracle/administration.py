"""The oracle's administration: accounts, grants and refunds."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from tests.oracle.account import Grant, Hold
from tests.oracle.answers import Answer, AutoTopup, GrantView, Pairs, Refused, Threshold
from tests.oracle.packages import Package
from tests.oracle.prices import RateCard
from tests.oracle.subscriber import Plan, Subscriber

AMOUNT_MAX = 10**18


def refusable(operation: Callable[..., Answer]) -> Callable[..., Answer]:
    """Answer a refusal as an Answer."""

    @wraps(operation)
    def answering(*args: Any, **kwargs: Any) -> Answer:
        try:
            return operation(*args, **kwargs)
        except Refused as refusal:
            return Answer(outcome=str(refusal))

    return answering


class Administration:
    """Accounts of one tenant, and what AccountService does with them."""

    def __init__(self) -> None:
        self.accounts: dict[str, Subscriber] = {}
        self.plans: dict[tuple[str, int], Plan] = {}
        self.packages: dict[tuple[str, int], Package] = {}
        self.cards: dict[tuple[str, int], RateCard] = {}

    @refusable
    def create_account(
        self,
        at: int,
        account_id: str,
        *,
        overdraft: int = 0,
        policy: str = "CAP",
        labels: Pairs = (),
    ) -> Answer:
        new = Subscriber(at, account_id, overdraft=overdraft, policy=policy, labels=labels)
        account = self.accounts.setdefault(account_id, new)
        account.happen(at)
        if account.body != new.body:
            raise Refused("NAME_REUSED")
        return Answer("ACCEPTED", account=account.view(), balance=account.balance(at))

    @refusable
    def get_account(self, at: int, account_id: str) -> Answer:
        account = self.account(None, account_id)
        return Answer("ACCEPTED", account=account.view(), balance=account.balance(at))

    @refusable
    def update_account(
        self,
        at: int,
        account_id: str,
        *,
        overdraft: int | None = None,
        policy: str | None = None,
        status: str | None = None,
        plan: tuple[str, int] | None = None,
        timing: str = "NOW",
        time_zone: str | None = None,
        anchor: int | None = None,
        thresholds: tuple[Threshold, ...] | None = None,
        plan_thresholds: bool = False,
        auto_topup: AutoTopup | None = None,
    ) -> Answer:
        account = self.account(at, account_id)
        chosen = self.plans.get(plan) if plan else None
        if plan and not chosen:
            raise Refused("PLAN_NOT_FOUND")
        if account.status == "CLOSED" and (status not in {None, "CLOSED"} or plan):
            raise Refused("ACCOUNT_CLOSED")
        with account.told():
            with account.change():
                account.status = status or account.status
                account.move(anchor or account.anchor, time_zone or account.zone)
                if chosen and timing == "NEXT_CYCLE" and account.cycle:
                    account.next_plan = chosen
                elif chosen and chosen != account.plan:
                    account.start(chosen)
                account.stretched |= overdraft is not None and overdraft < account.overdraft
                account.overdraft = account.overdraft if overdraft is None else overdraft
                account.policy = policy or account.policy
                account.realign()
                if thresholds is not None or plan_thresholds:
                    account.own_thresholds = None if plan_thresholds else thresholds
                account.desk.set(auto_topup)
            account.happen(at)
        return Answer("ACCEPTED", account=account.view(), balance=account.balance(at))

    @refusable
    def add_grant(
        self,
        at: int,
        account_id: str,
        grant_id: str,
        *,
        amount: int = 0,
        kind: str = "PURCHASED",
        priority: int = 0,
        effective_at: int | None = None,
        expires_at: int | None = None,
        reference: str = "",
        unpaid: bool = False,
        package: tuple[str, int] | None = None,
        quantity: int = 1,
    ) -> Answer:
        account = self.account(at, account_id)
        what = (amount, package, quantity)
        body = (what, kind, priority, effective_at, expires_at, reference, unpaid)
        if grant_id in account.grants:
            grant = account.grants[grant_id]
            if grant.body != body:
                raise Refused("NAME_REUSED")
            return Answer("ACCEPTED", grant=grant.view, balance=account.balance(at), replayed=True)
        if account.status == "CLOSED":
            raise Refused("ACCOUNT_CLOSED")
        begin = at if effective_at is None else effective_at
        bought = None
        if package:
            sold = self._package(*package)
            bought = (*sold.name, quantity)
            amount, priority = sold.amount * quantity, sold.priority
            expires_at = sold.ends(begin)
        if not account.has_room(amount) or amount > AMOUNT_MAX:
            raise Refused("OUT_OF_RANGE")
        view = GrantView(
            grant_id=grant_id,
            kind=kind,
            amount=amount,
            remaining=amount,
            priority=priority,
            effective_at=begin,
            expires_at=expires_at,
            state="UNPAID" if unpaid else "PENDING",
            reference=reference,
            created_at=at,
            package=bought,
        )
        grant = account.expects(Grant(view, len(account.grants) + 1, body))
        account.grants[grant_id] = grant
        version = account.version
        account.happen(at)
        if not unpaid:
            self._complete(account, grant, version)
        return Answer("ACCEPTED", grant=grant.view, balance=account.balance(at))

    @refusable
    def confirm_grant(self, at: int, account_id: str, grant_id: str) -> Answer:
        account = self.account(at, account_id)
        if grant_id not in account.grants:
            raise Refused("GRANT_NOT_FOUND")
        grant = account.grants[grant_id]
        if grant.state == "REVOKED":
            raise Refused("GRANT_REVOKED")
        unpaid = grant.state == "UNPAID"
        if unpaid and account.status == "CLOSED":
            raise Refused("ACCOUNT_CLOSED")
        if unpaid:
            begin = max(at, grant.view.effective_at)
            grant.set(state="PENDING", effective_at=begin)
            if grant.view.package:
                grant.set(expires_at=self._package(*grant.view.package[:2]).ends(begin))
            account.expects(grant)
            version = account.version
            account.happen(at)
            self._complete(account, grant, version)
        return Answer(
            "ACCEPTED", grant=grant.view, balance=account.balance(at), replayed=not unpaid
        )

    def _complete(self, account: Subscriber, grant: Grant, version: int) -> None:
        """Let a grant complete the request it is named after."""
        number = len(account.events) + 1
        account.news = account.desk.complete(grant.view.grant_id, grant.view.amount, number)
        account.write(version)

    @refusable
    def refuse_topup(
        self, at: int, account_id: str, request_id: str, *, reason: str = ""
    ) -> Answer:
        account = self.account(at, account_id)
        found = account.desk.find(request_id)
        if found is None:
            raise Refused("TOPUP_NOT_FOUND")
        if found.state == "COMPLETED":
            raise Refused("TOPUP_COMPLETED")
        replayed = found.state == "REFUSED"
        if not replayed:
            account.news = [account.desk.refuse(reason)]
            account.write(account.version)
        return Answer("ACCEPTED", topup=account.desk.find(request_id), replayed=replayed)

    @refusable
    def list_topups(self, _at: int, account_id: str) -> Answer:
        newest_first = tuple(reversed(self.account(None, account_id).desk.asked))
        return Answer("ACCEPTED", topups=newest_first)

    @refusable
    def put_package(self, _at: int, package: Package) -> Answer:
        if package.name in self.packages:
            if self.packages[package.name] != package:
                raise Refused("NAME_REUSED")
            return Answer("ACCEPTED", replayed=True)
        if package.version > 1 and (package.package_id, package.version - 1) not in self.packages:
            raise Refused("VERSION_SKIPPED")
        self.packages[package.name] = package
        return Answer("ACCEPTED")

    def _package(self, package_id: str, version: int) -> Package:
        """A version of a package, 0 for the latest."""
        versions = [number for name, number in self.packages if name == package_id]
        found = self.packages.get((package_id, version or max(versions, default=0)))
        if found is None:
            raise Refused("PACKAGE_NOT_FOUND")
        return found

    @refusable
    def list_grants(self, at: int, account_id: str) -> Answer:
        account = self.account(None, account_id)
        newest_first = sorted(account.grants.values(), key=lambda grant: -grant.seq)
        return Answer("ACCEPTED", grants=tuple(grant.view for grant in newest_first))

    @refusable
    def revoke_grant(self, at: int, account_id: str, grant_id: str) -> Answer:
        account = self.account(at, account_id)
        if grant_id not in account.grants:
            raise Refused("GRANT_NOT_FOUND")
        grant = account.grants[grant_id]
        taken = 0
        if grant.state in {"PENDING", "UNPAID"}:
            taken = grant.remaining
            grant.set(state="REVOKED", remaining=0)
        elif grant.state == "LIVE":
            with account.change():
                taken = account.end(grant, "REVOKED")
        return Answer("ACCEPTED", grant=grant.view, balance=account.balance(at), revoked=taken)

    @refusable
    def refund(
        self, at: int, account_id: str, refund_id: str, *, hold_id: str, amount: int
    ) -> Answer:
        account = self.account(at, account_id)
        hold = find_hold(account, hold_id)
        replayed = refund_id in account.refunds
        if replayed and account.refunds[refund_id][0] != (hold_id, amount):
            raise Refused("NAME_REUSED")
        if not replayed:
            if amount > hold.charged - hold.refunded:
                raise Refused("REFUND_EXCEEDS_CHARGE")
            if not account.has_room(amount):
                raise Refused("OUT_OF_RANGE")
            with account.change():
                lapsed = account.give_back(hold, amount)
            account.refunds[refund_id] = ((hold_id, amount), lapsed)
        lapsed = account.refunds[refund_id][1]
        return Answer(
            "ACCEPTED",
            hold=hold.view(),
            balance=account.balance(at),
            replayed=replayed,
            lapsed=lapsed,
        )

    @refusable
    def list_holds(
        self,
        at: int,
        account_id: str,
        *,
        state: str | None = None,
        gateway_id: str | None = None,
        epoch_below: int = 0,
    ) -> Answer:
        account = self.account(None, account_id)
        holds = [hold for hold in account.holds.values() if state in {None, hold.state}]
        if gateway_id is not None:
            running = [(hold, hold.call) for hold in account.open_holds]
            holds = [
                hold
                for hold, call in running
                if call and call[0] == gateway_id and (not epoch_below or call[1] < epoch_below)
            ]
        by_id = sorted(holds, key=lambda hold: hold.hold_id)
        return Answer("ACCEPTED", holds=tuple(hold.view() for hold in by_id))

    @refusable
    def list_events(self, at: int, account_id: str, *, after: int = 0) -> Answer:
        return Answer("ACCEPTED", events=tuple(self.account(None, account_id).events[after:]))

    def sweep(self, at: int) -> None:
        """Let everything due happen on every account, as the server's background work does."""
        for account in self.accounts.values():
            account.happen(at)

    def account(self, at: int | None, account_id: str) -> Subscriber:
        """Find an account; given a time, let what is due on it happen first (reading does not)."""
        if account_id not in self.accounts:
            raise Refused("ACCOUNT_NOT_FOUND")
        account = self.accounts[account_id]
        if at is not None:
            account.happen(at)
        return account


def find_hold(account: Subscriber, hold_id: str) -> Hold:
    """Find a hold of an account."""
    if hold_id not in account.holds:
        raise Refused("HOLD_NOT_FOUND")
    return account.holds[hold_id]
