"""What nobody expected: written down, and said without saying what."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

Answer = Callable[[Request, Exception], Awaitable[Response]]

_log = logging.getLogger(__name__)


class Mishaps:
    """Answers where nobody else did: inside of what adds headers, which that answer needs too."""

    def __init__(self, app: ASGIApp, *, answer: Answer) -> None:
        self._app, self._answer = app, answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; what was begun and cannot be ended is broken off."""
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception as error:
            if begun or scope["type"] != "http":
                raise
            _log.exception("a request failed")
            response = await self._answer(Request(scope, receive), error)
            await response(scope, receive, send)
