"""The fake's plans, add-ons and statements."""

from __future__ import annotations

from creditgate.testing._administration import Administration, page
from creditgate.testing._budgets import OWN_MAX
from creditgate.testing._call_terms import fill_call_terms
from creditgate.testing._conversation_terms import fill_conversation_terms
from creditgate.testing._subscriber import Subscriber
from creditgate.testing._teller import NOTICE_MS_DEFAULT, sort
from creditgate.testing._wallet import RefusalError, stamp
from creditgate.v1 import account_pb2
from creditgate.v1 import account_service_pb2 as accounts
from creditgate.v1 import catalog_service_pb2 as catalog


class Catalog(Administration):
    """What a tenant sells, and what its accounts have booked."""

    def _put_plan(self, request: catalog.PutPlanRequest, now: int) -> catalog.PutPlanResponse:
        plan = catalog.Plan()
        plan.CopyFrom(request.plan)
        plan.overage_policy = plan.overage_policy or account_pb2.OVERAGE_POLICY_CAP
        plan.budgets.sort(key=lambda budget: budget.budget_id)
        for budget in plan.budgets:
            budget.period = budget.period or account_pb2.BUDGET_PERIOD_TOTAL
        if not plan.HasField("thresholds"):
            plan.thresholds.thresholds.add(percent=20)
            plan.thresholds.thresholds.add(amount_micros=0)
        if not plan.HasField("expiry_notice"):
            plan.expiry_notice.FromMilliseconds(NOTICE_MS_DEFAULT)
        plan.call_terms.CopyFrom(fill_call_terms(request.plan.call_terms))
        talks = fill_conversation_terms(request.plan.conversation_terms)
        plan.conversation_terms.CopyFrom(talks)
        thresholds = sort(plan.thresholds.thresholds)
        del plan.thresholds.thresholds[:]
        plan.thresholds.thresholds.extend(thresholds)
        known = self.plans.get((plan.plan_id, plan.version))
        if (
            known is None
            and plan.version > 1
            and (plan.plan_id, plan.version - 1) not in self.plans
        ):
            raise RefusalError("VERSION_SKIPPED")
        self._choose_card(plan, known)
        plan.created_at.CopyFrom(known.created_at if known else plan.created_at)
        if known is None:
            stamp(plan.created_at, now)
            self.plans[plan.plan_id, plan.version] = plan
        elif known != plan:
            raise RefusalError("NAME_REUSED")
        return catalog.PutPlanResponse(plan=plan, replayed=known is not None)

    def _choose_card(self, plan: catalog.Plan, known: catalog.Plan | None) -> None:
        """Let a plan's rate card be the version it was when the plan was first written."""
        asked = plan.rate_card_id, plan.rate_card_version
        if known is None and plan.rate_card_id:
            plan.rate_card_version = self.card(*asked).version
        elif known is not None and self.asked_cards[plan.plan_id, plan.version] == asked:
            plan.rate_card_version = known.rate_card_version
        elif known is not None:
            raise RefusalError("NAME_REUSED")
        self.asked_cards.setdefault((plan.plan_id, plan.version), asked)

    def card(self, rate_card_id: str, version: int) -> catalog.RateCard:
        """A version of a rate card; 0 is the latest. Raises RefusalError."""
        versions = [number for name, number in self.cards if name == rate_card_id]
        found = self.cards.get((rate_card_id, version or max(versions, default=0)))
        if found is None:
            raise RefusalError("RATE_CARD_NOT_FOUND")
        return found

    def _get_plan(self, request: catalog.GetPlanRequest, now: int) -> catalog.GetPlanResponse:
        return catalog.GetPlanResponse(plan=self._plan(request.plan_id, request.version))

    def _list_plans(self, request: catalog.ListPlansRequest, now: int) -> catalog.ListPlansResponse:
        latest = [self._plan(name, 0) for name in sorted({name for name, _ in self.plans})]
        plans, token = page(latest, request)
        return catalog.ListPlansResponse(plans=plans, next_page_token=token)

    def _put_budget(
        self, request: accounts.PutBudgetRequest, now: int
    ) -> accounts.PutBudgetResponse:
        wallet = self._wallet(request, now)
        budget = account_pb2.Budget()
        budget.CopyFrom(request.budget)
        budget.period = budget.period or account_pb2.BUDGET_PERIOD_TOTAL
        own = wallet.own | {budget.budget_id: budget}
        if len(own) > OWN_MAX:
            raise RefusalError("TOO_MANY_BUDGETS")
        _bind(wallet, own)
        return accounts.PutBudgetResponse(budget=budget)

    def _delete_budget(
        self, request: accounts.DeleteBudgetRequest, now: int
    ) -> accounts.DeleteBudgetResponse:
        wallet = self._wallet(request, now)
        own = {name: each for name, each in wallet.own.items() if name != request.budget_id}
        _bind(wallet, own)
        return accounts.DeleteBudgetResponse(budget=wallet.budgets.get(request.budget_id))

    def _list_budgets(
        self, request: accounts.ListBudgetsRequest, now: int
    ) -> accounts.ListBudgetsResponse:
        wallet = self._wallet(request)
        counters, token = page(list(wallet.standing(now)), request)
        answer = accounts.ListBudgetsResponse(counters=counters, next_page_token=token)
        for name, budget in wallet.budgets.items():
            answer.budgets.add(budget=budget, own=name in wallet.own)
        return answer

    def _put_package(
        self, request: catalog.PutPackageRequest, now: int
    ) -> catalog.PutPackageResponse:
        package, replayed = self.purchases.put(request.package, now)
        return catalog.PutPackageResponse(package=package, replayed=replayed)

    def _get_package(
        self, request: catalog.GetPackageRequest, now: int
    ) -> catalog.GetPackageResponse:
        package = self.purchases.package(request.package_id, request.version)
        return catalog.GetPackageResponse(package=package)

    def _list_packages(
        self, request: catalog.ListPackagesRequest, now: int
    ) -> catalog.ListPackagesResponse:
        names = sorted({name for name, _ in self.purchases.packages})
        packages, token = page([self.purchases.package(name, 0) for name in names], request)
        return catalog.ListPackagesResponse(packages=packages, next_page_token=token)

    def _add_addon(self, request: accounts.AddAddonRequest, now: int) -> accounts.AddAddonResponse:
        wallet = self._wallet(request, now)
        known = wallet.addons.get(request.addon_id)
        addon = accounts.Addon(
            addon_id=request.addon_id,
            amount_micros=request.amount_micros,
            outlives_cycle=request.outlives_cycle,
            priority=request.priority,
        )
        if known is not None:
            addon.created_at.CopyFrom(known.created_at)
            if known.HasField("cancelled_at"):
                addon.cancelled_at.CopyFrom(known.cancelled_at)
            if known != addon:
                raise RefusalError("NAME_REUSED")
        else:
            if wallet.message.status == account_pb2.ACCOUNT_STATUS_CLOSED:
                raise RefusalError("ACCOUNT_CLOSED")
            if wallet.ends is None:
                raise RefusalError("NO_CYCLE")
            if not wallet.has_room(request.amount_micros):
                raise RefusalError("OUT_OF_RANGE")
            stamp(addon.created_at, now)
            wallet.addons[request.addon_id] = addon
            wallet.bring(addon, now)
            wallet.advance(now)
        balance, replayed = wallet.balance(now), known is not None
        return accounts.AddAddonResponse(addon=addon, balance=balance, replayed=replayed)

    def _cancel_addon(
        self, request: accounts.CancelAddonRequest, now: int
    ) -> accounts.CancelAddonResponse:
        addon = self._wallet(request, now).addons.get(request.addon_id)
        if addon is None:
            raise RefusalError("ADDON_NOT_FOUND")
        if not addon.HasField("cancelled_at"):
            stamp(addon.cancelled_at, now)
        return accounts.CancelAddonResponse(addon=addon)

    def _list_addons(
        self, request: accounts.ListAddonsRequest, now: int
    ) -> accounts.ListAddonsResponse:
        wallet = self._wallet(request)
        addons, token = page([wallet.addons[name] for name in sorted(wallet.addons)], request)
        return accounts.ListAddonsResponse(addons=addons, next_page_token=token)

    def _get_statement(
        self, request: accounts.GetStatementRequest, now: int
    ) -> accounts.GetStatementResponse:
        # Its clock stands still while pages are read, and so does what they show.
        begin, end = getattr(request, "from").ToNanoseconds(), request.until.ToNanoseconds()
        opening = closing = 0
        chosen = []
        for entry in self._wallet(request).entries:
            written = entry.created_at.ToNanoseconds()
            if written < begin:
                opening = entry.settled_micros
            elif not request.HasField("until") or written < end:
                chosen.append(entry)
        closing = chosen[-1].settled_micros if chosen else opening
        entries, token = page(chosen, request)
        return accounts.GetStatementResponse(
            opening_micros=opening, closing_micros=closing, entries=entries, next_page_token=token
        )


def _bind(wallet: Subscriber, own: dict[str, account_pb2.Budget]) -> None:
    """Let an account have these budgets of its own."""
    before, numbers = wallet.budgets, wallet.numbers()
    wallet.own = own
    wallet.forget(before)
    wallet.version += numbers != wallet.numbers()
