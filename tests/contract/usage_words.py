"""How stories write usage: what is asked about it, rows, and distributions, also in messages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from google.protobuf.message import Message

from creditgate._messages.convert import number
from creditgate.v1 import usage_pb2
from creditgate.v1 import usage_service_pb2 as messages
from tests.contract.rate_words import flag
from tests.oracle.answers import DistributionView, UsageRowView
from tests.oracle.calendar import EPOCH, MICROSECOND


def _kept(text: str) -> tuple[tuple[str, str], ...]:
    """`MODEL:large,AGENT:ann`, as pairs."""
    found = (each.partition(":") for each in text.split(","))
    return tuple((name, value) for name, _, value in found)


def _days(text: str) -> int:
    return int(Decimal(text) * 86_400_000)


# What queries are made of, but for the range.
ASKED: dict[str, tuple[str, Callable[[str], Any]]] = {
    "per": ("unit", str),
    "by": ("by", lambda text: tuple(text.split(","))),
    "key": ("label_key", str),
    "keep": ("keep", _kept),
    "days": ("last_ms", _days),
    "dearest": ("dearest", flag),
    "page": ("page_size", int),
    "bounds": ("bounds", lambda text: tuple(map(int, text.split(",")))),
}
DISTRIBUTION: dict[str, tuple[str, Callable[[str], Any]]] = {
    "counts": ("counts", lambda text: tuple(map(int, text.split(",")))),
    "total": ("total", int),
    "most": ("maximum", int),
    "median": ("p50", int),
    "nine": ("p90", int),
}
_FILTERS = {"CONVERSATION": "conversation_id"}


def usage_request(verb: str, account_id: str, asked: Mapping[str, Any]) -> Message:
    """The message of a question about usage."""
    given = dict(asked)
    range_ = usage_pb2.UsageRange()
    if start := given.pop("start", 0):
        getattr(range_, "from").FromMicroseconds(start)
    if until := given.pop("until", None):
        range_.until.FromMicroseconds(until)
    if last_ms := given.pop("last_ms", None):
        range_.last.FromTimedelta(timedelta(milliseconds=last_ms))
    if verb == "get_distribution":
        measure = number(usage_pb2.UsageMeasure, given.pop("measure"))
        return messages.GetDistributionRequest(
            account_id=account_id,
            range=range_,
            measure=usage_pb2.UsageMeasure.ValueType(measure),
            **given,
        )
    request = messages.QueryUsageRequest(account_id=account_id, range=range_)
    for name, text in given.pop("keep", ()):
        setattr(request.filter, _FILTERS.get(name, name.lower()), text)
    for name in given.pop("by", ()):
        grouping = number(usage_pb2.UsageGrouping, name)
        request.by.append(usage_pb2.UsageGrouping.ValueType(grouping))
    unit = number(usage_pb2.UsageUnit, given.pop("unit", "") or "UNSPECIFIED")
    request.unit = usage_pb2.UsageUnit.ValueType(unit)
    if given.pop("dearest", False):
        request.order = usage_pb2.USAGE_ORDER_DEAREST_FIRST
    for name, value in given.items():
        setattr(request, name, value)
    return request


def read_usage(response: Any) -> dict[str, Any]:
    """What a response says of usage, as the oracle has it."""
    if isinstance(response, messages.QueryUsageResponse):
        return {"rows": tuple(map(_row, response.rows))}
    if not isinstance(response, messages.GetDistributionResponse):
        return {}
    begins = tuple(getattr(each, "from") for each in response.bins)
    assert [each.until for each in response.bins] == [*begins[1:], 0]
    view = DistributionView(
        begins,
        tuple(each.count for each in response.bins),
        response.count,
        response.maximum,
        response.p50,
        response.p90,
    )
    return {"distribution": view}


def _row(row: usage_pb2.UsageRow) -> UsageRowView:
    begins = row.starts_at.ToMicroseconds() if row.HasField("starts_at") else None
    words = (row.type, row.meter, row.model, row.value)
    numbers = (row.consumed_micros, row.refunded_micros, row.quantity, row.holds)
    return UsageRowView(begins, *words, *numbers)


def written_row(row: UsageRowView) -> str:
    """A row as stories write it: `2030-01-01T00:00/groups:consumed:refunded:quantity:holds`."""
    words = [word for word in (row.type, row.meter, row.model, row.value) if word]
    if row.starts_at is not None:
        words.insert(0, f"{EPOCH + row.starts_at * MICROSECOND:%Y-%m-%dT%H:%M}")
    amounts = (
        f"{(Decimal(each) / 1_000_000).normalize():f}" for each in (row.consumed, row.refunded)
    )
    return ":".join(("/".join(words) or "-", *amounts, str(row.quantity), str(row.holds)))
