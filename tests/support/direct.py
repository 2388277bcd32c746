"""The ledger asked directly, without a server in between, and its answers in the oracle's form."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

from creditgate_server.domain import accounts as domain
from creditgate_server.domain import grants as grants_of
from creditgate_server.domain.account_keys import AccountKey, account_key
from creditgate_server.domain.accounts import AccountChange, NewAccount
from creditgate_server.domain.balances import Balance
from creditgate_server.domain.grants import NewGrant
from creditgate_server.domain.holds import Hold, HoldState
from creditgate_server.domain.operations import Operation as Asked
from creditgate_server.domain.operations import Verb
from creditgate_server.domain.outcomes import Outcome
from creditgate_server.domain.plans import Addon, CycleUnit
from creditgate_server.domain.plans import Plan as PlanVersion
from creditgate_server.domain.results import Result
from creditgate_server.postgres.accounts import PostgresAccounts
from creditgate_server.postgres.budgets import PostgresBudgets
from creditgate_server.postgres.catalog import PostgresCatalog
from creditgate_server.postgres.events import PostgresEvents
from creditgate_server.postgres.ledger import PostgresLedger
from creditgate_server.postgres.pool import Pool
from creditgate_server.postgres.topups import PostgresTopups
from tests.oracle.account import DEFAULT_TTL_MS
from tests.oracle.answers import (
    AccountView,
    Answer,
    AutoTopup,
    BalanceView,
    BudgetView,
    GrantView,
    HoldView,
    Threshold,
)
from tests.oracle.subscriber import Plan
from tests.support.direct_budgets import (
    attributes_of,
    budget_answer,
    details,
    standing_answer,
    to_budget,
)
from tests.support.direct_events import (
    addon_view,
    auto_topup_of,
    auto_topup_text,
    bought,
    event_view,
    standing_view,
    threshold_numbers,
    threshold_views,
    topup_answer,
)
from tests.support.micros import instant, micros, micros_or_none


class DirectLedger:
    """One tenant's ledger. Its methods are the oracle's, but for the time."""

    def __init__(self, pool: Pool, *, tenant_id: UUID | None = None) -> None:
        self.tenant_id = tenant_id or uuid4()
        self.topups = PostgresTopups(pool)
        self.accounts, self.catalog = PostgresAccounts(pool), PostgresCatalog(pool)
        self.ledger, self.budgets = PostgresLedger(pool), PostgresBudgets(pool)
        self.events = PostgresEvents(pool)

    def key(self, account_id: str) -> AccountKey:
        return account_key(self.tenant_id, account_id)

    async def ask(self, verb: str, account_id: str, arguments: dict[str, Any]) -> Answer:
        """Ask for one thing by the name of the oracle's method."""
        if verb.upper() in Verb.__members__:
            return (await self.apply([(verb, account_id, arguments)]))[0]
        return await getattr(self, verb)(account_id, **arguments)  # type: ignore[no-any-return]

    async def apply(self, asked: Sequence[tuple[str, str, dict[str, Any]]]) -> list[Answer]:
        """Ask the hot path for several things in one batch."""
        operations = [self._operation(*each) for each in asked]
        results = await self.ledger.apply(operations)
        return [
            hot_answer(operation, result)
            for operation, result in zip(operations, results, strict=True)
        ]

    def _operation(self, verb: str, account_id: str, given: dict[str, Any]) -> Asked:
        amount = given.get("total") if verb == "extend" else given.get("amount")
        body = repr((verb, sorted(given.items()))).encode()
        return Asked(
            Verb[verb.upper()],
            *self.key(account_id),
            given["hold_id"],
            amount or 0,
            given.get("minimum", 0),
            given.get("used"),
            0 if verb == "charge" else given.get("ttl_ms", DEFAULT_TTL_MS),
            given.get("keep_open", False),
            hashlib.sha256(body).digest(),
            given.get("cause", ""),
            details(given.get("attributes", ())),
        )

    async def create_account(
        self, account_id: str, *, overdraft: int = 0, policy: str = "CAP"
    ) -> Answer:
        new = NewAccount(account_id, overdraft, domain.OveragePolicy[policy])
        return account_answer(*await self.accounts.create_account(self.tenant_id, new))

    async def get_account(self, account_id: str) -> Answer:
        account = await self.accounts.get_account(self.tenant_id, account_id)
        return account_answer(Outcome.ACCEPTED, account)

    async def get_balance(self, account_id: str) -> Answer:
        balance = await self.ledger.balance(self.key(account_id))
        return Answer("ACCEPTED", balance=balance_view(balance))

    async def update_account(
        self,
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
        plan_id, version = plan or (None, None)
        change = AccountChange(
            overdraft_limit_micros=overdraft,
            overage_policy=domain.OveragePolicy[policy] if policy else None,
            status=domain.AccountStatus[status] if status else None,
            plan_id=plan_id,
            plan_version=version,
            next_cycle=timing == "NEXT_CYCLE",
            time_zone=time_zone,
            anchor_at=instant(anchor),
            thresholds=None if thresholds is None else threshold_numbers(thresholds),
            plan_thresholds=plan_thresholds,
            auto_topup=auto_topup_text(auto_topup),
        )
        return account_answer(
            *await self.accounts.update_account(self.tenant_id, account_id, change)
        )

    async def add_grant(
        self,
        account_id: str,
        *,
        grant_id: str,
        amount: int = 0,
        kind: str = "PURCHASED",
        priority: int = 0,
        effective_at: int | None = None,
        expires_at: int | None = None,
        unpaid: bool = False,
        package: tuple[str, int] | None = None,
        quantity: int = 1,
    ) -> Answer:
        begin, end = instant(effective_at), instant(expires_at)
        what = (amount, kind, priority, effective_at, expires_at, unpaid, package, quantity)
        body = repr(what).encode()
        new = NewGrant(grant_id, grants_of.GrantKind[kind], amount, priority, begin, end, "", body)
        new = new._replace(unpaid=unpaid)
        if package:
            name, version = package
            new = new._replace(package_id=name, package_version=version, quantity=quantity)
        return grant_answer(await self.accounts.add_grant(self.key(account_id), new))

    async def refuse_topup(self, account_id: str, *, request_id: str, reason: str = "") -> Answer:
        return topup_answer(
            await self.topups.refuse_topup(self.key(account_id), request_id, reason)
        )

    async def confirm_grant(self, account_id: str, *, grant_id: str) -> Answer:
        return grant_answer(await self.accounts.confirm_grant(self.key(account_id), grant_id))

    async def revoke_grant(self, account_id: str, *, grant_id: str) -> Answer:
        result = await self.accounts.revoke_grant(self.key(account_id), grant_id)
        # The oracle knows no replay of a revocation: it is named by what it revokes.
        return grant_answer(result._replace(replayed=False))

    async def refund(self, account_id: str, *, refund_id: str, hold_id: str, amount: int) -> Answer:
        key = self.key(account_id)
        result = await self.accounts.refund(key, refund_id, hold_id, amount)
        if Outcome(result.outcome).refused:
            return Answer(Outcome(result.outcome).name)
        return Answer(
            "ACCEPTED",
            balance=balance_view(result.balance),
            hold=hold_view(result.hold),
            replayed=result.replayed,
            lapsed=result.expired_micros,
        )

    async def list_grants(self, account_id: str) -> Answer:
        grants: list[grants_of.Grant] = []
        while True:
            before = grants[-1].seq if grants else None
            page = await self.accounts.list_grants(
                self.key(account_id), before_seq=before, limit=1_000
            )
            if not page:
                return Answer("ACCEPTED", grants=tuple(map(grant_view, grants)))
            grants += page

    async def list_holds(self, account_id: str) -> Answer:
        holds = await self.accounts.list_holds(
            self.key(account_id), state=None, after="", limit=1_000
        )
        assert holds is not None
        return Answer("ACCEPTED", holds=tuple(hold_view_of(hold) for hold in holds))

    async def put_plan(self, plan: Plan) -> Answer:
        version = PlanVersion(
            plan.plan_id,
            plan.version,
            plan.plan_id,
            plan.allowance,
            CycleUnit[plan.unit],
            plan.rollover_max,
            plan.welcome,
            plan.overdraft,
            domain.OveragePolicy[plan.policy],
            plan.hold_max,
            plan.hold_ttl_max_ms,
            plan.open_holds_max,
            repr(plan).encode(),
            thresholds=threshold_numbers(plan.thresholds),
            expiry_notice_ms=plan.expiry_notice_ms,
        )
        version = version._replace(budgets=tuple(map(to_budget, plan.budgets)))
        outcome, *_ = await self.catalog.put_plan(self.tenant_id, version)
        return Answer(outcome.name)

    async def add_addon(
        self,
        account_id: str,
        *,
        addon_id: str,
        amount: int,
        outlives_cycle: bool = False,
        priority: int = 0,
    ) -> Answer:
        body = repr((amount, outlives_cycle, priority)).encode()
        new = Addon(addon_id, amount, outlives_cycle, priority, body)
        return addon_answer(await self.catalog.add_addon(self.key(account_id), new))

    async def cancel_addon(self, account_id: str, *, addon_id: str) -> Answer:
        return addon_answer(await self.catalog.cancel_addon(self.key(account_id), addon_id))

    async def list_addons(self, account_id: str) -> Answer:
        addons = await self.catalog.list_addons(self.key(account_id), after="", limit=1_000)
        assert addons is not None
        return Answer("ACCEPTED", addons=tuple(map(addon_view, addons)))

    async def list_events(self, account_id: str, *, after: int = 0) -> Answer:
        events = await self.events.list_events(self.key(account_id), after=after, limit=100_000)
        assert events is not None
        return Answer("ACCEPTED", events=tuple(map(event_view, events)))

    async def put_budget(self, account_id: str, *, budget: BudgetView) -> Answer:
        result = await self.budgets.put_budget(self.key(account_id), to_budget(budget))
        return budget_answer(result)

    async def delete_budget(self, account_id: str, *, budget_id: str) -> Answer:
        return budget_answer(await self.budgets.delete_budget(self.key(account_id), budget_id))

    async def list_budgets(self, account_id: str) -> Answer:
        page = await self.budgets.list_budgets(self.key(account_id), after=("", ""), limit=1_000)
        assert page is not None
        return standing_answer(page)


def hot_answer(asked: Asked, result: Result) -> Answer:
    """The oracle's form of a result of the hot path."""
    outcome = Outcome(result.outcome)
    if outcome.refused:
        return Answer(outcome.name)
    balance, decided = balance_view(result.balance), outcome is not Outcome.ACCEPTED
    retry_at = micros_or_none(result.retry_at)
    return Answer(
        outcome.name,
        balance=balance,
        hold=hold_view(result.hold),
        limit=result.limit_name or "",
        asked=result.asked_micros if decided else 0,
        shortfall=result.shortfall_micros,
        retry_after=None if retry_at is None or balance is None else retry_at - balance.as_of,
        replayed=result.replayed,
        charged=0 if asked.verb == Verb.CHARGE else result.charged_micros,
        uncollected=result.uncollected_micros,
        late=asked.verb == Verb.COMMIT and result.hold is not None and result.hold.late,
    )


def account_answer(outcome: Outcome, account: domain.Account | None) -> Answer:
    if outcome.refused or account is None:
        return Answer(outcome.name)
    view = AccountView(
        account.account_id,
        domain.AccountStatus(account.status).name,
        domain.OveragePolicy(account.overage_policy).name,
        account.debt_micros,
        account.open_holds,
        (),
        micros(account.created_at),
        standing_view(account.standing),
        threshold_views(account.thresholds),
        account.own_thresholds,
        account.unpaid_micros,
        auto_topup_of(account.auto_topup),
        account.topup_request_id or "",
    )
    return Answer("ACCEPTED", account=view, balance=balance_view(account.balance))


def grant_answer(result: grants_of.GrantResult) -> Answer:
    if Outcome(result.outcome).refused or result.grant is None:
        return Answer(Outcome(result.outcome).name)
    return Answer(
        "ACCEPTED",
        balance=balance_view(result.balance),
        grant=grant_view(result.grant),
        replayed=result.replayed,
        revoked=result.revoked_micros,
    )


def addon_answer(result: Any) -> Answer:
    if result.addon is None:
        return Answer(Outcome(result.outcome).name)
    return Answer(
        "ACCEPTED",
        balance=balance_view(result.balance),
        addon=addon_view(result.addon),
        replayed=result.replayed,
    )


def grant_view(grant: grants_of.Grant) -> GrantView:
    return GrantView(
        grant.grant_id,
        grants_of.GrantKind(grant.kind).name,
        grant.amount_micros,
        grant.remaining_micros,
        grant.priority,
        micros(grant.effective_at),
        micros_or_none(grant.expires_at),
        grants_of.GrantState(grant.state).name,
        grant.reference,
        micros(grant.created_at),
        bought(grant),
    )


def balance_view(balance: Balance | None) -> BalanceView | None:
    if balance is None:
        return None
    return BalanceView(
        balance.settled_micros,
        balance.held_micros,
        balance.available_micros,
        balance.overdraft_limit_micros,
        balance.version,
        micros(balance.as_of),
    )


def hold_view(hold: Hold | None) -> HoldView | None:
    return None if hold is None else hold_view_of(hold)


def hold_view_of(hold: Hold) -> HoldView:
    return HoldView(
        hold.hold_id,
        HoldState(hold.state).name,
        hold.granted_micros,
        hold.held_micros,
        hold.used_micros,
        hold.charged_micros,
        hold.uncollected_micros,
        hold.refunded_micros,
        micros(hold.created_at),
        micros(hold.expires_at),
        micros_or_none(hold.settled_at),
        hold.late,
        hold.termination_cause,
        attributes_of(hold.details),
        (),
    )
