"""Filters of activity and ranges of time with one field wrong, and that field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from creditgate.v1 import account_service_pb2, hold_pb2
from creditgate.v1 import usage_pb2 as ranges_pb
from creditgate.v1 import usage_service_pb2 as usage_pb

ATTRIBUTES = [field.name for field in hold_pb2.Attributes.DESCRIPTOR.fields]


def good_filter(**changes: Any) -> usage_pb.ActivityFilter:
    """Answer a filter that is right, every field of it set that goes with the others."""
    body: dict[str, Any] = {
        "from": Timestamp(seconds=1_700_000_000),
        "until": Timestamp(seconds=4_000_000_000),
        "kinds": [account_service_pb2.ENTRY_KIND_CHARGE, account_service_pb2.ENTRY_KIND_REFUND],
        "type": "chat",
        "meter": "chat.message",
        "attributes": hold_pb2.Attributes(agent="a", model="m"),
        "labels": {"team": "blue"},
    }
    given = {name: value for name, value in (body | changes).items() if value is not None}
    return usage_pb.ActivityFilter(**given)


def good_range(**changes: Any) -> ranges_pb.UsageRange:
    """Answer a range of time that is right."""
    body: dict[str, Any] = {
        "from": Timestamp(seconds=1_700_000_000),
        "until": Timestamp(seconds=4_000_000_000),
    }
    given = {name: value for name, value in (body | changes).items() if value is not None}
    return ranges_pb.UsageRange(**given)


def bad_filters(times: Sequence[Timestamp], texts: Sequence[str]) -> list[tuple[str, Any]]:
    """Answer filters with one field wrong: of these times, and texts that are none."""
    wrong: list[tuple[str, dict[str, Any]]] = [
        *_bad_spans(times),
        *[(f"kinds[{at}]", {"kinds": bad}) for at, bad in ((0, [0]), (1, [1, 6]), (0, [-1]))],
        *[(name, {name: bad}) for name in ("type", "meter") for bad in texts],
        *[
            (f"attributes.{name}", {"attributes": hold_pb2.Attributes(**{name: bad})})
            for name in ATTRIBUTES
            for bad in texts
        ],
        ("labels", {"labels": {f"k{n}": "v" for n in range(17)}}),
        ("labels", {"labels": {"k" * 65: "v"}}),
        ("labels", {"labels": {"ü": "v"}}),
        ("labels[k]", {"labels": {"k": "v" * 257}}),
    ]
    return [(f"filter.{name}", good_filter(**changes)) for name, changes in wrong]


def bad_questions(
    times: Sequence[Timestamp], texts: Sequence[str]
) -> dict[str, list[tuple[str, Any]]]:
    """Answer, by their names, the fields that say what is asked about, with one thing wrong."""
    return {"filter": bad_filters(times, texts), "range": bad_ranges(times)}


def bad_ranges(times: Sequence[Timestamp]) -> list[tuple[str, Any]]:
    """Answer ranges with one field wrong."""
    return [(f"range.{name}", good_range(**changes)) for name, changes in _bad_spans(times)]


def _bad_spans(times: Sequence[Timestamp]) -> list[tuple[str, dict[str, Any]]]:
    return [
        *[(name, {name: bad}) for name in ("from", "until") for bad in times],
        *[("until", {"until": Timestamp(seconds=at)}) for at in (1, 1_700_000_000)],
        ("last", {"last": Duration(seconds=1)}),
        *[
            ("last", {"from": None, "last": bad})
            for bad in (
                Duration(),
                Duration(seconds=-1),
                Duration(seconds=36_600 * 86_400, nanos=1_000_000),
                Duration(seconds=1, nanos=10**9),
            )
        ],
    ]
