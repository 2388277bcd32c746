"""The trace a piece of work belongs to, kept with what its caller said of it.

It is no part of what the caller asked for: a repeat in another trace is a repeat.
"""

from __future__ import annotations

from collections.abc import Callable

TraceId = Callable[[], str | None]
"""Answers the trace of the call under way, 32 hexadecimal digits; None when it has none."""


def with_trace(details: str | None, trace_id: str) -> str:
    """Write the trace into the JSON text of a hold's details."""
    said = f"{details[:-1]}," if details else "{"
    return f'{said}"trace_id":"{trace_id}"}}'
