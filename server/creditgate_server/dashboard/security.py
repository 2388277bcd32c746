"""What browsers are told to allow, and what is believed of what they send."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .problems import FOREIGN, TOO_LARGE, TOO_SLOW, RefusedError

FORM_BYTES_MAX = 8_192
_FORM_SECONDS_MAX = 10.0
_FIELDS_MAX = 20
_EMBEDDERS = "creditgate.embedders"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self';"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors "
)
_ALWAYS = {
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
    "x-robots-tag": "noindex, nofollow",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_HSTS = "max-age=31536000"


def embeddable(request: Request, origins: Sequence[str]) -> None:
    """Let the response be shown in frames of these origins."""
    request.scope[_EMBEDDERS] = tuple(origins)


class SecurityHeaders:
    """Adds to every response what its browser has to keep to."""

    def __init__(self, app: ASGIApp, *, is_secure: bool) -> None:
        self._app, self._is_secure = app, is_secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and its response with headers."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._add(MutableHeaders(scope=message), scope)
            await send(message)

        await self._app(scope, receive, sending if scope["type"] == "http" else send)

    def _add(self, headers: MutableHeaders, scope: Scope) -> None:
        by_link = scope["path"].startswith("/u/")
        origins = scope.get(_EMBEDDERS, ())
        headers.update(_ALWAYS)
        headers["content-security-policy"] = _POLICY + (" ".join(origins) or "'none'")
        # A link is a secret. Elsewhere the origin goes with forms, which are checked by it.
        headers["referrer-policy"] = "no-referrer" if by_link else "same-origin"
        headers.setdefault("cache-control", "no-store")
        if not origins:
            headers["x-frame-options"] = "DENY"
        if self._is_secure:
            headers["strict-transport-security"] = _HSTS


def check_origin(request: Request, *, base_url: str) -> None:
    """Make sure that a form was sent from a page of ours. Raises `RefusedError`.

    Browsers say so in two ways, of which all send at least one; a proxy may have given the request
    another host than the one it was sent to, which is that of `base_url`.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None and site != "same-origin":
        raise RefusedError(FOREIGN)
    origin = request.headers.get("origin")
    if origin is None and site is None:
        raise RefusedError(FOREIGN)
    own = {request.headers.get("host"), urlsplit(base_url).netloc}
    if origin is not None and urlsplit(origin).netloc not in own:
        raise RefusedError(FOREIGN)


async def read_form(request: Request) -> Mapping[str, str]:
    """Read a short form. Raises `RefusedError`."""
    body = b""
    try:
        async with asyncio.timeout(_FORM_SECONDS_MAX):
            async for chunk in request.stream():
                body += chunk
                if len(body) > FORM_BYTES_MAX:
                    raise RefusedError(TOO_LARGE)
    except TimeoutError:
        raise RefusedError(TOO_SLOW) from None
    try:
        return dict(parse_qsl(body.decode(), max_num_fields=_FIELDS_MAX))
    except ValueError:
        raise RefusedError(FOREIGN) from None
