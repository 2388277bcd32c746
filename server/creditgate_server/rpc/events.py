"""EventService: what happened to accounts."""

from __future__ import annotations

from functools import partial

from creditgate.v1 import event_service_pb2 as pb
from creditgate_server.domain.events import Events
from creditgate_server.domain.outcomes import Outcome

from . import encode, encode_events, fields
from .call import Call
from .detached import Detached
from .lists import Lists, page_size
from .named_account import key_of
from .status import refuse

_NUMBER_MAX = 2**63 - 1


class EventReading:
    """Lists the events of accounts."""

    def __init__(self, events: Events, lists: Lists, detached: Detached) -> None:
        self._events = events
        self._lists = lists
        self._run = detached.run

    async def list_events(self, request: pb.ListEventsRequest, call: Call) -> pb.ListEventsResponse:
        """Read a page of an account's events, oldest first."""
        account, size = key_of(request, call), page_size(request)
        known = fields.number(request, "after_number", request.after_number, high=_NUMBER_MAX)
        about = f"{request.account_id} {known}"
        after = int(self._lists.after(request, call, about=about) or known)
        found = await self._run(self._events.list_events(account, after=after, limit=size + 1))
        if found is None:
            refuse(Outcome.ACCOUNT_NOT_FOUND)
        response = pb.ListEventsResponse()
        write = partial(encode_events.event, account_id=request.account_id)
        if last := encode.page(response.events, found, size, write):
            token = self._lists.token(request, call, str(last.number), about=about)
            response.next_page_token = token
        return response
