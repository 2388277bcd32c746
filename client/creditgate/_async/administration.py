"""Administration for asyncio: accounts, grants, refunds, plans, add-ons, statements and lists."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime

from creditgate._async.events import PAGE_SIZE
from creditgate._async.purchases import AsyncPurchases
from creditgate._async.statement import AsyncStatement
from creditgate._messages import account as accounts
from creditgate._messages import budget as bounds
from creditgate._messages import plan as plans
from creditgate._messages.work import Call
from creditgate._types.account import Account, AccountStatus, OveragePolicy, PlanVersion
from creditgate._types.amount import Amount
from creditgate._types.budget import AccountBudget, Budget, BudgetCounter
from creditgate._types.call import CallTerms
from creditgate._types.conversation import ConversationTerms
from creditgate._types.grant import Grant, Granting, GrantKind, Refund, Revocation
from creditgate._types.hold import Hold, HoldState
from creditgate._types.plan import (
    Addon,
    Booking,
    CycleUnit,
    Plan,
    PlanTiming,
    Publication,
    StatementPage,
)
from creditgate._types.threshold import Threshold
from creditgate._types.topup import AutoTopup


class AsyncAdministration(AsyncPurchases):
    """What `AsyncClient` can do besides work; it knows how to send."""

    async def create_account(
        self,
        account_id: str,
        *,
        overdraft_limit: Amount = 0,
        overage_policy: OveragePolicy = OveragePolicy.CAP,
        labels: Mapping[str, str] | None = None,
    ) -> Account:
        """Open an account without credits; the same body again answers the account."""
        return await self._send(
            accounts.create_account(
                account_id,
                overdraft_limit=overdraft_limit,
                overage_policy=overage_policy,
                labels=labels,
            )
        )

    async def get_account(self, account_id: str) -> Account:
        """Read an account."""
        return await self._send(accounts.get_account(account_id))

    async def update_account(
        self,
        account_id: str,
        *,
        overdraft_limit: Amount | None = None,
        overage_policy: OveragePolicy | None = None,
        status: AccountStatus | None = None,
        plan: PlanVersion | str | None = None,
        plan_timing: PlanTiming = PlanTiming.NOW,
        time_zone: str | None = None,
        billing_anchor: datetime | None = None,
        thresholds: Sequence[Threshold | Amount] | None = None,
        plan_thresholds: bool = False,
        auto_topup: AutoTopup | None = None,
    ) -> Account:
        """Change what is given of an account, and leave the rest.

        `plan` is a version of a plan, such as "pro@1", which takes effect by `plan_timing`: NOW, in
        proportion to what is left of the cycle, or with the NEXT_CYCLE. Cycles follow the calendar
        of `time_zone`, an IANA name, and are counted from `billing_anchor`. `thresholds`, such as
        ["20%", 5], alert in the place of the plan's; `plan_thresholds` takes them back.
        `auto_topup` says when more credits are asked for.
        """
        return await self._send(
            accounts.update_account(
                account_id,
                overdraft_limit=overdraft_limit,
                overage_policy=overage_policy,
                status=status,
                plan=plan,
                plan_timing=plan_timing,
                time_zone=time_zone,
                billing_anchor=billing_anchor,
                thresholds=thresholds,
                plan_thresholds=plan_thresholds,
                auto_topup=auto_topup,
            )
        )

    async def add_grant(
        self,
        account_id: str,
        *,
        grant_id: str,
        amount: Amount,
        kind: GrantKind = GrantKind.PURCHASED,
        priority: int = 0,
        effective_at: datetime | None = None,
        expires_at: datetime | None = None,
        reference: str = "",
        unpaid: bool = False,
    ) -> Granting:
        """Give credits; lower `priority` is spent first. None: effective at once, no expiry.

        `unpaid` credits are seen and not spent until `confirm_grant`.
        """
        return await self._send(
            accounts.add_grant(
                account_id,
                grant_id=grant_id,
                amount=amount,
                kind=kind,
                priority=priority,
                effective_at=effective_at,
                expires_at=expires_at,
                reference=reference,
                unpaid=unpaid,
            )
        )

    async def revoke_grant(self, account_id: str, *, grant_id: str) -> Revocation:
        """Take back what remains of a grant, except what open holds cover."""
        return await self._send(accounts.revoke_grant(account_id, grant_id=grant_id))

    async def refund(
        self, account_id: str, *, refund_id: str, hold_id: str, amount: Amount
    ) -> Refund:
        """Give charged credits back to the grants they came from."""
        return await self._send(
            accounts.refund(account_id, refund_id=refund_id, hold_id=hold_id, amount=amount)
        )

    def list_accounts(self, *, page_size: int = PAGE_SIZE) -> AsyncIterator[Account]:
        """Read all accounts in the order of their ids, a page at a time."""
        return self._pages(
            lambda token: accounts.list_accounts(page_size=page_size, page_token=token)
        )

    def list_grants(self, account_id: str, *, page_size: int = PAGE_SIZE) -> AsyncIterator[Grant]:
        """Read an account's grants, newest first, a page at a time."""
        return self._pages(
            lambda token: accounts.list_grants(account_id, page_size=page_size, page_token=token)
        )

    def list_holds(
        self,
        account_id: str = "",
        *,
        state: HoldState | None = None,
        gateway_id: str = "",
        epoch_below: int = 0,
        page_size: int = PAGE_SIZE,
    ) -> AsyncIterator[Hold]:
        """Read an account's holds, by their ids, a page at a time; `state` keeps one state only.

        With `gateway_id`, read the open calls of that gateway, of all accounts where none is given;
        `epoch_below` keeps those of its earlier starts.
        """
        return self._pages(
            lambda token: accounts.list_holds(
                account_id,
                state=state,
                gateway_id=gateway_id,
                epoch_below=epoch_below,
                page_size=page_size,
                page_token=token,
            )
        )

    async def put_plan(
        self,
        plan_id: str,
        *,
        version: int,
        name: str = "",
        allowance: Amount = 0,
        cycle: CycleUnit | None = None,
        rollover_max: Amount = 0,
        welcome: Amount = 0,
        overdraft_limit: Amount = 0,
        overage_policy: OveragePolicy = OveragePolicy.CAP,
        hold_max: Amount | None = None,
        hold_ttl_max_seconds: float | None = None,
        open_holds_max: int | None = None,
        budgets: Iterable[Budget] = (),
        thresholds: Sequence[Threshold | Amount] | None = None,
        expiry_notice_seconds: float | None = None,
        rate_card_id: str = "",
        rate_card_version: int = 0,
        call_terms: CallTerms | None = None,
        conversation_terms: ConversationTerms | None = None,
    ) -> Publication:
        """Write a version of a plan: 1, then 2, and so on. A version never changes.

        Each `cycle` brings the `allowance`, which ends with it, but for up to `rollover_max` that
        the next one keeps. `welcome` is given once, with an account's first plan, and never ends.
        `budgets` bind the accounts on it, unless they have their own of the same name.
        `thresholds` alert when the balance reaches them, None at "20%" of the allowance and at 0;
        that a grant ends is told `expiry_notice_seconds` before, None for 7 days, 0 for never.
        The rate card prices usage; its version 0 is the latest there is now.
        """
        return await self._send(
            plans.put_plan(
                plan_id,
                version=version,
                name=name,
                allowance=allowance,
                cycle=cycle,
                rollover_max=rollover_max,
                welcome=welcome,
                overdraft_limit=overdraft_limit,
                overage_policy=overage_policy,
                hold_max=hold_max,
                hold_ttl_max_seconds=hold_ttl_max_seconds,
                open_holds_max=open_holds_max,
                budgets=budgets,
                thresholds=thresholds,
                expiry_notice_seconds=expiry_notice_seconds,
                rate_card_id=rate_card_id,
                rate_card_version=rate_card_version,
                call_terms=call_terms,
                conversation_terms=conversation_terms,
            )
        )

    async def get_plan(self, plan_id: str, *, version: int | None = None) -> Plan:
        """Read a version of a plan; None is the latest."""
        return await self._send(plans.get_plan(plan_id, version=version))

    def list_plans(self, *, page_size: int = PAGE_SIZE) -> AsyncIterator[Plan]:
        """Read the latest versions of all plans in the order of their ids, a page at a time."""
        return self._pages(lambda token: plans.list_plans(page_size=page_size, page_token=token))

    async def add_addon(
        self,
        account_id: str,
        *,
        addon_id: str,
        amount: Amount,
        outlives_cycle: bool = False,
        priority: int = 0,
    ) -> Booking:
        """Book a package that comes now and again with every cycle, until it is cancelled.

        What is left of it ends with the cycle unless it `outlives_cycle`.
        """
        return await self._send(
            plans.add_addon(
                account_id,
                addon_id=addon_id,
                amount=amount,
                outlives_cycle=outlives_cycle,
                priority=priority,
            )
        )

    async def cancel_addon(self, account_id: str, *, addon_id: str) -> Addon:
        """Stop an add-on from coming again; what it has brought stays."""
        return await self._send(plans.cancel_addon(account_id, addon_id=addon_id))

    def list_addons(self, account_id: str, *, page_size: int = PAGE_SIZE) -> AsyncIterator[Addon]:
        """Read an account's add-ons in the order of their ids, a page at a time."""
        return self._pages(
            lambda token: plans.list_addons(account_id, page_size=page_size, page_token=token)
        )

    async def put_budget(self, account_id: str, *, budget: Budget) -> Budget:
        """Give an account a budget, or another in the place of the one of its name.

        What was spent stays counted, unless another attribute or period is.
        """
        return await self._send(bounds.put_budget(account_id, budget=budget))

    async def delete_budget(self, account_id: str, *, budget_id: str) -> Budget | None:
        """Take a budget of the account's own away; answers its plan's of that name, if any."""
        return await self._send(bounds.delete_budget(account_id, budget_id=budget_id))

    async def list_budgets(self, account_id: str) -> tuple[AccountBudget, ...]:
        """Read the budgets an account is bound by, its own and its plan's."""
        return await self._send(bounds.list_budgets(account_id))

    def list_budget_counters(
        self, account_id: str, *, page_size: int = PAGE_SIZE
    ) -> AsyncIterator[BudgetCounter]:
        """Read where an account's budgets stand for each value, a page at a time.

        Values with nothing spent in the running period and nothing held are left out.
        """
        return self._pages(
            lambda token: bounds.list_budget_counters(
                account_id, page_size=page_size, page_token=token
            )
        )

    async def get_statement(
        self,
        account_id: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        page_size: int = PAGE_SIZE,
    ) -> AsyncStatement:
        """Read what changed an account's settled balance from `since` on and before `until`.

        None is the account's beginning, and now. The opening balance and all amounts add up to the
        closing balance, whatever is written while the pages are read.
        """

        def page(token: str) -> Call[StatementPage]:
            return plans.get_statement(
                account_id, since=since, until=until, page_size=page_size, page_token=token
            )

        return AsyncStatement(self._send, page, first=await self._send(page("")))
