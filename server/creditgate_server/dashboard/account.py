"""The page of one account: as a whole, in parts, as files, and the stream that keeps it live."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from .dependencies import Dependencies
from .entrance import Entrance
from .live import Lives
from .problems import NOT_FOUND, Problem, RefusedError
from .rendering import Rendering
from .section import BadQueryError, Download, Section
from .turns import Turns
from .visitors import Visitors
from .visits import Visit

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
        # What is wrong with the question shows before the first line is sent.
        lines = self._in_turn(visit, download)
        try:
            first = await anext(lines, b"")
        except BadQueryError as error:
            raise RefusedError(_bad(error)) from None
        disposition = f'attachment; filename="{download.filename}"'
        return StreamingResponse(
            _all(first, lines),
            media_type=download.media_type,
            headers={"content-disposition": disposition},
        )

    async def _in_turn(self, visit: Visit, download: Download) -> AsyncIterator[bytes]:
        async with self._turns.of(visit.key):
            async for line in download.read(self._deps, visit):
                yield line

    async def live(self, request: Request) -> Response:
        """Tell the page when the account changes, for as long as it may be seen."""
        visit = await self._visitors.visit(request)
        stack = ExitStack()
        follower = stack.enter_context(self._lives.follow(visit.key))

        async def stream() -> AsyncIterator[bytes]:
            with stack:
                async for line in self._lives.stream(follower, lambda: self._allowed(request)):
                    yield line

        return _EventStream(stream(), stack)

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


class _EventStream(StreamingResponse):
    """A stream of events that gives its place back however it ends, also before it began."""

    def __init__(self, content: AsyncIterator[bytes], stack: ExitStack) -> None:
        super().__init__(
            content,
            media_type="text/event-stream",
            # Proxies are not to gather what is told now.
            headers={"x-accel-buffering": "no", "cache-control": "no-store"},
        )
        self._stack = stack

    async def __call__(self, scope: object, receive: object, send: object) -> None:
        with self._stack:
            await super().__call__(scope, receive, send)  # type: ignore[arg-type]


async def _all(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for each in rest:
        yield each


def _bad(error: BadQueryError) -> Problem:
    return Problem(400, "This cannot be shown", str(error))


__all__ = ["AccountPage", "Visit"]
