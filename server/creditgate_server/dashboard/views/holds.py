"""What is held right now: work that is under way, and calls with their age."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from creditgate_server.domain.holds import Hold

from .amounts import Amount, amount
from .clock import Clock, Moment, length
from .details import details


class LiveHold(NamedTuple):
    """An open hold; `left_seconds` is how long it lasts when nobody extends it."""

    hold_id: str
    is_call: bool
    what: str
    who: str
    held: Amount
    charged: Amount
    since: Moment
    age_seconds: int
    left_seconds: int
    over: bool

    @property
    def age(self) -> str:
        """How long it has been under way."""
        return length(self.age_seconds)

    @property
    def ends(self) -> str:
        """How long until it ends."""
        return length(self.left_seconds)


class Holds(NamedTuple):
    """Open holds, the oldest first, calls before others; `more` are not listed."""

    listed: Sequence[LiveHold]
    more: int


def holds(opened: Sequence[Hold], clock: Clock, *, count: int, listed: int = 12) -> Holds:
    """Show open holds, of which there are `count` in all."""
    shown = sorted(opened, key=lambda each: (not is_call(each), each.created_at))[:listed]
    return Holds([_hold(each, clock) for each in shown], max(0, count - len(shown)))


def is_call(hold: Hold) -> bool:
    """Tell whether a hold is of a call."""
    return hold.gateway_id is not None or _meter(hold).partition(".")[0] == "voice"


def _meter(hold: Hold) -> str:
    if hold.lines:
        return hold.lines[0].rate.meter
    return hold.rate.meter if hold.rate else ""


def _hold(hold: Hold, clock: Clock) -> LiveHold:
    known = details(hold.details)
    left = (hold.expires_at - clock.now).total_seconds()
    who = (known.agent, known.model, known.topic, known.user)
    return LiveHold(
        hold_id=hold.hold_id,
        is_call=is_call(hold),
        what="Call" if is_call(hold) else _meter(hold) or "By amount",
        who=" · ".join(each for each in who if each),
        held=amount(hold.held_micros),
        charged=amount(hold.charged_micros),
        since=clock.moment(hold.created_at),
        age_seconds=max(0, int((clock.now - hold.created_at).total_seconds())),
        left_seconds=max(0, int(left)),
        over=left <= 0,
    )
