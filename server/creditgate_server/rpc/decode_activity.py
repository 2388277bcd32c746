"""From the requests for activity to what is asked of the ledger."""

from __future__ import annotations

from typing import NamedTuple

from creditgate.v1 import account_service_pb2 as accounts_pb
from creditgate.v1 import usage_service_pb2 as pb
from creditgate_server.domain.activity import Choice, Span

from . import decode, fields
from .decode_span import span

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
    word = fields.text(request, "filter.type", given.type)
    details = _details(request, attributes)
    choice = Choice(kinds or None, meter or None, model, details, word or None)
    wanted = span(request, given, path="filter.")
    return Asked(wanted, choice, " ".join((request.account_id, repr(wanted), repr(choice))))


def newest_first(request: pb.ListActivityRequest) -> bool:
    """Check and answer the order of a list."""
    order = fields.choice(request, "order", request.order, _ORDERS)
    return order != pb.ACTIVITY_ORDER_OLDEST_FIRST


def _details(request: ActivityRequest, attributes: dict[str, str]) -> str | None:
    """Write what the details of a hold have to contain; None when that is nothing."""
    labels = fields.labels(request, request.filter.labels, path="filter.labels")
    wanted = {"attributes": attributes, "labels": labels}
    wanted = {name: pairs for name, pairs in wanted.items() if pairs}
    return fields.canonical_json(wanted) if wanted else None
