"""From the requests for usage to what is asked of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from creditgate.v1 import usage_pb2
from creditgate.v1 import usage_service_pb2 as pb
from creditgate_server.domain.usage import (
    Grouping,
    Naming,
    UsageChoice,
    UsageMeasure,
    UsageQuestion,
    UsageUnit,
)

from . import fields
from .decode_span import span

BOUNDS_MAX = 100
LABEL_KEY_MAX = 64
_UNITS = frozenset(usage_pb2.UsageUnit.values())
_GROUPINGS = frozenset(usage_pb2.UsageGrouping.values()) - {0}
_ORDERS = frozenset(usage_pb2.UsageOrder.values())
_MEASURES = frozenset(usage_pb2.UsageMeasure.values()) - {0}
# The fields of a filter that not all work has anything for, and what they are called in a group.
_NAMING_FIELDS = {
    "agent": Grouping.AGENT,
    "user": Grouping.USER,
    "topic": Grouping.TOPIC,
    "conversation_id": Grouping.CONVERSATION,
    "label": Grouping.LABEL,
}
_ONE_NAME = "of agent, user, topic, conversation and label a question may name only one"
_MINUTE, _HOUR = 60, 3_600
_USUAL_BOUNDS: dict[UsageMeasure, Sequence[int]] = {
    UsageMeasure.SESSION_SECONDS: (
        *(_MINUTE, 5 * _MINUTE, 10 * _MINUTE, 30 * _MINUTE),
        *(_HOUR, 2 * _HOUR, 4 * _HOUR, 8 * _HOUR),
    ),
    UsageMeasure.SESSION_MESSAGES: (1, 2, 3, 5, 10, 20, 50, 100),
    UsageMeasure.CALL_SECONDS: (
        *(30, _MINUTE, 2 * _MINUTE, 3 * _MINUTE, 5 * _MINUTE),
        *(10 * _MINUTE, 20 * _MINUTE, 30 * _MINUTE, _HOUR),
    ),
}
_is_label_key = re.compile(rf"[A-Za-z0-9._:@/-]{{1,{LABEL_KEY_MAX}}}").fullmatch


def question(request: pb.QueryUsageRequest) -> UsageQuestion:
    """Check and answer what is asked."""
    range_ = span(request, request.range, path="range.")
    unit = fields.choice(request, "unit", request.unit, _UNITS)
    by = _groupings(request)
    order = fields.choice(request, "order", request.order, _ORDERS)
    given = {
        name: fields.text(
            request,
            f"filter.{name}",
            getattr(request.filter, name),
            high=fields.LABEL_VALUE_MAX if name == "label" else fields.TEXT_MAX,
        )
        for name in request.filter.DESCRIPTOR.fields_by_name
    }
    naming = _naming(request, by, [name for name in _NAMING_FIELDS if given[name]])
    values = [given[name] for name in _NAMING_FIELDS if given[name]]
    return UsageQuestion(
        range_,
        UsageUnit(unit) if unit else None,
        sorted(by),
        naming,
        UsageChoice(
            given["type"] or None,
            given["meter"] or None,
            given["model"] or None,
            values[0] if values else None,
        ),
        dearest_first=order == usage_pb2.USAGE_ORDER_DEAREST_FIRST,
    )


def measure(request: pb.GetDistributionRequest) -> UsageMeasure:
    """Check and answer what is measured."""
    return UsageMeasure(fields.choice(request, "measure", request.measure, _MEASURES))


def bounds(request: pb.GetDistributionRequest) -> Sequence[int]:
    """Check and answer where bins end; the usual ones where none are given."""
    given = list(request.bounds)
    if len(given) > BOUNDS_MAX:
        raise fields.bad(request, "bounds", f"must be at most {BOUNDS_MAX}, got {len(given)}")
    for place, value in enumerate(given):
        fields.amount(request, f"bounds[{place}]", value)
    for place, (before, value) in enumerate(pairwise(given), start=1):
        if value <= before:
            problem = f"must be above the bound before it, {before}, got {value}"
            raise fields.bad(request, f"bounds[{place}]", problem)
    return given or _USUAL_BOUNDS[measure(request)]


def _groupings(request: pb.QueryUsageRequest) -> Sequence[Grouping]:
    found: list[Grouping] = []
    for place, number in enumerate(request.by):
        field = f"by[{place}]"
        grouping = Grouping(fields.choice(request, field, number, _GROUPINGS))
        if grouping in found:
            raise fields.bad(request, field, f"must not be there twice, got {grouping.name}")
        if grouping >= Grouping.AGENT and any(each >= Grouping.AGENT for each in found):
            raise fields.bad(request, field, f"{_ONE_NAME}, got {grouping.name}, too")
        found.append(grouping)
    return found


def _naming(
    request: pb.QueryUsageRequest, by: Sequence[Grouping], given: Sequence[str]
) -> Naming | None:
    """Check that one attribute or label is named at most, and answer it."""
    named = [each for each in by if each >= Grouping.AGENT]
    for name in given:
        grouping = _NAMING_FIELDS[name]
        if named and grouping not in named:
            problem = f"{_ONE_NAME}, got {name} beside {named[0].name.lower()}"
            raise fields.bad(request, f"filter.{name}", problem)
        named = [grouping]
    of_label = named == [Grouping.LABEL]
    key = request.label_key
    if of_label and not _is_label_key(key):
        rule = f"must have 1 to {LABEL_KEY_MAX} characters of A-Z a-z 0-9 . _ : @ / -"
        raise fields.bad(request, "label_key", rule)
    if key and not of_label:
        raise fields.bad(request, "label_key", "must come with a group or filter by label")
    return Naming(named[0], key) if named else None
