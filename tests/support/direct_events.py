"""Events and thresholds of the domain in the oracle's form."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from creditgate_server.domain.events import Event, EventKind
from tests.oracle.answers import EventView, Threshold

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_DETAILS = {
    EventKind.BALANCE_LOW: ("threshold_micros", "percent"),
    EventKind.CYCLE_RESET: ("number", "starts_at", "ends_at"),
    EventKind.GRANT_EXPIRING: ("grant_id", "remaining_micros", "expires_at"),
    EventKind.HOLD_LATE: ("hold_id", "charged_micros", "uncollected_micros"),
}


def event_view(event: Event) -> EventView:
    body, kind = json.loads(event.body), EventKind(event.kind)
    names = _DETAILS.get(kind, ())
    assert set(body) == set(names)
    return EventView(
        number=event.number,
        kind=kind.name,
        version=event.balance.version,
        settled=event.balance.settled_micros,
        held=event.balance.held_micros,
        overdraft=event.balance.overdraft_limit_micros,
        created_at=_micros(event.created_at),
        details=tuple(_plain(name, body[name]) for name in names),
    )


def _plain(name: str, value: Any) -> Any:
    return _micros(datetime.fromisoformat(value)) if name.endswith("_at") else value


def _micros(at: datetime) -> int:
    return (at - EPOCH) // timedelta(microseconds=1)


def threshold_views(thresholds: Iterable[int]) -> tuple[Threshold, ...]:
    return tuple(("amount", each) if each >= 0 else ("percent", -each) for each in thresholds)


def threshold_numbers(thresholds: Iterable[Threshold]) -> tuple[int, ...]:
    return tuple(value if unit == "amount" else -value for unit, value in thresholds)
