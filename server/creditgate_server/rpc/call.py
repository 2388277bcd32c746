"""One call under way, and the form of what handles calls: transports and steps know no more."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from uuid import UUID

Metadata = Iterable[tuple[str, str | bytes]]
NOBODY = UUID(int=0)


class Call:
    """What is known of a call besides its request.

    `remaining_seconds` is what its caller's deadline left when it came, None without one;
    `deadline` is when it must be answered, on the event loop's clock; `tenant_id`, `key_id` and
    `scopes` are those of its API key once it is authenticated.
    """

    __slots__ = ("deadline", "key_id", "metadata", "remaining_seconds", "scopes", "tenant_id")

    def __init__(self, metadata: Metadata, *, remaining_seconds: float | None) -> None:
        self.metadata = metadata
        self.remaining_seconds = remaining_seconds
        self.deadline = 0.0
        self.tenant_id = NOBODY
        self.key_id = ""
        self.scopes: frozenset[str] = frozenset()


Handler = Callable[[Any, Call], Awaitable[Any]]
"""Answers a request, or raises `rpc.status.RpcError`."""
