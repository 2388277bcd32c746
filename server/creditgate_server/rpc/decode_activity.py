"""From the requests for activity to what is asked of the ledger."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from creditgate.v1 import account_service_pb2 as accounts_pb
from creditgate.v1 import usage_service_pb2 as pb
from creditgate_server.domain.activity import Choice, Span

from . import decode, fields

DAYS_MAX = 36_600
_KINDS = frozenset(accounts_pb.EntryKind.values()) - {0}
_ORDERS = frozenset(pb.ActivityOrder.values())

ActivityRequest = pb.ListActivityRequest | pb.ExportActivityRequest


class Asked(NamedTuple):
    """Which entries a request is about, and a text that only requests for the same share."""

    span: Span
    choice: Choice
    about: str


def asked(request: ActivityRequest) -> Asked:
    """Check and answer what a request's filter allows."""
    given = request.filter
    kinds = [
        fields.choice(request, f"filter.kinds[{place}]", kind, _KINDS)
        for place, kind in enumerate(given.kinds)
    ]
    meter = fields.text(request, "filter.meter", given.meter)
    attributes = decode.attributes(request, given.attributes, path="filter.attributes")
    model = attributes.pop("model", None)
    choice = Choice(kinds or None, meter or None, model, _details(request, attributes))
    span = _span(request)
    return Asked(span, choice, " ".join((request.account_id, repr(span), repr(choice))))


def newest_first(request: pb.ListActivityRequest) -> bool:
    """Check and answer the order of a list."""
    order = fields.choice(request, "order", request.order, _ORDERS)
    return order != pb.ACTIVITY_ORDER_OLDEST_FIRST


def _span(request: ActivityRequest) -> Span:
    given = request.filter
    start, until = fields.bounds(request, given, path="filter.")
    last = None
    if given.HasField("last"):
        if start:
            raise fields.bad(request, "filter.last", "must not come with from")
        high = DAYS_MAX * 86_400_000
        last_ms = fields.duration_ms(request, "filter.last", given.last, low=1, high=high)
        last = timedelta(milliseconds=last_ms)
    return Span(start, until, last)


def _details(request: ActivityRequest, attributes: dict[str, str]) -> str | None:
    """Write what the details of a hold have to contain; None when that is nothing."""
    labels = fields.labels(request, request.filter.labels, path="filter.labels")
    wanted = {"attributes": attributes, "labels": labels}
    wanted = {name: pairs for name, pairs in wanted.items() if pairs}
    return fields.canonical_json(wanted) if wanted else None
