"""From the ledger's entries to messages of activity."""

from __future__ import annotations

from creditgate.v1 import usage_service_pb2 as pb
from creditgate_server.domain.activity import Activity

from .encode import details, moment


def activity(to: pb.Activity, of: Activity) -> None:
    """Write an entry."""
    to.version = of.version
    to.line = of.line
    moment(to.created_at, of.created_at)
    to.kind = of.kind  # type: ignore[assignment]  # the numbers are those of the API
    to.amount_micros = of.amount_micros
    to.settled_micros = of.settled_micros
    to.hold_id = of.hold_id or ""
    to.name = of.name or ""
    to.model = of.model or ""
    to.meter, to.quantity, to.type = of.first_meter, of.quantity, of.type
    for line in of.lines or ():
        to.usages.add(meter=line.rate.meter, model=line.model, quantity=line.used_quantity)
    if of.details is not None:
        to.trace_id = details(to, of.details).get("trace_id", "")
