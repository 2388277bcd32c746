"""The fake's activity log: what its ledger wrote, with what the holds say of the work."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from creditgate.testing._administration import PAGE_DEFAULT, PAGE_MAX
from creditgate.testing._links import Linking
from creditgate.testing._subscriber import Subscriber
from creditgate.testing._wallet import FakeHold
from creditgate.v1 import account_service_pb2 as accounts
from creditgate.v1 import hold_pb2, usage_pb2
from creditgate.v1 import usage_service_pb2 as messages

CHUNK_MAX = 100
_PART = 10**12
_KINDS = {
    number: name.removeprefix("ENTRY_KIND_").lower() for name, number in accounts.EntryKind.items()
}


class Place(NamedTuple):
    """Where a list is: the entries it has, by their places in the ledger, and how many it told."""

    after: int
    through: int
    told: int = 0

    @classmethod
    def read(cls, token: str) -> Place:
        """The place a token stands for."""
        number = int(token)
        return cls(number // _PART**2, number // _PART % _PART, number % _PART)

    @property
    def token(self) -> str:
        """The token that stands for it."""
        return str((self.after * _PART + self.through) * _PART + self.told)


class ActivityLog(Linking):
    """What UsageService answers about activity."""

    def _list_activity(
        self, request: messages.ListActivityRequest, now: int
    ) -> messages.ListActivityResponse:
        wallet, token = self._wallet(request), request.page_token
        place = Place.read(token) if token else begin(wallet, request.filter, now)
        chosen = _chosen(wallet, request.filter, place)
        if request.order != messages.ACTIVITY_ORDER_OLDEST_FIRST:
            chosen.reverse()
        size = min(request.page_size or PAGE_DEFAULT, PAGE_MAX)
        end = place.told + size
        return messages.ListActivityResponse(
            activities=chosen[place.told : end],
            next_page_token=place._replace(told=end).token if end < len(chosen) else "",
        )

    def _export_activity(
        self, request: messages.ExportActivityRequest, now: int
    ) -> Iterator[messages.ExportActivityResponse]:
        wallet, cursor = self._wallet(request), request.cursor
        place = Place.read(cursor) if cursor else begin(wallet, request.filter, now)
        chosen = _chosen(wallet, request.filter, place)
        return iter(
            [
                messages.ExportActivityResponse(
                    activities=chosen[begin : begin + CHUNK_MAX],
                    cursor=place._replace(told=min(begin + CHUNK_MAX, len(chosen))).token,
                )
                for begin in range(place.told, len(chosen), CHUNK_MAX)
            ]
        )


def begin(
    wallet: Subscriber, wanted: messages.ActivityFilter | usage_pb2.UsageRange, now: int
) -> Place:
    """The entries of a range that there are now."""
    since = getattr(wanted, "from").ToMicroseconds()
    if wanted.HasField("last"):
        since = now - wanted.last.ToMicroseconds()
    times = [entry.created_at.ToMicroseconds() for entry in wallet.entries]
    after = sum(written < since for written in times)
    ends = wanted.until.ToMicroseconds()
    through = sum(written < ends for written in times) if wanted.HasField("until") else len(times)
    return Place(after, through)


def _chosen(
    wallet: Subscriber, wanted: messages.ActivityFilter, place: Place
) -> list[messages.Activity]:
    """The entries of a list that a filter allows, oldest first."""
    shown = (show(wallet, entry) for entry in wallet.entries[place.after : place.through])
    return [each for each in shown if _allows(wanted, each)]


def show(wallet: Subscriber, entry: accounts.Entry) -> messages.Activity:
    """An entry as the activity log shows it."""
    shown = messages.Activity(
        version=entry.version,
        line=entry.line,
        created_at=entry.created_at,
        kind=entry.kind,
        type=_KINDS[entry.kind],
        amount_micros=entry.amount_micros,
        settled_micros=entry.settled_micros,
        hold_id=entry.hold_id,
        name=entry.name,
    )
    if entry.hold_id:
        _describe(shown, wallet.holds[entry.hold_id])
    return shown


def _describe(shown: messages.Activity, hold: FakeHold) -> None:
    """Say of an entry what its hold says of the work."""
    it = hold.stand()
    shown.attributes.CopyFrom(it.attributes)
    shown.labels.update(it.labels)
    rate, asked = it.rate, ""
    if it.HasField("rate"):
        shown.quantity = it.used_quantity
    elif it.lines:
        rate, asked, shown.quantity = it.lines[0].rate, it.lines[0].model, it.lines[0].used_quantity
        for line in it.lines:
            shown.usages.add(meter=line.rate.meter, model=line.model, quantity=line.used_quantity)
    priced = "" if rate.model == "*" else rate.model
    shown.meter, shown.model = rate.meter, it.attributes.model or asked or priced
    shown.type = type_of(it) or shown.type


def type_of(hold: hold_pb2.Hold) -> str:
    """What a hold is for, in a word; empty for work without a meter."""
    meter = hold.lines[0].rate.meter if hold.lines else hold.rate.meter
    first = meter.partition(".")[0]
    return "call" if hold.HasField("call") or first == "voice" else first


def _allows(wanted: messages.ActivityFilter, shown: messages.Activity) -> bool:
    meters: set[str] = {shown.meter, *(usage.meter for usage in shown.usages)}
    attributes: dict[str, Any] = {
        each.name: text for each, text in wanted.attributes.ListFields() if each.name != "model"
    }
    return (
        (not wanted.kinds or shown.kind in wanted.kinds)
        and (not wanted.type or (shown.meter != "" and wanted.type == shown.type))
        and (not wanted.meter or wanted.meter in meters)
        and wanted.attributes.model in {"", shown.model}
        and all(getattr(shown.attributes, name) == text for name, text in attributes.items())
        and wanted.labels.items() <= shown.labels.items()
    )
