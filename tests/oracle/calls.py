"""The oracle's calls: how long one may go on; written from the design alone."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CallTerms:
    """How the calls of a plan's accounts run; a `max_seconds` of 0 is any length."""

    max_seconds: int = 0
    renew_ms: int = 10_000
    warn_ms: int = 30_000
    action: str = "TERMINATE"
    target: str = ""
    on_reserve: str = "TERMINATE"
    on_extend: str = "CONTINUE_WITHIN_ALLOWANCE"
    offline_seconds: int = 0


USUAL_CALLS = CallTerms()
