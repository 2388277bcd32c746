"""Requests for activity with one field wrong, and the name of that field."""

from __future__ import annotations

from typing import Any

from creditgate.v1 import usage_service_pb2 as usage
from tests.support.bad_activity import bad_filters

ACME: dict[str, Any] = {"account_id": "acme"}
# What is no time at all is seen as messages are read.
FILTERS = [(field, bad) for field, bad in bad_filters((), ("a" * 129,)) if bad.last.nanos != 10**9]
WRONG: list[tuple[Any, str]] = [
    (usage.ListActivityRequest(), "account_id"),
    (usage.ListActivityRequest(account_id="a b"), "account_id"),
    *[(usage.ListActivityRequest(**ACME, filter=bad), field) for field, bad in FILTERS],
    *[(usage.ListActivityRequest(**ACME, order=bad), "order") for bad in (3, -1)],  # type: ignore[arg-type]
    (usage.ListActivityRequest(**ACME, page_size=-1), "page_size"),
    (usage.ListActivityRequest(**ACME, page_token="forged"), "page_token"),
]
