"""Style sheets, scripts and pictures."""

from __future__ import annotations

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from .rendering import STATIC

_YEAR = "public, max-age=31536000, immutable"


class Statics(StaticFiles):
    """Serves the files; those asked for by their version can be kept for good."""

    def __init__(self) -> None:
        super().__init__(directory=STATIC)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Answer a file, or 404."""
        response = await super().get_response(path, scope)
        versioned = scope["query_string"].startswith(b"v=")
        response.headers["cache-control"] = _YEAR if versioned else "no-cache"
        return response
