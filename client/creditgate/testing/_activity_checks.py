"""What the service refuses of requests for activity."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from creditgate.v1 import account_service_pb2
from creditgate.v1 import usage_service_pb2 as messages

TEXT_MAX, LABEL_MAX, LABELS_MAX = 128, 256, 16
LAST_MIN, LAST_MAX = timedelta(milliseconds=1), timedelta(days=36_600)
LABEL_KEYS = re.compile(r"[A-Za-z0-9._:@/-]{1,64}", re.ASCII)


def check_activity(request: Any) -> Iterator[tuple[str, bool]]:
    """Each field of a request for activity, and whether it is right."""
    wanted = request.filter
    yield from _check_span("filter", wanted)
    known = set(account_service_pb2.EntryKind.values()) - {0}
    for place, kind in enumerate(wanted.kinds):
        yield f"filter.kinds[{place}]", kind in known
    yield "filter.type", len(wanted.type) <= TEXT_MAX
    yield "filter.meter", len(wanted.meter) <= TEXT_MAX
    for each, text in wanted.attributes.ListFields():
        yield f"filter.attributes.{each.name}", len(text) <= TEXT_MAX
    yield "filter.labels", len(wanted.labels) <= LABELS_MAX
    for key, value in wanted.labels.items():
        yield "filter.labels", LABEL_KEYS.fullmatch(key) is not None
        yield f"filter.labels[{key}]", len(value) <= LABEL_MAX
    if isinstance(request, messages.ListActivityRequest):
        yield "order", request.order in messages.ActivityOrder.values()
    else:
        yield "cursor", not request.cursor or request.cursor.isdecimal()


def check_range(request: Any) -> Iterator[tuple[str, bool]]:
    """Each field of a range of time, and whether it is right."""
    yield from _check_span("range", request.range)


def _check_span(name: str, wanted: Any) -> Iterator[tuple[str, bool]]:
    begins, ends = getattr(wanted, "from").ToNanoseconds(), wanted.until.ToNanoseconds()
    bounded = wanted.HasField("from") and wanted.HasField("until")
    yield f"{name}.until", not bounded or begins < ends
    last = wanted.last.ToTimedelta()
    spans = LAST_MIN <= last <= LAST_MAX and not wanted.HasField("from")
    yield f"{name}.last", not wanted.HasField("last") or spans
