"""From the ranges of time in requests to spans."""

from __future__ import annotations

from datetime import timedelta

from google.protobuf.message import Message

from creditgate.v1 import usage_pb2 as ranges_pb
from creditgate.v1 import usage_service_pb2 as pb
from creditgate_server.domain.activity import Span

from . import fields

DAYS_MAX = 36_600


def span(request: Message, given: pb.ActivityFilter | ranges_pb.UsageRange, *, path: str) -> Span:
    """Check and answer the `from`, `until` and `last` of what is given at a path."""
    start, until = fields.bounds(request, given, path=path)
    last = None
    if given.HasField("last"):
        if start:
            raise fields.bad(request, f"{path}last", "must not come with from")
        high = DAYS_MAX * 86_400_000
        last_ms = fields.duration_ms(request, f"{path}last", given.last, low=1, high=high)
        last = timedelta(milliseconds=last_ms)
    return Span(start, until, last)
