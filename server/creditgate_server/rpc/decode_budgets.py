"""From messages about budgets to the values of the domain."""

from __future__ import annotations

from collections.abc import Iterable

from google.protobuf.message import Message

from creditgate.v1 import account_pb2
from creditgate.v1 import account_service_pb2 as pb
from creditgate.v1 import catalog_service_pb2 as catalog_pb
from creditgate_server.domain.budgets import ATTRIBUTES, BUDGETS_MAX, Budget, BudgetPeriod

from . import fields

_TOTAL = int(BudgetPeriod.TOTAL)
_PERIODS = frozenset(map(int, BudgetPeriod))


def new_budget(request: pb.PutBudgetRequest) -> Budget:
    """Decode a PutBudget."""
    if not request.HasField("budget"):
        raise fields.bad(request, "budget", "must be set")
    return _budget(request, "budget", request.budget)


def plan_budgets(request: catalog_pb.PutPlanRequest) -> tuple[Budget, ...]:
    """Decode the budgets of a PutPlan, in the order of their names."""
    given = request.plan.budgets
    if len(given) > BUDGETS_MAX:
        problem = f"must be at most {BUDGETS_MAX}, got {len(given)}"
        raise fields.bad(request, "plan.budgets", problem)
    budgets = [_budget(request, f"plan.budgets[{n}]", each) for n, each in enumerate(given)]
    names = {budget.budget_id for budget in budgets}
    if len(names) < len(budgets):
        raise fields.bad(request, "plan.budgets", "must have different names")
    return tuple(sorted(budgets))


def meaning(budgets: Iterable[Budget]) -> str:
    """Write what budgets mean, for a fingerprint."""
    return fields.canonical_json(
        {
            budget.budget_id: {name: value for name, value in budget._asdict().items() if value}
            for budget in budgets
        }
    )


def _budget(request: Message, path: str, given: account_pb2.Budget) -> Budget:
    name = fields.identifier(request, f"{path}.budget_id", given.budget_id)
    attribute = given.attribute
    if attribute and attribute not in ATTRIBUTES:
        problem = f"must be empty or one of {', '.join(sorted(ATTRIBUTES))}"
        raise fields.bad(request, f"{path}.attribute", problem)
    value = fields.text(request, f"{path}.value", given.value)
    if value and not attribute:
        raise fields.bad(request, f"{path}.value", "must be empty without an attribute")
    period = fields.choice(request, f"{path}.period", given.period or _TOTAL, _PERIODS)
    spend_max = fields.amount(request, f"{path}.spend_max_micros", given.spend_max_micros, low=0)
    open_max = fields.amount(request, f"{path}.open_holds_max", given.open_holds_max, low=0)
    return Budget(
        name, attribute, value, given.together, period, spend_max or None, open_max or None
    )
