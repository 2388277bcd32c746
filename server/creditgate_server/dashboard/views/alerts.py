"""What happened to an account that somebody should know."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from creditgate_server.domain.events import Event, EventKind

from .amounts import amount
from .clock import Clock, Moment


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
        text=say(event, json.loads(event.body), clock),
    )


def _low(event: Event, body: dict[str, Any], clock: Clock) -> str:
    threshold = amount(body["threshold_micros"]).text
    percent = f" ({body['percent']} % of the package)" if body.get("percent") else ""
    return f"Fewer than {threshold}{percent} were available: {_available(event)}."


def _stand(event: Event, body: dict[str, Any], clock: Clock) -> str:
    return f"{_available(event)} credits were available."


def _cycle(event: Event, body: dict[str, Any], clock: Clock) -> str:
    ends = clock.last_day_before(datetime.fromisoformat(body["ends_at"])).text
    return f"Cycle {body['number']} began and lasts until {ends}."


def _expiring(event: Event, body: dict[str, Any], clock: Clock) -> str:
    ends = clock.day_of(datetime.fromisoformat(body["expires_at"])).text
    return f"{amount(body['remaining_micros']).text} credits of {body['grant_id']} end on {ends}."


def _late(event: Event, body: dict[str, Any], clock: Clock) -> str:
    told = f"{amount(body['charged_micros']).text} credits were charged after {body['hold_id']} ended"
    missed = body.get("uncollected_micros") or 0
    return told + (f", {amount(missed).text} could not be." if missed else ".")


def _topup(event: Event, body: dict[str, Any], clock: Clock) -> str:
    return f"{amount(body['amount_micros']).text} credits, {body['request_id']}."


def _refused(event: Event, body: dict[str, Any], clock: Clock) -> str:
    reason = str(body.get("reason", "")).lower().replace("_", " ")
    return f"None was requested: {reason}." if reason else "None was requested."


def _available(event: Event) -> str:
    return amount(event.balance.available_micros).text


_Say = Callable[[Event, dict[str, Any], Clock], str]
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
