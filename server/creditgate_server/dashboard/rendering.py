"""Templates made into pages, and the files that go with them."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

FOLDER = Path(__file__).parent
STATIC = FOLDER / "static"
_VERSION_LENGTH = 12


class Rendering:
    """Makes responses of templates. What is put into them is escaped."""

    def __init__(self) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(FOLDER / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals["static"] = _Versions()

    def response(
        self, template: str, context: Mapping[str, Any], *, status: int = 200
    ) -> HTMLResponse:
        """Make a response of a template."""
        text = self._environment.get_template(template).render(context)
        return HTMLResponse(text, status_code=status)


class _Versions:
    """Answers where a static file is; another content has another URL, so that it can be kept."""

    def __init__(self) -> None:
        self._urls = {
            path.relative_to(STATIC).as_posix(): _url(path)
            for path in sorted(STATIC.rglob("*"))
            if path.is_file()
        }

    def __call__(self, name: str) -> str:
        return self._urls[name]


def _url(path: Path) -> str:
    version = sha256(path.read_bytes()).hexdigest()[:_VERSION_LENGTH]
    return f"/static/{path.relative_to(STATIC).as_posix()}?v={version}"
