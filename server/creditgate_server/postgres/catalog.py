"""Plans and add-ons on PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from creditgate_server.domain.balances import Balance
from creditgate_server.domain.calls import CallTerms
from creditgate_server.domain.conversations import ConversationTerms
from creditgate_server.domain.outcomes import Outcome
from creditgate_server.domain.plans import Addon, AddonResult, Plan, PlanResult

from .budgets import read_budgets

if TYPE_CHECKING:
    from uuid import UUID

    from creditgate_server.domain.account_keys import AccountKey

    from .pool import Pool, Record

# What follows is in tables of its own.
_TERMS = Plan._fields.index("rate_card_id")
_PLAN_COLUMNS = f"""
       {", ".join(f"p.{name}" for name in Plan._fields[:_TERMS])},
       coalesce(c.rate_card_id, ''), coalesce(c.rate_card_version, 0),
       (SELECT t.terms FROM creditgate.plan_call_terms AS t
         WHERE t.tenant_id = p.tenant_id AND t.plan_id = p.plan_id AND t.version = p.version),
       (SELECT t.terms FROM creditgate.plan_conversation_terms AS t
         WHERE t.tenant_id = p.tenant_id AND t.plan_id = p.plan_id AND t.version = p.version),
       (SELECT b.budgets FROM creditgate.plan_budgets AS b
         WHERE b.tenant_id = p.tenant_id AND b.plan_id = p.plan_id AND b.version = p.version)
"""  # noqa: S608 - all parts are ours
_PLANS = """
       creditgate.plans AS p
  LEFT JOIN creditgate.plan_rate_cards AS c
    ON c.tenant_id = p.tenant_id AND c.plan_id = p.plan_id AND c.version = p.version
"""
_ADDON_COLUMNS = ", ".join(Addon._fields)

_GET_PLAN = f"""
SELECT {_PLAN_COLUMNS} FROM {_PLANS}
 WHERE p.tenant_id = $1 AND p.plan_id = $2 AND ($3 = 0 OR p.version = $3)
 ORDER BY p.version DESC LIMIT 1
"""  # noqa: S608 - both parts are ours

_LIST_PLANS = f"""
SELECT DISTINCT ON (p.plan_id) {_PLAN_COLUMNS} FROM {_PLANS}
 WHERE p.tenant_id = $1 AND p.plan_id > $2
 ORDER BY p.plan_id, p.version DESC LIMIT $3
"""  # noqa: S608 - both parts are ours

_LIST_ADDONS = f"""
SELECT {_ADDON_COLUMNS} FROM creditgate.addons
 WHERE bucket = $1 AND account_key = $2 AND addon_id > $3
 ORDER BY addon_id LIMIT $4
"""  # noqa: S608 - both parts are ours

_GET_ADDON = f"""
SELECT {_ADDON_COLUMNS} FROM creditgate.addons
 WHERE bucket = $1 AND account_key = $2 AND addon_id = $3
"""  # noqa: S608 - both parts are ours

_EXISTS = "SELECT true FROM creditgate.accounts WHERE bucket = $1 AND account_key = $2"


class PostgresCatalog:
    """`domain.plans.Catalog` on PostgreSQL."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def put_plan(self, tenant_id: UUID, plan: Plan) -> PlanResult:
        """Write a version of a plan, or answer the one that was written with the same body."""
        rows = await self._pool.rows(
            "SELECT * FROM creditgate.put_plan("
            "   $1::creditgate.plans, $2::creditgate.budget[], $3, $4, $5::creditgate.call_terms,"
            "   $6::creditgate.conversation_terms)",
            (tenant_id, *plan[:_TERMS]),
            plan.budgets,
            plan.rate_card_id,
            plan.rate_card_version,
            None if plan.call_terms == CallTerms() else plan.call_terms,
            None if plan.conversation_terms == ConversationTerms() else plan.conversation_terms,
        )
        outcome, replayed = Outcome(rows[0][0]), rows[0][1]
        if outcome.refused:
            return PlanResult(outcome, None)
        written = await self.get_plan(tenant_id, plan.plan_id, plan.version)
        return PlanResult(outcome, written, replayed)

    async def get_plan(self, tenant_id: UUID, plan_id: str, version: int) -> Plan | None:
        """Read a version of a plan."""
        rows = await self._pool.rows(_GET_PLAN, tenant_id, plan_id, version)
        return _plan(rows[0]) if rows else None

    async def list_plans(self, tenant_id: UUID, *, after: str, limit: int) -> Sequence[Plan]:
        """Read a page of latest versions."""
        return [_plan(row) for row in await self._pool.rows(_LIST_PLANS, tenant_id, after, limit)]

    async def add_addon(self, account: AccountKey, new: Addon) -> AddonResult:
        """Book an add-on."""
        rows = await self._pool.rows(
            "SELECT * FROM creditgate.add_addon($1, $2, $3, $4, $5, $6, $7)", *account, *new[:5]
        )
        return await self._addon_result(account, new.addon_id, rows[0])

    async def cancel_addon(self, account: AccountKey, addon_id: str) -> AddonResult:
        """Cancel an add-on."""
        rows = await self._pool.rows(
            "SELECT * FROM creditgate.cancel_addon($1, $2, $3)", *account, addon_id
        )
        return await self._addon_result(account, addon_id, rows[0])

    async def list_addons(
        self, account: AccountKey, *, after: str, limit: int
    ) -> Sequence[Addon] | None:
        """Read a page of add-ons in the order of their ids."""
        rows = await self._pool.rows(_LIST_ADDONS, *account, after, limit)
        if not rows and not await self._pool.rows(_EXISTS, *account):
            return None
        return [Addon(*row) for row in rows]

    async def _addon_result(self, account: AccountKey, addon_id: str, row: Record) -> AddonResult:
        outcome = Outcome(row["outcome"])
        if outcome.refused:
            return AddonResult(outcome, None, None)
        balance = Balance.read(row["account"], row["as_of"])
        (addon,) = await self._pool.rows(_GET_ADDON, *account, addon_id)
        return AddonResult(outcome, Addon(*addon), balance, row["replayed"])


def _plan(row: Record) -> Plan:
    *terms, calls, conversations, budgets = row
    plan = Plan(*terms)._replace(budgets=read_budgets(budgets))
    if calls is not None:
        plan = plan._replace(call_terms=CallTerms(*calls))
    if conversations is not None:
        plan = plan._replace(conversation_terms=ConversationTerms(*conversations))
    return plan
