"""Questions about usage with one field wrong, and that field."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from creditgate.v1 import usage_pb2

TYPE, MODEL = usage_pb2.USAGE_GROUPING_TYPE, usage_pb2.USAGE_GROUPING_MODEL
AGENT, LABEL = usage_pb2.USAGE_GROUPING_AGENT, usage_pb2.USAGE_GROUPING_LABEL
BOUND_MAX = 10**18


def good_query() -> dict[str, Any]:
    """Answer fields of a QueryUsage that are right together, every one that goes with others."""
    return {
        "unit": usage_pb2.USAGE_UNIT_DAY,
        "by": [LABEL, TYPE],
        "label_key": "team",
        "filter": good_usage_filter(),
        "order": usage_pb2.USAGE_ORDER_DEAREST_FIRST,
    }


def good_distribution() -> dict[str, Any]:
    """Answer fields of a GetDistribution that are right together."""
    return {"measure": usage_pb2.USAGE_MEASURE_CALL_SECONDS, "bounds": [1, 2, BOUND_MAX]}


def good_question(method: str) -> dict[str, Any]:
    """Answer those of a method; none where it is another."""
    known = {"QueryUsage": good_query, "GetDistribution": good_distribution}
    return known[method]() if method in known else {}


def good_usage_filter(**changes: Any) -> usage_pb2.UsageFilter:
    """Answer a filter that is right beside a group by label."""
    body = {"type": "chat", "meter": "chat.message", "model": "m", "label": "blue"}
    return usage_pb2.UsageFilter(**body | changes)


def bad_queries(texts: Sequence[str]) -> list[tuple[str, str, Any]]:
    """Answer fields of a QueryUsage, the field to be named, and a value that is wrong.

    `texts` are no attributes.
    """
    names = ("agent", "user", "topic", "conversation_id")
    attributes = ("type", "meter", "model", *names)
    return [
        *[("unit", "unit", bad) for bad in (4, -1)],
        *[("by", "by[0]", [bad]) for bad in (0, 9, -1)],
        *[("by", "by[1]", bad) for bad in ([TYPE, TYPE], [LABEL, LABEL], [AGENT, LABEL])],
        ("by", "by[2]", [LABEL, MODEL, AGENT]),
        ("by", "filter.label", [TYPE, AGENT]),
        *[("label_key", "label_key", bad) for bad in ("", "k" * 65, "ü", "a b")],
        *[
            ("filter", f"filter.{name}", good_usage_filter(**{name: bad}))
            for name in attributes
            for bad in texts
        ],
        *[("filter", f"filter.{name}", good_usage_filter(**{name: "a"})) for name in names],
        ("filter", "filter.label", good_usage_filter(label="v" * 257)),
    ]


def bad_distributions() -> list[tuple[str, str, Any]]:
    """Answer the same for a GetDistribution."""
    return [
        *[("measure", "measure", bad) for bad in (0, 4, -1)],
        ("bounds", "bounds", list(range(1, 102))),
        *[("bounds", "bounds[0]", [bad]) for bad in (0, -1, BOUND_MAX + 1)],
        *[("bounds", "bounds[2]", [1, 5, bad]) for bad in (5, 4)],
    ]


def bad_usage_questions(texts: Sequence[str]) -> dict[str, list[tuple[str, Any]]]:
    """Answer both, by method and the field that is changed."""
    fields: defaultdict[str, list[tuple[str, Any]]] = defaultdict(list)
    for method, found in (
        ("QueryUsage", bad_queries(texts)),
        ("GetDistribution", bad_distributions()),
    ):
        for name, named, bad in found:
            fields[f"{method}.{name}"].append((named, bad))
    return fields
