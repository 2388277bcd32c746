"""AccountService: budgets of accounts."""

from __future__ import annotations

from creditgate.v1 import account_service_pb2 as pb
from creditgate_server.domain.budgets import Budgets
from creditgate_server.domain.outcomes import Outcome

from . import decode_budgets as decode
from . import encode, encode_budgets, fields
from .call import Call
from .detached import Detached
from .lists import Lists, page_size
from .named_account import key_of
from .status import refuse

_BETWEEN = " "
"""Parts a budget's name, which has none, from the value after it."""


class BudgetAdministration:
    """Gives, takes and lists the budgets of accounts."""

    def __init__(self, budgets: Budgets, lists: Lists, detached: Detached) -> None:
        self._budgets = budgets
        self._lists = lists
        self._run = detached.run

    async def put_budget(self, request: pb.PutBudgetRequest, call: Call) -> pb.PutBudgetResponse:
        """Give an account a budget of its own."""
        account, new = key_of(request, call), decode.new_budget(request)
        result = await self._run(self._budgets.put_budget(account, new))
        if result.outcome != Outcome.ACCEPTED or result.budget is None:
            encode.refuse_named(
                result.outcome, account_id=request.account_id, budget_id=new.budget_id
            )
        response = pb.PutBudgetResponse()
        encode_budgets.budget(response.budget, result.budget)
        return response

    async def delete_budget(
        self, request: pb.DeleteBudgetRequest, call: Call
    ) -> pb.DeleteBudgetResponse:
        """Take an account's own budget away."""
        account = key_of(request, call)
        budget_id = fields.identifier(request, "budget_id", request.budget_id)
        result = await self._run(self._budgets.delete_budget(account, budget_id))
        if result.outcome != Outcome.ACCEPTED:
            encode.refuse_named(result.outcome, account_id=request.account_id, budget_id=budget_id)
        response = pb.DeleteBudgetResponse()
        if result.budget is not None:
            encode_budgets.budget(response.budget, result.budget)
        return response

    async def list_budgets(
        self, request: pb.ListBudgetsRequest, call: Call
    ) -> pb.ListBudgetsResponse:
        """Read an account's budgets, and a page of their counters."""
        account, size = key_of(request, call), page_size(request)
        about = request.account_id
        last_id, _, value = self._lists.after(request, call, about=about).partition(_BETWEEN)
        found = await self._run(
            self._budgets.list_budgets(account, after=(last_id, value), limit=size + 1)
        )
        if found is None:
            refuse(Outcome.ACCOUNT_NOT_FOUND)
        response = pb.ListBudgetsResponse()
        for each in found.budgets:
            shown = response.budgets.add(own=each.own)
            encode_budgets.budget(shown.budget, each)
        if last := encode.page(response.counters, found.counters, size, encode_budgets.counter):
            token = f"{last.budget_id}{_BETWEEN}{last.value}"
            response.next_page_token = self._lists.token(request, call, token, about=about)
        return response
