"""A line in the log for every request; never the link it came with."""

from __future__ import annotations

import logging
from time import monotonic

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_log = logging.getLogger(__name__)


class AccessLog:
    """Logs method, route, status and milliseconds of what is answered."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and write down how it went."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = monotonic(), 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, sending)
        finally:
            _log.log(
                logging.DEBUG if _is_much(scope["path"]) else logging.INFO,
                "%s %s %d",
                scope["method"],
                _place(scope["path"]),
                status,
                extra={"milliseconds": round((monotonic() - started) * 1000, 1)},
            )


def _is_much(path: str) -> bool:
    """Tell whether a path is asked for again and again, by pages and probes."""
    return path.startswith(("/static/", "/health")) or "/sections/" in path


def _place(path: str) -> str:
    """Write a path without what is secret in it."""
    parts = path.split("/")
    if parts[1:2] == ["u"] and parts[2:]:
        parts[2] = "***"
    return "/".join(parts)
