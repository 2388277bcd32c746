"""Checks of single fields: each answers the value in the domain's terms, or names the field."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from .status import RpcError, invalid

AMOUNT_MAX = 10**18
TTL_MS_DEFAULT = 60_000
TTL_MS_MAX = 24 * 3_600_000
LABELS_MAX = 16
LABEL_VALUE_MAX = 256
TEXT_MAX = 128
PRIORITY_MAX = 1000

_ID_ALPHABET = "A-Z a-z 0-9 . _ : @ / -"
_is_id = re.compile(r"[A-Za-z0-9._:@/-]{1,128}").fullmatch
_is_hold_name = re.compile(r"[A-Za-z0-9._:@/#-]{1,300}").fullmatch
_is_label_key = re.compile(r"[A-Za-z0-9._:@/-]{1,64}").fullmatch
_is_time_zone = re.compile(r"[A-Za-z0-9_+/-]{1,64}").fullmatch
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# The last second of the year 9998: the driver takes the last microsecond of 9999 for infinity.
_SECONDS_MAX = 253_370_764_799
_NANOS = 1_000_000_000
_SHOWN_MAX = 40


def bad(request: Message, field: str, problem: str) -> RpcError:
    """Make the error of a field of this request."""
    return invalid(_operation_name(type(request).__name__), field, problem)


@cache
def _operation_name(message: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", message.removesuffix("Request")).lower()


def identifier(request: Message, field: str, value: str) -> str:
    """Check a required name."""
    if not _is_id(value):
        raise bad(request, field, _id_problem(value))
    return value


def identifier_or_empty(request: Message, field: str, value: str) -> str:
    """Check an optional word of the alphabet of ids."""
    if value and not _is_id(value):
        raise bad(request, field, _id_problem(value))
    return value


def hold_name(request: Message, field: str, value: str) -> str:
    """Check the name of a hold that is only looked at: those of conversations have a # in them."""
    if "#" in value and _is_hold_name(value):
        return value
    return identifier(request, field, value)


def _id_problem(value: str) -> str:
    rule = f"must have 1 to {TEXT_MAX} characters of {_ID_ALPHABET}"
    if not value or len(value) > TEXT_MAX:
        return f"{rule}, got {len(value)}"
    return f"{rule}, got {_shown(value)}"


def _shown(value: str) -> str:
    return ascii(value if len(value) <= _SHOWN_MAX else value[:_SHOWN_MAX] + "...")


def amount(request: Message, field: str, value: int, *, low: int = 1) -> int:
    """Check an amount or a quantity: `low` to 10^18."""
    if not low <= value <= AMOUNT_MAX:
        raise bad(request, field, f"must be {low} to {AMOUNT_MAX}, got {value}")
    return value


def number(request: Message, field: str, value: int, *, low: int = 0, high: int) -> int:
    """Check a small number: `low` to `high`."""
    if not low <= value <= high:
        raise bad(request, field, f"must be {low} to {high}, got {value}")
    return value


def text(request: Message, field: str, value: str, *, low: int = 0, high: int = TEXT_MAX) -> str:
    """Check free text: `low` to `high` characters, none of them NUL, which PostgreSQL refuses."""
    if not low <= len(value) <= high:
        raise bad(request, field, f"must have {low} to {high} characters, got {len(value)}")
    if "\0" in value:
        raise bad(request, field, "must not contain NUL")
    return value


def choice(request: Message, field: str, value: int, allowed: frozenset[int]) -> int:
    """Check the number of an enum's value."""
    if value not in allowed:
        but = "" if 0 in allowed else " other than unspecified"
        raise bad(request, field, f"must be a known value{but}, got {value}")
    return value


def labels(request: Message, pairs: Mapping[str, str], *, path: str = "labels") -> dict[str, str]:
    """Check the labels of a request and answer them as a plain dictionary."""
    if len(pairs) > LABELS_MAX:
        raise bad(request, path, f"must have at most {LABELS_MAX} pairs, got {len(pairs)}")
    for key, value in pairs.items():
        if not _is_label_key(key):
            rule = f"keys must have 1 to 64 characters of {_ID_ALPHABET}"
            raise bad(request, path, f"{rule}, got {_shown(key)}")
        text(request, f"{path}[{key}]", value, high=LABEL_VALUE_MAX)
    return dict(pairs)


def ttl_ms(request: Message, ttl: Duration, *, field: str = "ttl") -> int:
    """Check a hold's time to live and answer it in whole milliseconds."""
    milliseconds = ttl.seconds * 1000 + ttl.nanos // 1_000_000
    if not (1 <= milliseconds <= TTL_MS_MAX and 0 <= ttl.nanos < _NANOS):
        got = f"got {ttl.seconds} s and {ttl.nanos} ns"
        raise bad(request, field, f"must be 1 ms to 24 h, {got}")
    return milliseconds


def duration_ms(request: Message, field: str, value: Duration, *, low: int = 0, high: int) -> int:
    """Check a span of time and answer it in whole milliseconds: `low` to `high`."""
    milliseconds = value.seconds * 1000 + value.nanos // 1_000_000
    if not (low <= milliseconds <= high and 0 <= value.nanos < _NANOS):
        got = f"got {value.seconds} s and {value.nanos} ns"
        raise bad(request, field, f"must be {low / 1000:g} s to {high // 1000} s, {got}")
    return milliseconds


def usual_ms(
    request: Message, path: str, given: Any, name: str, *, usual: int, low: int, high: int
) -> int:
    """Check one of a plan's spans as `duration_ms` does; one that is not given is as usual."""
    if not given.HasField(name):
        return usual
    return duration_ms(request, f"{path}.{name}", getattr(given, name), low=low, high=high)


def moment(request: Message, field: str, value: Timestamp) -> datetime:
    """Check a timestamp and answer it in UTC, cut to microseconds."""
    if not (0 <= value.seconds <= _SECONDS_MAX and 0 <= value.nanos < _NANOS):
        raise bad(request, field, "must be a time from the year 1970 to the year 9998")
    return EPOCH + timedelta(seconds=value.seconds, microseconds=value.nanos // 1000)


def bounds(
    request: Message, given: Any, *, path: str = ""
) -> tuple[datetime | None, datetime | None]:
    """Check the `from` and `until` of what is given, and answer them; None for one that is not."""
    start = until = None
    if given.HasField("from"):
        start = moment(request, f"{path}from", getattr(given, "from"))
    if given.HasField("until"):
        until = moment(request, f"{path}until", given.until)
    if start and until and until <= start:
        raise bad(request, f"{path}until", "must be after from")
    return start, until


def micros(at: datetime) -> int:
    """Write a moment as whole microseconds since the epoch."""
    return (at - EPOCH) // _MICROSECOND


def of_micros(micros: int) -> datetime:
    """Read a moment of whole microseconds since the epoch."""
    return EPOCH + micros * _MICROSECOND


def time_zone(request: Message, field: str, value: str) -> str:
    """Check a name of the IANA time zone database, as far as this machine has one."""
    known = _time_zones()
    if (known and value not in known) or not _is_time_zone(value):
        raise bad_time_zone(request, field, value)
    return value


def bad_time_zone(request: Message, field: str, value: str) -> RpcError:
    """Make the error of a time zone that is none."""
    rule = "must be a time zone of the IANA database, such as America/New_York"
    return bad(request, field, f"{rule}, got {_shown(value)}")


@cache
def _time_zones() -> frozenset[str]:
    # Two of the names stand for no place: that of this machine, and none.
    return frozenset(available_timezones()) - {"localtime", "Factory"}


def canonical_json(value: Mapping[str, object]) -> str:
    """Write JSON whose text is the same for the same meaning."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
