"""AccountService: what changed an account's settled balance in a period."""

from __future__ import annotations

from datetime import datetime

from creditgate.v1 import account_service_pb2 as pb
from creditgate_server.domain.account_keys import AccountKey
from creditgate_server.domain.outcomes import Outcome
from creditgate_server.domain.statements import Place, Statements

from . import encode, encode_plans, fields
from .call import Call
from .cursor import Cursor
from .detached import Detached
from .lists import Lists, page_size
from .named_account import key_of
from .status import refuse


class StatementReading:
    """Reads statements. All pages are of the period as it was when the first was read."""

    def __init__(self, statements: Statements, lists: Lists, detached: Detached) -> None:
        self._statements = statements
        self._lists = lists
        self._run = detached.run

    async def get_statement(
        self, request: pb.GetStatementRequest, call: Call
    ) -> pb.GetStatementResponse:
        """Read a page of a period's entries, oldest first."""
        account, size = key_of(request, call), page_size(request)
        start, until = fields.bounds(request, request)
        about = f"{request.account_id} {start} {until}"
        cursor = Cursor.read(self._lists.after(request, call, about=about))
        cursor = cursor or await self._first(account, start, until)
        found = await self._run(
            self._statements.statement(account, cursor.period, after=cursor.after, limit=size + 1)
        )
        if found is None:
            refuse(Outcome.RANGE_ARCHIVED)
        response = pb.GetStatementResponse(
            opening_micros=found.opening_micros, closing_micros=found.closing_micros
        )
        if last := encode.page(response.entries, found.entries, size, encode_plans.entry):
            text = cursor.at(Place(last.version, last.line))
            response.next_page_token = self._lists.token(request, call, text, about=about)
        return response

    async def _first(
        self, account: AccountKey, start: datetime | None, until: datetime | None
    ) -> Cursor:
        period = await self._run(self._statements.period(account, start=start, until=until))
        if isinstance(period, Outcome):
            refuse(period)
        return Cursor(period, None)
