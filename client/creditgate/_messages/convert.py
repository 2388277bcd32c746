"""Values of Python in the terms of messages, and back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp


def duration(seconds: float) -> Duration:
    """A protobuf duration of so many seconds, to the microsecond."""
    whole = Duration()
    whole.FromTimedelta(timedelta(seconds=seconds))
    return whole


def timestamp(instant: datetime | None) -> Timestamp | None:
    """A protobuf timestamp. Raises ValueError for a time without zone: it names no instant."""
    if instant is None:
        return None
    if instant.tzinfo is None:
        raise ValueError(f"a time needs a time zone to name an instant: {instant.isoformat()}")
    stamp = Timestamp()
    stamp.FromDatetime(instant)
    return stamp


def instant(stamp: Timestamp) -> datetime:
    """The instant of a protobuf timestamp, in UTC."""
    return stamp.ToDatetime(tzinfo=UTC)


def optional_instant(message: Message, name: str) -> datetime | None:
    """The instant in a field that may be unset."""
    return instant(getattr(message, name)) if message.HasField(name) else None


def optional_seconds(message: Message, name: str) -> float | None:
    """The seconds in a duration that may be unset."""
    if not message.HasField(name):
        return None
    length: Duration = getattr(message, name)
    return length.ToTimedelta().total_seconds()


def word(enumeration: Any, number: int) -> str:
    """The name of an enumeration's number without its prefix; empty for numbers not known here."""
    if number not in enumeration.values():
        return ""
    prefix: str = enumeration.Name(0).removesuffix("UNSPECIFIED")
    return str(enumeration.Name(number)).removeprefix(prefix)


def number(enumeration: Any, chosen: str) -> int:
    """The number of an enumeration's word. Raises ValueError for a word it does not have."""
    prefix: str = enumeration.Name(0).removesuffix("UNSPECIFIED")
    return int(enumeration.Value(prefix + chosen))
