"""AccountService: what changed an account's settled balance in a period."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from creditgate.v1 import account_service_pb2 as pb
from creditgate_server.domain.account_keys import AccountKey
from creditgate_server.domain.outcomes import Outcome
from creditgate_server.domain.statements import Period, Statements

from . import encode, encode_plans, fields
from .call import Call
from .detached import Detached
from .lists import Lists, page_size
from .named_account import key_of
from .status import refuse


class _Place(NamedTuple):
    """Where a page begins: beyond an entry of a period that the first page has fixed."""

    period: Period
    after: tuple[int, int]


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
        start, until = _bounds(request)
        about = f"{request.account_id} {start} {until}"
        place = _place(self._lists.after(request, call, about=about))
        if place is None:
            place = await self._first(account, start, until)
        found = await self._run(
            self._statements.statement(account, place.period, after=place.after, limit=size + 1)
        )
        response = pb.GetStatementResponse(
            opening_micros=found.opening_micros, closing_micros=found.closing_micros
        )
        if last := encode.page(response.entries, found.entries, size, encode_plans.entry):
            text = " ".join(map(str, (*place.period, last.version, last.line)))
            response.next_page_token = self._lists.token(request, call, text, about=about)
        return response

    async def _first(
        self, account: AccountKey, start: datetime | None, until: datetime | None
    ) -> _Place:
        period = await self._run(self._statements.period(account, start=start, until=until))
        if period is None:
            refuse(Outcome.ACCOUNT_NOT_FOUND)
        return _Place(period, (0, 0))


def _bounds(request: pb.GetStatementRequest) -> tuple[datetime | None, datetime | None]:
    start = until = None
    if request.HasField("from"):
        start = fields.moment(request, "from", getattr(request, "from"))
    if request.HasField("until"):
        until = fields.moment(request, "until", request.until)
    if start and until and until <= start:
        raise fields.bad(request, "until", "must be after from")
    return start, until


def _place(text: str) -> _Place | None:
    """Read what a token of ours holds."""
    if not text:
        return None
    after_version, through_version, version, line = map(int, text.split())
    return _Place(Period(after_version, through_version), (version, line))
