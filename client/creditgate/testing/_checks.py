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
    """Each field, or part of one, and whether it is right."""
    for field in request.DESCRIPTOR.fields:
        value = getattr(request, field.name)
        if field.name in _PARTS:
            yield from _PARTS[field.name](value)
        elif field.name in _TESTS:
            yield field.name, _TESTS[field.name](value)
        elif field.name.endswith("_micros"):
            yield field.name, 0 <= value <= AMOUNT_MAX
    if "ttl" in request.DESCRIPTOR.fields_by_name and request.HasField("ttl"):
        yield "ttl", TTL_MIN <= request.ttl.ToTimedelta() <= TTL_MAX
    yield from _OF_MESSAGES.get(request.DESCRIPTOR.name, _nothing)(request)


def _priced(request: Any) -> Iterator[tuple[str, bool]]:
    by_usage = request.WhichOneof("price") == "usage"
    yield "amount_micros", by_usage or request.amount_micros > 0
    yield "minimum_micros", by_usage or request.minimum_micros <= request.amount_micros


def _extend(request: Any) -> Iterator[tuple[str, bool]]:
    yield "amount_micros", not request.HasField("amount_micros") or request.amount_micros > 0


def _commit(request: Any) -> Iterator[tuple[str, bool]]:
    yield "used_micros", request.WhichOneof("used") is not None


def _quote(request: Any) -> Iterator[tuple[str, bool]]:
    yield "usage", request.HasField("usage")


def _refund(request: Any) -> Iterator[tuple[str, bool]]:
    yield "amount_micros", request.amount_micros > 0


def _grant(request: Any) -> Iterator[tuple[str, bool]]:
    yield "kind", request.kind > 0
    yield "amount_micros", request.amount_micros > 0
    yield "priority", 0 <= request.priority <= PRIORITY_MAX
    begins, ends = request.effective_at.ToMicroseconds(), request.expires_at.ToMicroseconds()
    both = request.HasField("effective_at") and request.HasField("expires_at")
    yield "expires_at", not both or begins < ends


def _nothing(_: Any) -> Iterator[tuple[str, bool]]:
    return iter(())


def _attributes(attributes: Any) -> Iterator[tuple[str, bool]]:
    for each, text in attributes.ListFields():
        yield f"attributes.{each.name}", len(text) <= TEXT_MAX


def _id(value: str) -> bool:
    return IDS.fullmatch(value) is not None


def _labels(labels: Any) -> Iterator[tuple[str, bool]]:
    yield "labels", len(labels) <= LABELS_MAX
    for key, value in labels.items():
        yield "labels", _id(key) and len(key) <= LABEL_KEY_MAX
        yield f"labels[{key}]", len(value) <= LABEL_MAX


_TESTS: dict[str, Callable[[Any], bool]] = {
    "account_id": _id,
    "hold_id": _id,
    "grant_id": _id,
    "refund_id": _id,
    "termination_cause": lambda cause: not cause or _id(cause),
    "page_size": lambda size: size >= 0,
    "page_token": lambda token: not token or token.isdecimal(),
    "reference": lambda note: len(note) <= REFERENCE_MAX,
}
_PARTS = {"labels": _labels, "attributes": _attributes}
_OF_MESSAGES: dict[str, Callable[[Any], Iterator[tuple[str, bool]]]] = {
    "ReserveRequest": _priced,
    "ChargeRequest": _priced,
    "ExtendRequest": _extend,
    "CommitRequest": _commit,
    "QuoteRequest": _quote,
    "RefundRequest": _refund,
    "AddGrantRequest": _grant,
}
