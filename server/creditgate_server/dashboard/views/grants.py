"""The credits an account was given, and what is left of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from markupsafe import Markup

from creditgate_server.dashboard.charts.bars import bar
from creditgate_server.domain.grants import Grant, GrantKind, GrantState

from .amounts import Amount, amount
from .clock import Clock, Moment
from .names import given_name

PAST_SHOWN = 4
"""How many grants are shown that cannot be spent."""
_SOON = timedelta(days=7)
_KINDS = {
    GrantKind.PLAN: "Plan",
    GrantKind.PURCHASED: "Purchased",
    GrantKind.PROMOTIONAL: "Promotional",
    GrantKind.ADJUSTMENT: "Adjustment",
    GrantKind.ROLLOVER: "Carried over",
}


class Given(NamedTuple):
    """One grant. `used` says how it stands in words, `tone` marks what soon ends."""

    grant_id: str
    name: str
    kind: str
    reference: str
    amount: Amount
    remaining: Amount
    bar: Markup
    state: str
    tone: str
    at: Moment
    live: bool


def grants(given: Sequence[Grant], clock: Clock) -> list[Given]:
    """Show grants, the newest first: those that can be spent, and the latest of the others."""
    shown = [_given(each, clock) for each in given]
    past = [each for each in shown if not each.live]
    return [each for each in shown if each.live] + past[:PAST_SHOWN]


def _given(grant: Grant, clock: Clock) -> Given:
    state, tone = _state(grant, clock)
    return Given(
        grant_id=grant.grant_id,
        name=given_name(grant.grant_id),
        kind=_KINDS[GrantKind(grant.kind)],
        reference=grant.reference,
        amount=amount(grant.amount_micros),
        remaining=amount(grant.remaining_micros),
        bar=bar(grant.remaining_micros, grant.amount_micros),
        state=state,
        tone=tone,
        at=clock.day_of(grant.effective_at),
        live=grant.state == GrantState.LIVE and grant.remaining_micros > 0,
    )


def _state(grant: Grant, clock: Clock) -> tuple[str, str]:
    if grant.state == GrantState.LIVE and grant.remaining_micros > 0:
        if grant.expires_at is None:
            return "never ends", ""
        soon = grant.expires_at - clock.now < _SOON
        return f"ends {clock.distance(grant.expires_at)}", "warn" if soon else ""
    if grant.state == GrantState.PENDING:
        return f"begins {clock.distance(grant.effective_at)}", ""
    words = {GrantState.UNPAID: "unpaid", GrantState.REVOKED: "taken back"}
    words[GrantState.EXPIRED] = "ended"
    return words.get(GrantState(grant.state), "used up"), ""
