"""The oracle's calls: how long one may go on; written from the design alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tests.oracle.answers import Answer, FinalView, QuotaView
from tests.oracle.prices import price

if TYPE_CHECKING:
    from tests.oracle.account import Hold

SECOND = 1_000_000
# The end of the year 9998.
LAST = 253_370_764_800 * SECOND - SECOND
REASONS = {
    "DENIED_ACCOUNT_INACTIVE": "ACCOUNT_INACTIVE",
    "DENIED_LIMIT": "LIMIT",
    "DENIED_INSUFFICIENT_CREDITS": "CREDITS",
    "DENIED_CREDITS_HELD": "CREDITS",
}


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


def capped(terms: CallTerms, quantity: int) -> int:
    """What of a quantity counts as asked for."""
    return min(quantity, terms.max_seconds or quantity)


def quota(
    terms: CallTerms,
    hold: Hold | None,
    answer: Answer,
    *,
    at: int,
    status: str,
    ask: Callable[[Hold, int], Answer],
) -> QuotaView | None:
    """How the call of a hold may go on after an answer.

    `ask` judges what raising a hold to a total would be answered now.
    """
    if hold is not None and hold.state != "OPEN":
        return None
    granted = capped(terms, hold.granted_quantity) if hold else 0
    left = max(granted - hold.used_quantity, 0) if hold else 0
    denied = None if answer.replayed else REASONS.get(answer.outcome)
    reason = _reason(terms, hold, granted, denied=denied, status=status, ask=ask)
    offline = terms.offline_seconds
    if terms.max_seconds:
        offline = min(offline, terms.max_seconds - granted)
    return QuotaView(
        granted=granted,
        funded_until=min(at + left * SECOND, LAST),
        renew_ms=min(terms.renew_ms, left * 500),
        warn_ms=terms.warn_ms,
        final=FinalView(reason, terms.action, terms.target) if reason else None,
        on_reserve=terms.on_reserve,
        on_extend=terms.on_extend,
        offline_seconds=0 if reason else offline,
    )


def _reason(
    terms: CallTerms,
    hold: Hold | None,
    granted: int,
    *,
    denied: str | None,
    status: str,
    ask: Callable[[Hold, int], Answer],
) -> str | None:
    """Why no more is granted, if no more is."""
    if denied == "LIMIT" or hold is None or not hold.rate:
        return denied
    if status != "ACTIVE":
        return "ACCOUNT_INACTIVE"
    reached = max(granted, hold.used_quantity)
    if terms.max_seconds and reached >= terms.max_seconds:
        return "MAX_DURATION"
    # It is asked of a copy: nothing is granted here.
    return REASONS.get(ask(replace(hold), price(hold.rate, reached + 1)).outcome) or denied
