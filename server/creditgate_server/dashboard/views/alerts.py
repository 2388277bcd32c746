"""What happened to an account that somebody should know."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from creditgate_server.domain.events import Event, EventKind

from .amounts import amount
from .clock import Clock, Moment
from .names import given_name


class _Told(NamedTuple):
    """An event, its details, and how to write times."""

    event: Event
    body: dict[str, Any]
    clock: Clock

    @property
    def available(self) -> str:
        return amount(self.event.balance.available_micros).text

    def credits(self, name: str) -> str:
        return amount(self.body.get(name) or 0).text

    def day(self, name: str, *, last: bool = False) -> str:
        at = datetime.fromisoformat(self.body[name])
        return (self.clock.last_day_before(at) if last else self.clock.day_of(at)).text


class Alert(NamedTuple):
    """One of them; `tone` is `alarm`, `warn`, `good` or `quiet`."""

    number: int
    at: Moment
    distance: str
    tone: str
    title: str
    text: str


def alerts(events: Sequence[Event], clock: Clock) -> list[Alert]:
    """Show events, the newest first."""
    return [_alert(each, clock) for each in sorted(events, key=lambda each: -each.number)]


def _alert(event: Event, clock: Clock) -> Alert:
    tone, title, say = _WORDS[EventKind(event.kind)]
    return Alert(
        number=event.number,
        at=clock.moment(event.created_at),
        distance=clock.distance(event.created_at),
        tone=tone,
        title=title,
        text=say(_Told(event, json.loads(event.body), clock)),
    )


def _low(of: _Told) -> str:
    percent = of.body.get("percent")
    threshold = of.credits("threshold_micros") + (
        f" ({percent} % of the package)" if percent else ""
    )
    return f"{of.available} credits were left. The threshold is {threshold}."


def _stand(of: _Told) -> str:
    return f"{of.available} credits were available."


def _cycle(of: _Told) -> str:
    return f"Cycle {of.body['number']} began and lasts until {of.day('ends_at', last=True)}."


def _expiring(of: _Told) -> str:
    left = of.credits("remaining_micros")
    return f"{left} credits of {given_name(of.body['grant_id'])} end on {of.day('expires_at')}."


def _late(of: _Told) -> str:
    told = f"{of.credits('charged_micros')} credits were charged after {of.body['hold_id']} ended"
    missed = of.body.get("uncollected_micros")
    return told + (f", {of.credits('uncollected_micros')} could not be." if missed else ".")


def _topup(of: _Told) -> str:
    return f"{of.credits('amount_micros')} credits, {of.body['request_id']}."


def _refused(of: _Told) -> str:
    reason = str(of.body.get("reason", "")).lower().replace("_", " ")
    return f"None was requested: {reason}." if reason else "None was requested."


_Say = Callable[[_Told], str]
_WORDS: dict[EventKind, tuple[str, str, _Say]] = {
    EventKind.BALANCE_LOW: ("warn", "Credits are low", _low),
    EventKind.CREDITS_EXHAUSTED: ("alarm", "Credits are used up", _stand),
    EventKind.CREDITS_RESUMED: ("good", "Credits are back", _stand),
    EventKind.OVERDRAFT_ENTERED: ("warn", "The overdraft is in use", _stand),
    EventKind.CYCLE_RESET: ("quiet", "A new cycle began", _cycle),
    EventKind.GRANT_EXPIRING: ("warn", "Credits end soon", _expiring),
    EventKind.HOLD_LATE: ("quiet", "Work was charged late", _late),
    EventKind.TOPUP_REQUESTED: ("quiet", "A top-up was requested", _topup),
    EventKind.TOPUP_REFUSED: ("warn", "A top-up was not requested", _refused),
    EventKind.TOPUP_COMPLETED: ("good", "A top-up arrived", _topup),
}
