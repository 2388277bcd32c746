"""Events of the API in the oracle's words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from creditgate._messages.convert import word
from creditgate.v1 import event_pb2
from tests.oracle.answers import EventView


def to_event(event: event_pb2.Event) -> EventView:
    assert event.event_id == f"{event.account_id}/{event.number}"
    assert event.balance.as_of == event.created_at
    it = event.balance
    assert it.available_micros == it.settled_micros + it.overdraft_limit_micros - it.held_micros
    return EventView(
        number=event.number,
        kind=word(event_pb2.EventKind, event.kind),
        version=it.version,
        settled=it.settled_micros,
        held=it.held_micros,
        overdraft=it.overdraft_limit_micros,
        created_at=event.created_at.ToMicroseconds(),
        details=tuple(_details(event)),
    )


def _details(event: event_pb2.Event) -> Iterator[Any]:
    """The fields of an event's details in their order, those of a cycle among them."""
    name = event.WhichOneof("details")
    details: Any = getattr(event, name) if name else None
    if isinstance(details, event_pb2.CycleReset):
        details = details.cycle
    for each in details.DESCRIPTOR.fields if details else ():
        value = getattr(details, each.name)
        yield value.ToMicroseconds() if each.name.endswith("_at") else value
