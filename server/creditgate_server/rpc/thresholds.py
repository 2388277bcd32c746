"""Thresholds: between messages and the numbers of the domain, where percents are negative."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from google.protobuf.message import Message

from creditgate.v1 import account_pb2

from . import fields

THRESHOLDS_MAX = 8
PERCENT_MAX = 100


def decode(request: Message, field: str, given: Sequence[account_pb2.Threshold]) -> tuple[int, ...]:
    """Check thresholds that differ; `field` is the list's path in the request."""
    if len(given) > THRESHOLDS_MAX:
        problem = f"must have at most {THRESHOLDS_MAX} thresholds, got {len(given)}"
        raise fields.bad(request, field, problem)
    read = tuple(_decode(request, f"{field}[{place}]", each) for place, each in enumerate(given))
    if len(set(read)) < len(read):
        raise fields.bad(request, field, "must differ from each other")
    return read


def _decode(request: Message, path: str, given: account_pb2.Threshold) -> int:
    at = given.WhichOneof("at")
    if at == "percent":
        field = f"{path}.percent"
        return -fields.number(request, field, given.percent, low=1, high=PERCENT_MAX)
    if at == "amount_micros":
        return fields.amount(request, f"{path}.amount_micros", given.amount_micros, low=0)
    raise fields.bad(request, path, "must have a percent or an amount_micros")


def encode(to: Any, of: Sequence[int]) -> None:
    """Write thresholds into a repeated field."""
    for each in of:
        if each < 0:
            to.add(percent=-each)
        else:
            to.add(amount_micros=each)
