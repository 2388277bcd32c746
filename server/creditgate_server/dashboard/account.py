"""The page of one account: as a whole, in parts, as files, and the stream that keeps it live."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from .dependencies import Dependencies
from .entrance import Entrance
from .live import Lives
from .problems import NOT_FOUND, Problem, RefusedError
from .rendering import Rendering
from .section import BadQueryError, Download, Section
from .turns import Turns
from .visitors import Visitors

# Sent by our own script when a person asked, and not the page by itself.
_BY_HAND = "x-by-hand"


class AccountPage:
    """Serves both ways in: which account is meant, the request says."""

    def __init__(
        self,
        deps: Dependencies,
        visitors: Visitors,
        entrance: Entrance,
        lives: Lives,
        rendering: Rendering,
        *,
        turns: Turns,
        page: Section,
        sections: Sequence[Section],
        downloads: Sequence[Download],
    ) -> None:
        self._deps, self._visitors, self._entrance = deps, visitors, entrance
        self._lives, self._rendering, self._page = lives, rendering, page
        self._turns = turns
        self._sections = {section.name: section for section in sections}
        self._downloads = {download.name: download for download in downloads}

    async def show(self, request: Request) -> Response:
        """Show the whole page."""
        return await self._shown(request, self._page, is_seen=True)

    async def section(self, request: Request) -> Response:
        """Show one part."""
        section = self._sections.get(request.path_params["name"])
        if section is None:
            raise RefusedError(NOT_FOUND)
        return await self._shown(request, section, is_seen=_BY_HAND in request.headers)

    async def file(self, request: Request) -> Response:
        """Send a file, as it is read."""
        download = self._downloads.get(request.path_params["name"])
        if download is None:
            raise RefusedError(NOT_FOUND)
        visit = await self._visitors.visit(request)
        disposition = f'attachment; filename="{download.filename}"'
        async with AsyncExitStack() as held:
            await held.enter_async_context(self._turns.of(visit.key))
            lines = download.read(self._deps, visit)
            try:
                # What is wrong with the question shows before the first line is sent.
                first = await anext(lines, b"")
            except BadQueryError as error:
                raise RefusedError(_bad(error)) from None
            return _Stream(
                _all(first, lines),
                held.pop_all(),
                media_type=download.media_type,
                headers={"content-disposition": disposition},
            )

    async def live(self, request: Request) -> Response:
        """Tell the page when the account changes, for as long as it may be seen."""
        visit = await self._visitors.visit(request)
        async with AsyncExitStack() as held:
            follower = held.enter_context(self._lives.follow(visit.key))
            return _Stream(
                self._lives.stream(follower, lambda: self._allowed(request)),
                held.pop_all(),
                media_type="text/event-stream",
                # Proxies are not to gather what is told now.
                headers={"x-accel-buffering": "no"},
            )

    async def _allowed(self, request: Request) -> bool:
        try:
            await self._visitors.visit(request)
        except RefusedError:
            return False
        return True

    async def _shown(self, request: Request, section: Section, *, is_seen: bool) -> Response:
        visit = await self._visitors.visit(request)
        try:
            async with self._turns.of(visit.key):
                context = await section.read(self._deps, visit)
        except BadQueryError as error:
            raise RefusedError(_bad(error)) from None
        staff = await self._visitors.staff(request) if visit.is_staff else None
        sessions = self._visitors.sessions
        token = sessions.form_token(staff.session) if staff else ""
        known = {"visit": visit, "form_token": token}
        response = self._rendering.response(section.template, {**known, **context})
        if staff and is_seen and (seen := sessions.seen(staff.session)):
            self._entrance.keep(response, seen)
        return response


class _Stream(StreamingResponse):
    """A response that is sent as it is made; gives what it holds back, however it ends."""

    def __init__(self, content: AsyncIterator[bytes], held: AsyncExitStack, **more: Any) -> None:
        super().__init__(content, **more)
        self._held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._held:
            await super().__call__(scope, receive, send)


async def _all(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for each in rest:
        yield each


def _bad(error: BadQueryError) -> Problem:
    return Problem(400, "This cannot be shown", str(error))
