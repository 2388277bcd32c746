"""What a page is made of: parts that are read and shown by themselves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from .dependencies import Dependencies
from .visits import Visit


class BadQueryError(Exception):
    """What was asked for makes no sense; the text says why, to the person who asked."""


class Section(NamedTuple):
    """A part of the page: its name in URLs, its template, and what reads the template's variables.

    The template knows `visit`, too. `read` raises `BadQueryError` and `domain.errors`.
    """

    name: str
    template: str
    read: Callable[[Dependencies, Visit], Awaitable[Mapping[str, Any]]]


class Download(NamedTuple):
    """A file made as it is read: its name in URLs, its type, and the name it is saved under."""

    name: str
    media_type: str
    filename: str
    read: Callable[[Dependencies, Visit], AsyncIterator[bytes]]
