"""What the service refuses of requests for usage, and what is usual in them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from creditgate.testing._activity_checks import (
    LABEL_KEYS,
    LABEL_MAX,
    LAST_MAX,
    LAST_MIN,
    TEXT_MAX,
)
from creditgate.v1 import usage_pb2

BOUNDS_MAX, BOUND_MAX = 100, 10**18
NAMING = {
    "agent": usage_pb2.USAGE_GROUPING_AGENT,
    "user": usage_pb2.USAGE_GROUPING_USER,
    "topic": usage_pb2.USAGE_GROUPING_TOPIC,
    "conversation_id": usage_pb2.USAGE_GROUPING_CONVERSATION,
    "label": usage_pb2.USAGE_GROUPING_LABEL,
}
_HOUR = 3_600
USUAL_BOUNDS = {
    usage_pb2.USAGE_MEASURE_SESSION_SECONDS: (
        *(60, 300, 600, 1_800),
        *(_HOUR, 2 * _HOUR, 4 * _HOUR, 8 * _HOUR),
    ),
    usage_pb2.USAGE_MEASURE_SESSION_MESSAGES: (1, 2, 3, 5, 10, 20, 50, 100),
    usage_pb2.USAGE_MEASURE_CALL_SECONDS: (30, 60, 120, 180, 300, 600, 1_200, 1_800, _HOUR),
}


def check_range(asked: usage_pb2.UsageRange) -> Iterator[tuple[str, bool]]:
    """Each field of a range of time, and whether it is right."""
    begins, ends = getattr(asked, "from").ToNanoseconds(), asked.until.ToNanoseconds()
    bounded = asked.HasField("from") and asked.HasField("until")
    yield "range.until", not bounded or begins < ends
    spans = LAST_MIN <= asked.last.ToTimedelta() <= LAST_MAX and not asked.HasField("from")
    yield "range.last", not asked.HasField("last") or spans


def check_usage_query(request: Any) -> Iterator[tuple[str, bool]]:
    """Each field of a QueryUsage, and whether it is right."""
    yield from check_range(request.range)
    yield "unit", request.unit in usage_pb2.UsageUnit.values()
    known = set(usage_pb2.UsageGrouping.values()) - {0}
    names = set(NAMING.values())
    for place, grouping in enumerate(request.by):
        before = set(request.by[:place])
        alone = grouping not in names or not names & before
        yield f"by[{place}]", grouping in known and grouping not in before and alone
    yield "order", request.order in usage_pb2.UsageOrder.values()
    named = names & set(request.by)
    for field, text in request.filter.ListFields():
        most = LABEL_MAX if field.name == "label" else TEXT_MAX
        fits = len(text) <= most
        if field.name in NAMING:
            fits &= named <= {NAMING[field.name]}
            named = {NAMING[field.name]}
        yield f"filter.{field.name}", fits
    of_label = named == {usage_pb2.USAGE_GROUPING_LABEL}
    yield (
        "label_key",
        bool(LABEL_KEYS.fullmatch(request.label_key)) if of_label else (not request.label_key),
    )


def check_distribution(request: Any) -> Iterator[tuple[str, bool]]:
    """Each field of a GetDistribution, and whether it is right."""
    yield "measure", request.measure in USUAL_BOUNDS
    yield from check_range(request.range)
    yield "bounds", len(request.bounds) <= BOUNDS_MAX
    for place, bound in enumerate(request.bounds):
        yield f"bounds[{place}]", 1 <= bound <= BOUND_MAX
    for place, (low, high) in enumerate(pairwise(request.bounds), start=1):
        yield f"bounds[{place}]", low < high
