"""Requests for summaries with one field wrong, and the name of that field."""

from __future__ import annotations

from typing import Any

from creditgate.v1 import usage_service_pb2 as usage
from tests.support.bad_activity import bad_ranges

ACME: dict[str, Any] = {"account_id": "acme"}
# What is no time at all is seen as messages are read.
RANGES = [(field, bad) for field, bad in bad_ranges(()) if bad.last.nanos != 10**9]
WRONG: list[tuple[Any, str]] = [
    (usage.GetSummaryRequest(), "account_id"),
    (usage.GetSummaryRequest(account_id="a b"), "account_id"),
    *[(usage.GetSummaryRequest(**ACME, range=bad), field) for field, bad in RANGES],
]
