"""UsageService: what happened to an account's credits, in pages and as a whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from time import perf_counter
from typing import NoReturn

from creditgate.v1 import usage_service_pb2 as pb
from creditgate_server.domain.account_keys import AccountKey
from creditgate_server.domain.activity import Activities, ActivityPage, Span
from creditgate_server.domain.errors import LedgerError
from creditgate_server.domain.outcomes import Outcome
from creditgate_server.domain.statements import Period

from . import decode_activity as decode
from . import encode, fields
from .call import Call, Handler
from .cursor import Cursor
from .detached import Detached, Shed
from .encode_activity import activity
from .interceptors.message import parse
from .lists import Lists, page_size
from .method import EXPORT
from .named_account import key_of
from .pages import BadTokenError, Pages
from .status import invalid, not_executed, refuse
from .stream import Duplex

# Few enough that whoever waits for the processor meanwhile hardly notices.
CHUNK_MAX = 100
# How long an export rests after a chunk, by what it took to make: it leaves three quarters of a
# processor, here and at the database, to those who wait for an answer.
REST = 3.0
# A reader who takes nothing for so long gives its place to another, and goes on from its cursor.
STALLED_SECONDS = 60.0


class ActivityReading:
    """Reads activity. All pages are of the period as it was when the first was read."""

    def __init__(self, activities: Activities, lists: Lists, detached: Detached) -> None:
        self._activities, self._lists, self._run = activities, lists, detached.run

    async def list_activity(
        self, request: pb.ListActivityRequest, call: Call
    ) -> pb.ListActivityResponse:
        """Read a page of an account's activity."""
        account, size = key_of(request, call), page_size(request)
        asked, newest_first = decode.asked(request), decode.newest_first(request)
        about = f"{asked.about} {newest_first}"
        cursor = Cursor.read(self._lists.after(request, call, about=about))
        cursor = cursor or await _begin(self._activities, self._run, account, asked.span)
        page = self._activities.page(
            account,
            cursor.period,
            asked.choice,
            after=cursor.after,
            newest_first=newest_first,
            limit=size + 1,
        )
        found = _kept(await self._run(page))
        response = pb.ListActivityResponse()
        last = encode.page(response.activities, found.activities, size, activity)
        place = last.place if last else found.scanned
        if place:
            token = self._lists.token(request, call, cursor.at(place), about=about)
            response.next_page_token = token
        return response


class ActivityExports:
    """All exports of a server. At most `exports_max` are under way, more are turned away."""

    def __init__(
        self,
        activities: Activities,
        pages: Pages,
        detached: Detached,
        check: Handler,
        *,
        exports_max: int,
        shed: Shed,
    ) -> None:
        self._activities, self._pages, self._run = activities, pages, detached.run
        self._check, self._exports_max, self._shed = check, exports_max, shed
        self._open = 0
        self._draining = False

    def drain(self) -> None:
        """End all exports after their next chunk: their callers go on elsewhere."""
        self._draining = True

    async def export_activity(self, duplex: Duplex, call: Call) -> None:
        """Send what happened to an account, a chunk at a time. Raises `RpcError`.

        The next chunk is read when the last was taken, so a slow reader costs one chunk, and after
        a rest, so that an export costs little of what others wait for.
        """
        request = await _only(duplex.requests)
        account, asked = key_of(request, call), decode.asked(request)
        cursor = Cursor.read(self._opened(request, call, asked.about))
        with self._room():
            cursor = cursor or await _begin(self._activities, self._run, account, asked.span)
            while True:
                begun = perf_counter()
                page = self._activities.page(
                    account,
                    cursor.period,
                    asked.choice,
                    after=cursor.after,
                    newest_first=False,
                    limit=CHUNK_MAX + 1,
                )
                found = _kept(await self._run(page))
                response = pb.ExportActivityResponse()
                last = encode.page(response.activities, found.activities, CHUNK_MAX, activity)
                place = last.place if last else found.scanned
                end = place or (found.activities[-1].place if found.activities else None)
                spent = perf_counter() - begun
                if end:
                    response.cursor = self._signed(cursor.at(end), call, asked.about)
                    await _write(duplex.write, response)
                if place is None:
                    return
                cursor = cursor._replace(after=place)
                await asyncio.sleep(REST * spent)
                await self._go_on(call)

    async def _go_on(self, call: Call) -> None:
        """Make sure that an export may go on: its key may have been revoked meanwhile."""
        if self._draining:
            raise not_executed("the server goes away: export on elsewhere, from the last cursor")
        with suppress(LedgerError):
            await self._check(None, call)

    @contextmanager
    def _room(self) -> Iterator[None]:
        if self._open >= self._exports_max:
            self._shed("exports_full")
            raise not_executed("too many exports are under way here: export elsewhere, or later")
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1

    def _signed(self, text: str, call: Call, about: str) -> str:
        return self._pages.sign(text, tenant_id=call.tenant_id, method=EXPORT.name, about=about)

    def _opened(self, request: pb.ExportActivityRequest, call: Call, about: str) -> str:
        token, tenant_id = request.cursor, call.tenant_id
        try:
            return self._pages.open(token, tenant_id=tenant_id, method=EXPORT.name, about=about)
        except BadTokenError:
            problem = "must be the cursor of an export of the same account and filter"
            raise fields.bad(request, "cursor", problem) from None


async def _begin(
    activities: Activities,
    run: Callable[..., Awaitable[Period | Outcome]],
    account: AccountKey,
    span: Span,
) -> Cursor:
    period = await run(activities.period(account, span))
    if isinstance(period, Outcome):
        refuse(period)
    return Cursor(period, None)


def _kept(page: ActivityPage | None) -> ActivityPage:
    if page is None:
        refuse(Outcome.RANGE_ARCHIVED)
    return page


async def _write(
    write: Callable[[bytes], Awaitable[None]], response: pb.ExportActivityResponse
) -> None:
    try:
        async with asyncio.timeout(STALLED_SECONDS):
            await write(response.SerializeToString())
    except TimeoutError:
        _stalled()


def _stalled() -> NoReturn:
    problem = "nothing of the export was taken for a minute: export on, from the last cursor"
    raise not_executed(problem) from None


async def _only(requests: AsyncIterator[bytes]) -> pb.ExportActivityRequest:
    async for raw in requests:
        request = parse(EXPORT, raw)
        assert isinstance(request, pb.ExportActivityRequest)
        return request
    raise invalid(EXPORT.snake, "request", "is missing")
