"""What the service refuses before it looks at any account: the limits the protos state."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from google.protobuf.message import Message

AMOUNT_MAX = 10**18
TTL_MIN, TTL_MAX = timedelta(milliseconds=1), timedelta(hours=24)
LABELS_MAX = 16
TEXT_MAX, LABEL_KEY_MAX, LABEL_MAX, REFERENCE_MAX = 128, 64, 256, 256
PRIORITY_MAX = 1000

IDS = re.compile(r"[A-Za-z0-9._:@/-]{1,128}", re.ASCII)


def check(request: Message) -> str:
    """The name of the first field that is wrong; empty when all are right."""
    return next((field for field, right in _checked(request) if not right), "")


def _checked(request: Any) -> Iterator[tuple[str, bool]]:
    for field in request.DESCRIPTOR.fields:
        value = getattr(request, field.name)
        if field.name in _TESTS:
            yield field.name, _TESTS[field.name](value)
        elif field.name.endswith("_micros"):
            yield field.name, 0 <= value <= AMOUNT_MAX
    if "price" in request.DESCRIPTOR.oneofs_by_name:
        asked = request.WhichOneof("price")
        yield "price", asked is not None
        yield "amount_micros", asked != "amount_micros" or request.amount_micros > 0
        yield "minimum_micros", request.minimum_micros <= (request.amount_micros or AMOUNT_MAX)
    if "ttl" in request.DESCRIPTOR.fields_by_name and request.HasField("ttl"):
        yield "ttl", TTL_MIN <= request.ttl.ToTimedelta() <= TTL_MAX
    if request.DESCRIPTOR.name == "CommitRequest":
        yield "used", request.WhichOneof("used") is not None
    if request.DESCRIPTOR.name == "ExtendRequest" and request.HasField("amount_micros"):
        yield "amount_micros", request.amount_micros > 0
    if request.DESCRIPTOR.name == "RefundRequest":
        yield "amount_micros", request.amount_micros > 0
    if request.DESCRIPTOR.name == "AddGrantRequest":
        yield "kind", request.kind > 0
        yield "amount_micros", request.amount_micros > 0
        yield "priority", 0 <= request.priority <= PRIORITY_MAX
        begins, ends = request.effective_at.ToMicroseconds(), request.expires_at.ToMicroseconds()
        both = request.HasField("effective_at") and request.HasField("expires_at")
        yield "expires_at", not both or begins < ends


def _id(value: str) -> bool:
    return IDS.fullmatch(value) is not None


def _labels(labels: Any) -> bool:
    return len(labels) <= LABELS_MAX and all(
        _id(key) and len(key) <= LABEL_KEY_MAX and len(value) <= LABEL_MAX
        for key, value in labels.items()
    )


_TESTS: dict[str, Callable[[Any], bool]] = {
    "account_id": _id,
    "hold_id": _id,
    "grant_id": _id,
    "refund_id": _id,
    "labels": _labels,
    "termination_cause": lambda cause: not cause or _id(cause),
    "attributes": lambda work: all(len(value) <= TEXT_MAX for _, value in work.ListFields()),
    "page_size": lambda size: size >= 0,
    "reference": lambda note: len(note) <= REFERENCE_MAX,
}
