"""From the ledger's entries to messages of activity."""

from __future__ import annotations

from creditgate.v1 import account_service_pb2 as accounts_pb
from creditgate.v1 import usage_service_pb2 as pb
from creditgate_server.domain.activity import Activity

from .encode import details, moment

_KINDS: dict[int, str] = {
    number: name.removeprefix("ENTRY_KIND_").lower()
    for name, number in accounts_pb.EntryKind.items()
}
# Words for the first parts of meters that people call otherwise.
_TYPES = {"voice": "call"}


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
    to.meter = of.meter or ""
    to.quantity = (of.used_quantity or 0) if of.meter else 0
    if of.lines:
        to.meter = of.lines[0].rate.meter
        to.quantity = of.lines[0].used_quantity
        for line in of.lines:
            to.usages.add(meter=line.rate.meter, model=line.model, quantity=line.used_quantity)
    to.type = _type(to.meter, of)
    if of.details is not None:
        details(to, of.details)


def _type(meter: str, of: Activity) -> str:
    if of.of_gateway:
        return "call"
    if not meter:
        return _KINDS.get(of.kind, "")
    first = meter.partition(".")[0]
    return _TYPES.get(first, first)
