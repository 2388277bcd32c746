"""The oracle's catalog: plans, and add-ons on accounts."""

from __future__ import annotations

from dataclasses import replace

from tests.oracle.administration import Administration, refusable
from tests.oracle.answers import AddonView, Answer, BudgetView, Refused
from tests.oracle.budgets import BUDGETS_MAX
from tests.oracle.lines import Usage, Usages, cost, open_lines, quoted
from tests.oracle.prices import RateCard
from tests.oracle.subscriber import Plan


class Catalog(Administration):
    """What a tenant sells."""

    @refusable
    def put_plan(self, _at: int, plan: Plan) -> Answer:
        if plan.name in self.plans:
            if self.plans[plan.name] != plan:
                raise Refused("NAME_REUSED")
            return Answer("ACCEPTED", replayed=True)
        if plan.version > 1 and (plan.plan_id, plan.version - 1) not in self.plans:
            raise Refused("VERSION_SKIPPED")
        self.plans[plan.name] = replace(plan, prices=self._card(plan))
        return Answer("ACCEPTED")

    def _card(self, plan: Plan) -> RateCard | None:
        """The rate card of a plan as it is written."""
        if plan.card is None:
            return None
        card_id, version = plan.card
        versions = [each for each in self.cards.values() if each.card_id == card_id]
        if version == 0 and versions:
            return max(versions, key=lambda card: card.version)
        if plan.card not in self.cards:
            raise Refused("RATE_CARD_NOT_FOUND")
        return self.cards[plan.card]

    @refusable
    def put_rate_card(self, _at: int, card: RateCard) -> Answer:
        if card.name in self.cards:
            if self.cards[card.name] != card:
                raise Refused("NAME_REUSED")
            return Answer("ACCEPTED", replayed=True)
        if card.version > 1 and (card.card_id, card.version - 1) not in self.cards:
            raise Refused("VERSION_SKIPPED")
        self.cards[card.name] = card
        return Answer("ACCEPTED")

    @refusable
    def quote(
        self,
        at: int,
        account_id: str,
        *,
        usage: Usage | None = None,
        usages: Usages | None = None,
        pin_for_ms: int = 0,
    ) -> Answer:
        """Price usages as the account is written, and promise that for a while."""
        account = self.account(None, account_id)
        lines = open_lines(account.rate, usages or ((usage,) if usage else ()))
        whole = cost(lines, (line.quantity for line in lines))
        answer = Answer("ACCEPTED", price=whole, balance=account.balance(at))
        if pin_for_ms:
            card = account.limits.prices
            assert card is not None, "it was priced"
            account.pins.append((card, at + pin_for_ms * 1000))
            answer = replace(answer, pinned_until=at + pin_for_ms * 1000)
        if usages:
            return replace(answer, quoted=quoted(lines, max(account.available, 0)))
        rate = lines[0].rate
        return replace(answer, affordable=account.reach(rate, None), rate=rate)

    @refusable
    def add_addon(
        self,
        at: int,
        account_id: str,
        addon_id: str,
        *,
        amount: int,
        outlives_cycle: bool = False,
        priority: int = 0,
    ) -> Answer:
        account = self.account(at, account_id)
        addon = AddonView(addon_id, amount, outlives_cycle, priority, at)
        known = account.addons.get(addon_id)
        if known is not None:
            if replace(known, created_at=at, cancelled_at=None) != addon:
                raise Refused("NAME_REUSED")
            return Answer("ACCEPTED", addon=known, balance=account.balance(at), replayed=True)
        if account.status == "CLOSED":
            raise Refused("ACCOUNT_CLOSED")
        if account.cycle is None:
            raise Refused("NO_CYCLE")
        if not account.has_room(amount):
            raise Refused("OUT_OF_RANGE")
        account.addons[addon_id] = addon
        account.give_addon(addon, at)
        account.happen(at)
        return Answer("ACCEPTED", addon=addon, balance=account.balance(at))

    @refusable
    def cancel_addon(self, at: int, account_id: str, addon_id: str) -> Answer:
        account = self.account(at, account_id)
        if addon_id not in account.addons:
            raise Refused("ADDON_NOT_FOUND")
        addon = account.addons[addon_id]
        if addon.cancelled_at is None:
            addon = account.addons[addon_id] = replace(addon, cancelled_at=at)
        return Answer("ACCEPTED", addon=addon, balance=account.balance(at))

    @refusable
    def list_addons(self, _at: int, account_id: str) -> Answer:
        addons = self.account(None, account_id).addons
        return Answer("ACCEPTED", addons=tuple(addons[name] for name in sorted(addons)))

    @refusable
    def put_budget(self, at: int, account_id: str, budget: BudgetView) -> Answer:
        account = self.account(at, account_id)
        own = account.own | {budget.budget_id: budget}
        if len(own) > BUDGETS_MAX:
            raise Refused("TOO_MANY_BUDGETS")
        with account.change():
            account.bind(own=own, of_plan=account.of_plan)
        return Answer("ACCEPTED", budget=budget)

    @refusable
    def delete_budget(self, at: int, account_id: str, budget_id: str) -> Answer:
        account = self.account(at, account_id)
        own = {name: each for name, each in account.own.items() if name != budget_id}
        with account.change():
            account.bind(own=own, of_plan=account.of_plan)
        return Answer("ACCEPTED", budget=account.of_plan.get(budget_id))

    @refusable
    def list_budgets(self, at: int, account_id: str) -> Answer:
        account = self.account(None, account_id)
        shown = tuple((budget, budget.budget_id in account.own) for budget in account.budgets)
        return Answer("ACCEPTED", budgets=shown, counters=tuple(account.counters(at)))

    @refusable
    def statement(
        self, _at: int, account_id: str, *, start: int | None = None, until: int | None = None
    ) -> Answer:
        """What settled before and after a period."""
        history = self.account(None, account_id).history
        opening = [settled for written, settled in history if start and written < start]
        closing = [settled for written, settled in history if until is None or written < until]
        return Answer("ACCEPTED", opening=[0, *opening][-1], closing=[0, *closing][-1])
