"""The requests about activity, and how their answers are read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from creditgate._messages.convert import duration, instant, number, timestamp, word
from creditgate._messages.work import Call
from creditgate._types.activity import Activity, ActivityChunk
from creditgate._types.base import Page
from creditgate._types.hold import Attributes
from creditgate._types.plan import EntryKind
from creditgate._types.rate import Usage
from creditgate.v1 import account_service_pb2, hold_pb2
from creditgate.v1 import usage_service_pb2 as messages

DAY_SECONDS = 86_400


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Which entries are asked for."""

    days: float | None
    since: datetime | None
    until: datetime | None
    kinds: Iterable[EntryKind]
    type: str
    meter: str
    attributes: Attributes
    labels: Mapping[str, str] | None

    def message(self) -> messages.ActivityFilter:
        """The filter as it is sent."""
        # The field's name is a word of Python's own.
        begins: Any = {"from": timestamp(self.since)}
        chosen = [number(account_service_pb2.EntryKind, EntryKind(k).value) for k in self.kinds]
        return messages.ActivityFilter(
            last=None if self.days is None else duration(self.days * DAY_SECONDS),
            until=timestamp(self.until),
            kinds=map(account_service_pb2.EntryKind.ValueType, chosen),
            type=self.type,
            meter=self.meter,
            attributes=hold_pb2.Attributes(**asdict(self.attributes)),
            labels=self.labels,
            **begins,
        )


def list_activity(
    account_id: str, wanted: Filter, *, oldest_first: bool, page_size: int, page_token: str
) -> Call[Page[Activity]]:
    first = messages.ACTIVITY_ORDER_OLDEST_FIRST if oldest_first else None
    request = messages.ListActivityRequest(
        account_id=account_id,
        filter=wanted.message(),
        order=first or messages.ACTIVITY_ORDER_NEWEST_FIRST,
        page_size=page_size,
        page_token=page_token,
    )
    return Call("ListActivity", request, read_page, writes=False)


def export_activity(
    account_id: str, wanted: messages.ActivityFilter, *, cursor: str
) -> messages.ExportActivityRequest:
    return messages.ExportActivityRequest(account_id=account_id, filter=wanted, cursor=cursor)


def read_page(answer: messages.ListActivityResponse) -> Page[Activity]:
    items = tuple(map(read_activity, answer.activities))
    return Page(items=items, next_page_token=answer.next_page_token)


def read_chunk(answer: messages.ExportActivityResponse) -> ActivityChunk:
    return ActivityChunk(
        activities=tuple(map(read_activity, answer.activities)), cursor=answer.cursor
    )


def read_activity(activity: messages.Activity) -> Activity:
    described = activity.attributes
    return Activity(
        version=activity.version,
        line=activity.line,
        created_at=instant(activity.created_at),
        kind=EntryKind(word(account_service_pb2.EntryKind, activity.kind)),
        type=activity.type,
        amount_micros=activity.amount_micros,
        settled_micros=activity.settled_micros,
        hold_id=activity.hold_id,
        name=activity.name,
        meter=activity.meter,
        model=activity.model,
        quantity=activity.quantity,
        attributes=Attributes(
            agent=described.agent,
            model=described.model,
            conversation_id=described.conversation_id,
            call_id=described.call_id,
            user=described.user,
            topic=described.topic,
        ),
        labels=dict(activity.labels),
        usages=tuple(
            Usage(meter=usage.meter, quantity=usage.quantity, model=usage.model)
            for usage in activity.usages
        ),
        trace_id=activity.trace_id,
    )
