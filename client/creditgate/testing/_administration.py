"""The fake's administration: accounts, grants, refunds and lists."""

from __future__ import annotations

from typing import Any

from creditgate.testing._calls import runs_on
from creditgate.testing._purchases import Purchases
from creditgate.testing._subscriber import Subscriber
from creditgate.testing._wallet import (
    LIVE,
    PENDING,
    UNPAID,
    FakeGrant,
    FakeHold,
    RefusalError,
    stamp,
)
from creditgate.v1 import account_pb2, event_service_pb2, hold_pb2
from creditgate.v1 import account_service_pb2 as accounts
from creditgate.v1 import catalog_service_pb2 as catalog

PAGE_DEFAULT, PAGE_MAX = 50, 1000
AMOUNT_MAX = 10**18


class Administration:
    """The accounts of one tenant, and what AccountService does with them."""

    def __init__(self) -> None:
        self.wallets: dict[str, Subscriber] = {}
        self.plans: dict[tuple[str, int], catalog.Plan] = {}
        self.purchases = Purchases()
        self.cards: dict[tuple[str, int], catalog.RateCard] = {}
        self.asked_cards: dict[tuple[str, int], tuple[str, int]] = {}

    def sweep(self, now: int) -> None:
        """Let everything due happen."""
        for wallet in self.wallets.values():
            wallet.advance(now)

    def _wallet(self, request: Any, now: int | None = None) -> Subscriber:
        wallet = self.wallets.get(request.account_id)
        if wallet is None:
            raise RefusalError("ACCOUNT_NOT_FOUND")
        if now is not None:
            wallet.advance(now)
        return wallet

    def _create_account(
        self, request: accounts.CreateAccountRequest, now: int
    ) -> accounts.CreateAccountResponse:
        policy = request.overage_policy or account_pb2.OVERAGE_POLICY_CAP
        body = (request.overdraft_limit_micros, policy, dict(request.labels))
        wallet = self.wallets.get(request.account_id)
        if wallet is None:
            message = account_pb2.Account(
                account_id=request.account_id,
                status=account_pb2.ACCOUNT_STATUS_ACTIVE,
                overage_policy=policy,
                labels=request.labels,
                time_zone="UTC",
            )
            stamp(message.created_at, now)
            wallet = Subscriber(message, body, overdraft=request.overdraft_limit_micros)
            wallet.alert(None)
            wallet.told = wallet.balance(now)
            self.wallets[request.account_id] = wallet
        if wallet.body != body:
            raise RefusalError("NAME_REUSED")
        wallet.advance(now)
        return accounts.CreateAccountResponse(account=wallet.stand(now))

    def _get_account(
        self, request: accounts.GetAccountRequest, now: int
    ) -> accounts.GetAccountResponse:
        return accounts.GetAccountResponse(account=self._wallet(request).stand(now))

    def _list_accounts(
        self, request: accounts.ListAccountsRequest, now: int
    ) -> accounts.ListAccountsResponse:
        everyone = [self.wallets[name].stand(now) for name in sorted(self.wallets)]
        items, token = page(everyone, request)
        return accounts.ListAccountsResponse(accounts=items, next_page_token=token)

    def _update_account(
        self, request: accounts.UpdateAccountRequest, now: int
    ) -> accounts.UpdateAccountResponse:
        wallet = self._wallet(request, now)
        it, closed = wallet.message, account_pb2.ACCOUNT_STATUS_CLOSED
        plan = (
            self._plan(request.plan.plan_id, request.plan.version) if request.plan.plan_id else None
        )
        reopened = request.HasField("status") and request.status != closed
        if it.status == closed and (reopened or plan is not None):
            raise RefusalError("ACCOUNT_CLOSED")
        before = wallet.numbers()
        it.status = request.status or it.status
        anchor = None
        if request.HasField("billing_anchor"):
            anchor = request.billing_anchor.ToMicroseconds()
        wallet.move(zone=request.time_zone or it.time_zone, anchor=anchor)
        if plan is not None:
            later = request.plan.timing == accounts.PLAN_TIMING_NEXT_CYCLE
            wallet.choose(plan, at_next_cycle=later)
        if request.HasField("overage_policy"):
            it.overage_policy = request.overage_policy or account_pb2.OVERAGE_POLICY_CAP
        if request.HasField("overdraft_limit_micros"):
            wallet.overdraft = request.overdraft_limit_micros
        wallet.realign()
        if request.HasField("thresholds"):
            own = None if request.thresholds.reset else list(request.thresholds.thresholds)
            wallet.alert(own)
        wallet.topups.change(request.auto_topup if request.HasField("auto_topup") else None)
        wallet.version += before != wallet.numbers()
        wallet.advance(now)
        return accounts.UpdateAccountResponse(account=wallet.stand(now))

    def _plan(self, plan_id: str, version: int) -> catalog.Plan:
        """A version of a plan, 0 for the latest. Raises RefusalError."""
        latest = max((number for name, number in self.plans if name == plan_id), default=0)
        plan = self.plans.get((plan_id, version or latest))
        if plan is None:
            raise RefusalError("PLAN_NOT_FOUND")
        return plan

    def _add_grant(self, request: accounts.AddGrantRequest, now: int) -> accounts.AddGrantResponse:
        wallet = self._wallet(request, now)
        grant = wallet.grants.get(request.grant_id)
        if grant is None:
            if wallet.message.status == account_pb2.ACCOUNT_STATUS_CLOSED:
                raise RefusalError("ACCOUNT_CLOSED")
            new = self.purchases.bought(_new_grant(request, len(wallet.grants) + 1, now))
            if new.message.amount_micros > min(wallet.room, AMOUNT_MAX):
                raise RefusalError("OUT_OF_RANGE")
            wallet.grants[request.grant_id] = wallet.notice(new)
            version = wallet.version
            wallet.advance(now)
            if not request.unpaid:
                wallet.complete(new, since=version)
        elif grant.body != request:
            raise RefusalError("NAME_REUSED")
        return accounts.AddGrantResponse(
            grant=wallet.grants[request.grant_id].message,
            balance=wallet.balance(now),
            replayed=grant is not None,
        )

    def _confirm_grant(
        self, request: accounts.ConfirmGrantRequest, now: int
    ) -> accounts.ConfirmGrantResponse:
        wallet = self._wallet(request, now)
        grant = wallet.grants.get(request.grant_id)
        if grant is None:
            raise RefusalError("GRANT_NOT_FOUND")
        it = grant.message
        if it.state == account_pb2.GRANT_STATE_REVOKED:
            raise RefusalError("GRANT_REVOKED")
        replayed = it.state != UNPAID
        if not replayed:
            if wallet.message.status == account_pb2.ACCOUNT_STATUS_CLOSED:
                raise RefusalError("ACCOUNT_CLOSED")
            it.state, grant.begins = PENDING, max(now, grant.begins)
            stamp(it.effective_at, grant.begins)
            wallet.notice(self.purchases.bought(grant))
            version = wallet.version
            wallet.advance(now)
            wallet.complete(grant, since=version)
        balance = wallet.balance(now)
        return accounts.ConfirmGrantResponse(grant=it, balance=balance, replayed=replayed)

    def _refuse_topup(
        self, request: accounts.RefuseTopupRequest, now: int
    ) -> accounts.RefuseTopupResponse:
        wallet = self._wallet(request, now)
        topup = wallet.topups.find(request.request_id)
        if topup.state == account_pb2.TOPUP_STATE_COMPLETED:
            raise RefusalError("TOPUP_COMPLETED")
        replayed = topup.state == account_pb2.TOPUP_STATE_REFUSED
        if not replayed:
            refused = wallet.topups.refuse(request.request_id, request.reason, now)
            wallet.news.append(refused)
        return accounts.RefuseTopupResponse(topup=topup, replayed=replayed)

    def _list_topups(
        self, request: accounts.ListTopupsRequest, now: int
    ) -> accounts.ListTopupsResponse:
        newest_first = list(reversed(self._wallet(request).topups.asked.values()))
        topups, token = page(newest_first, request)
        return accounts.ListTopupsResponse(topups=topups, next_page_token=token)

    def _list_grants(
        self, request: accounts.ListGrantsRequest, now: int
    ) -> accounts.ListGrantsResponse:
        newest_first = [g.message for g in reversed(self._wallet(request).grants.values())]
        items, token = page(newest_first, request)
        return accounts.ListGrantsResponse(grants=items, next_page_token=token)

    def _revoke_grant(
        self, request: accounts.RevokeGrantRequest, now: int
    ) -> accounts.RevokeGrantResponse:
        wallet = self._wallet(request, now)
        grant = wallet.grants.get(request.grant_id)
        if grant is None:
            raise RefusalError("GRANT_NOT_FOUND")
        revoked = 0
        if grant.message.state in {PENDING, UNPAID}:
            revoked, grant.message.remaining_micros = grant.message.remaining_micros, 0
            grant.message.state = account_pb2.GRANT_STATE_REVOKED
        elif grant.message.state == LIVE:
            before = wallet.numbers()
            revoked = wallet.end_grant(grant, account_pb2.GRANT_STATE_REVOKED)
            wallet.version += before != wallet.numbers()
        return accounts.RevokeGrantResponse(
            grant=grant.message, balance=wallet.balance(now), revoked_micros=revoked
        )

    def _refund(self, request: accounts.RefundRequest, now: int) -> accounts.RefundResponse:
        wallet = self._wallet(request, now)
        body = (request.hold_id, request.amount_micros)
        hold = find_hold(wallet, request)
        known = wallet.refunds.get(request.refund_id)
        if known is not None and known[0] != body:
            raise RefusalError("NAME_REUSED")
        if known is None:
            left = hold.message.charged_micros - hold.message.refunded_micros
            if request.amount_micros > left:
                raise RefusalError("REFUND_EXCEEDS_CHARGE")
            if not wallet.has_room(request.amount_micros):
                raise RefusalError("OUT_OF_RANGE")
            lapsed = wallet.refund(hold, request.amount_micros, request.refund_id)
            known = (body, lapsed)
            wallet.version += 1
            replayed = False
        else:
            replayed = True
        wallet.refunds[request.refund_id] = known
        return accounts.RefundResponse(
            hold=hold.stand(),
            balance=wallet.balance(now),
            replayed=replayed,
            expired_micros=known[1],
        )

    def _list_events(
        self, request: event_service_pb2.ListEventsRequest, now: int
    ) -> event_service_pb2.ListEventsResponse:
        after = self._wallet(request).events[request.after_number :]
        events, token = page(after, request)
        return event_service_pb2.ListEventsResponse(events=events, next_page_token=token)

    def _list_holds(
        self, request: accounts.ListHoldsRequest, now: int
    ) -> accounts.ListHoldsResponse:
        if request.gateway_id:
            chosen = [hold for hold in self._holds(request.account_id) if runs_on(hold, request)]
        else:
            by_id = self._holds(self._wallet(request).message.account_id)
            chosen = [hold for hold in by_id if request.state in {0, hold.state}]
        items, token = page(chosen, request)
        return accounts.ListHoldsResponse(holds=items, next_page_token=token)

    def _holds(self, account_id: str) -> list[hold_pb2.Hold]:
        """The holds of an account, or of all; in the order of their names."""
        return [
            wallet.holds[hold_id].stand()
            for name, wallet in sorted(self.wallets.items())
            if account_id in {"", name}
            for hold_id in sorted(wallet.holds)
        ]


def find_hold(wallet: Subscriber, request: Any) -> FakeHold:
    """The hold a request names. Raises RefusalError."""
    hold = wallet.holds.get(request.hold_id)
    if hold is None:
        raise RefusalError("HOLD_NOT_FOUND")
    return hold


def _new_grant(request: accounts.AddGrantRequest, seq: int, now: int) -> FakeGrant:
    message = account_pb2.Grant(
        grant_id=request.grant_id,
        kind=request.kind,
        amount_micros=request.amount_micros,
        remaining_micros=request.amount_micros,
        priority=request.priority,
        state=UNPAID if request.unpaid else PENDING,
        reference=request.reference,
    )
    if request.HasField("package"):
        message.package.CopyFrom(request.package)
    begins = request.effective_at.ToMicroseconds() if request.HasField("effective_at") else now
    ends = None
    if request.HasField("expires_at"):
        ends = request.expires_at.ToMicroseconds()
        stamp(message.expires_at, ends)
    stamp(message.effective_at, begins)
    stamp(message.created_at, now)
    return FakeGrant(message, request, seq, begins, ends)


def page(items: list[Any], request: Any) -> tuple[list[Any], str]:
    """One page of a list, and the token of the next: simply the place it begins at."""
    size = min(request.page_size or PAGE_DEFAULT, PAGE_MAX)
    begin = int(request.page_token or 0)
    end = begin + size
    return items[begin:end], str(end) if end < len(items) else ""
