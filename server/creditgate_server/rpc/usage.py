"""UsageService: what was consumed, and how long sessions and calls took."""

from __future__ import annotations

from creditgate.v1 import usage_service_pb2 as pb
from creditgate_server.domain.activity import Span
from creditgate_server.domain.errors import RangeTooLongError
from creditgate_server.domain.outcomes import Outcome
from creditgate_server.domain.usage import (
    HOURS_BY_NAME_DAYS_MAX,
    Distribution,
    UsagePage,
    Usages,
)

from . import decode_usage as decode
from . import encode, encode_usage, fields
from .call import Call
from .decode_span import span
from .detached import Detached
from .lists import Lists, page_size
from .named_account import key_of
from .status import refuse

_TOO_LONG = (
    f"must be at most {HOURS_BY_NAME_DAYS_MAX} days for hours by agent, user, topic,"
    " conversation or label: ask for days"
)


class UsageReading:
    """Reads usage. All pages are of the range that the first of them has fixed."""

    def __init__(self, usages: Usages, lists: Lists, detached: Detached) -> None:
        self._usages, self._lists, self._run = usages, lists, detached.run

    async def query_usage(self, request: pb.QueryUsageRequest, call: Call) -> pb.QueryUsageResponse:
        """Read a page of what was consumed."""
        account, size = key_of(request, call), page_size(request)
        question = decode.question(request)
        about = f"{request.account_id} {question!r}"
        offset = 0
        if text := self._lists.after(request, call, about=about):
            offset, fixed = _read_place(text)
            question = question._replace(span=fixed)
        try:
            found: UsagePage | None = await self._run(
                self._usages.rows(account, question, offset=offset, limit=size + 1)
            )
        except RangeTooLongError:
            raise fields.bad(request, "range", _TOO_LONG) from None
        if found is None:
            refuse(Outcome.ACCOUNT_NOT_FOUND)
        response = pb.QueryUsageResponse()
        if encode.page(response.rows, found.rows, size, encode_usage.row):
            place = _place(offset + len(response.rows), found.span)
            response.next_page_token = self._lists.token(request, call, place, about=about)
        return response

    async def get_distribution(
        self, request: pb.GetDistributionRequest, call: Call
    ) -> pb.GetDistributionResponse:
        """Measure sessions or calls."""
        account, measure = key_of(request, call), decode.measure(request)
        asked, bounds = span(request, request.range, path="range."), decode.bounds(request)
        found: Distribution | None = await self._run(
            self._usages.distribution(account, measure, asked, bounds=bounds)
        )
        if found is None:
            refuse(Outcome.ACCOUNT_NOT_FOUND)
        return encode_usage.distribution(found, bounds)


def _place(offset: int, span: Span) -> str:
    """Write where a list goes on, and the range its first page has fixed."""
    edges = ("-" if at is None else str(fields.micros(at)) for at in (span.start, span.until))
    return " ".join((str(offset), *edges))


def _read_place(text: str) -> tuple[int, Span]:
    """Read what a token of ours holds."""
    offset, *edges = text.split(" ")
    start, until = (None if edge == "-" else fields.of_micros(int(edge)) for edge in edges)
    return int(offset), Span(start, until)
