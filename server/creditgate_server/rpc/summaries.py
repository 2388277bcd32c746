"""UsageService: how an account stands, and what a period has consumed."""

from __future__ import annotations

from creditgate.v1 import usage_service_pb2 as pb
from creditgate_server.domain.outcomes import Outcome
from creditgate_server.domain.summaries import Summaries

from . import encode_summary
from .call import Call
from .decode_span import span
from .detached import Detached
from .named_account import key_of
from .status import refuse


class SummaryReading:
    """Reads summaries."""

    def __init__(self, summaries: Summaries, detached: Detached) -> None:
        self._summaries, self._run = summaries, detached.run

    async def get_summary(self, request: pb.GetSummaryRequest, call: Call) -> pb.GetSummaryResponse:
        """Sum up the period that is asked for, or the running one."""
        account = key_of(request, call)
        given = request.range if request.HasField("range") else None
        wanted = None if given is None else span(request, given, path="range.")
        found = await self._run(self._summaries.summary(account, span=wanted))
        if found is None:
            refuse(Outcome.ACCOUNT_NOT_FOUND)
        response = pb.GetSummaryResponse()
        encode_summary.summary(response.summary, found)
        return response
