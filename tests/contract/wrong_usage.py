"""Questions about usage with one field wrong, and the name of that field."""

from __future__ import annotations

from typing import Any

from creditgate.v1 import usage_pb2
from creditgate.v1 import usage_service_pb2 as usage
from tests.support.bad_activity import bad_ranges, good_range
from tests.support.bad_queries import (
    bad_distributions,
    bad_queries,
    good_distribution,
    good_query,
)

QUERY: dict[str, Any] = {"account_id": "acme", "range": good_range(), **good_query()}
SPREAD: dict[str, Any] = {"account_id": "acme", "range": good_range(), **good_distribution()}
# What is no time at all is seen as messages are read.
RANGES = [(field, bad) for field, bad in bad_ranges(()) if bad.last.nanos != 10**9]
PLAIN: list[dict[str, Any]] = [
    {"filter": usage_pb2.UsageFilter(agent="a", user="b")},
    {"by": [usage_pb2.USAGE_GROUPING_USER], "filter": usage_pb2.UsageFilter(topic="t")},
    {"label_key": "team", "filter": usage_pb2.UsageFilter(agent="a")},
]
WRONG: list[tuple[Any, str]] = [
    (usage.QueryUsageRequest(), "account_id"),
    (usage.GetDistributionRequest(account_id="a b"), "account_id"),
    *[(usage.QueryUsageRequest(**QUERY | {"range": bad}), field) for field, bad in RANGES],
    *[(usage.GetDistributionRequest(**SPREAD | {"range": bad}), field) for field, bad in RANGES],
    *[
        (usage.QueryUsageRequest(**QUERY | {name: bad}), field)
        for name, field, bad in bad_queries(("a" * 129,))
    ],
    *[
        (usage.GetDistributionRequest(**SPREAD | {name: bad}), field)
        for name, field, bad in bad_distributions()
    ],
    *[
        (usage.QueryUsageRequest(account_id="acme", **asked), field)
        for asked, field in zip(PLAIN, ("filter.user", "filter.topic", "label_key"), strict=True)
    ],
    *[(usage.QueryUsageRequest(account_id="acme", order=bad), "order") for bad in (3, -1)],  # type: ignore[arg-type]
    (usage.QueryUsageRequest(account_id="acme", page_size=-1), "page_size"),
    (usage.QueryUsageRequest(account_id="acme", page_token="forged"), "page_token"),
]
