"""What is asked about usage, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf.duration_pb2 import Duration

from creditgate.v1 import usage_pb2
from creditgate.v1 import usage_service_pb2 as pb

_DAY_SECONDS = 86_400
QUARTER = usage_pb2.UsageRange(last=Duration(seconds=90 * _DAY_SECONDS))
_MODEL = usage_pb2.USAGE_GROUPING_MODEL
_AGENT = usage_pb2.USAGE_GROUPING_AGENT
_TOPIC = usage_pb2.USAGE_GROUPING_TOPIC
_DAY = usage_pb2.USAGE_UNIT_DAY
_DEAREST = usage_pb2.USAGE_ORDER_DEAREST_FIRST


def _query(account_id: str, **asked: Any) -> pb.QueryUsageRequest:
    """All that a chart of 90 days shows, or the 50 dearest."""
    size = 50 if "order" in asked else 1_000
    return pb.QueryUsageRequest(account_id=account_id, range=QUARTER, page_size=size, **asked)


def _activity(account_id: str, **chosen: Any) -> pb.ListActivityRequest:
    return pb.ListActivityRequest(account_id=account_id, filter=pb.ActivityFilter(**chosen))


QUESTIONS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "summary": (
        "GetSummary",
        lambda account_id: pb.GetSummaryRequest(account_id=account_id),
    ),
    "page of activity": (
        "ListActivity",
        _activity,
    ),
    "page of activity, 30 days, by model": (
        "ListActivity",
        lambda account_id: _activity(
            account_id, last=Duration(seconds=30 * _DAY_SECONDS), attributes={"model": "large"}
        ),
    ),
    "90 days, by day and model": (
        "QueryUsage",
        lambda account_id: _query(account_id, by=[_MODEL], unit=_DAY),
    ),
    "90 days, by day and agent": (
        "QueryUsage",
        lambda account_id: _query(account_id, by=[_AGENT], unit=_DAY),
    ),
    "90 days, dearest topics": (
        "QueryUsage",
        lambda account_id: _query(account_id, by=[_TOPIC], order=_DEAREST),
    ),
    "90 days, dearest teams by label": (
        "QueryUsage",
        lambda account_id: _query(
            account_id, by=[usage_pb2.USAGE_GROUPING_LABEL], label_key="team", order=_DEAREST
        ),
    ),
    "90 days, dearest users": (
        "QueryUsage",
        lambda account_id: _query(account_id, by=[usage_pb2.USAGE_GROUPING_USER], order=_DEAREST),
    ),
    "90 days, dearest conversations": (
        "QueryUsage",
        lambda account_id: _query(
            account_id, by=[usage_pb2.USAGE_GROUPING_CONVERSATION], order=_DEAREST
        ),
    ),
    "90 days, lengths of calls": (
        "GetDistribution",
        lambda account_id: pb.GetDistributionRequest(
            account_id=account_id, range=QUARTER, measure=usage_pb2.USAGE_MEASURE_CALL_SECONDS
        ),
    ),
}
SUMMARIES = ("summary",)
PAGES = tuple(name for name in QUESTIONS if "page" in name)
QUERIES = tuple(name for name, (method, _) in QUESTIONS.items() if method == "QueryUsage")
