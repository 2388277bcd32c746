"""The fake's usage: what its ledger charged, summed up by time and by what the work was."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from creditgate.testing._activity import ActivityLog, Place, begin, show
from creditgate.testing._administration import PAGE_DEFAULT, PAGE_MAX
from creditgate.testing._prices import price
from creditgate.testing._subscriber import Subscriber
from creditgate.testing._usage_checks import NAMING, USUAL_BOUNDS
from creditgate.testing._wallet import FakeHold, RefusalError, stamp
from creditgate.v1 import account_service_pb2 as accounts
from creditgate.v1 import usage_pb2
from creditgate.v1 import usage_service_pb2 as messages

CHARGE = accounts.ENTRY_KIND_CHARGE
QUARTER = 15 * 60 * 1_000_000
HOURS_BY_NAME_MAX = 32 * 96 * QUARTER
_EPOCH = datetime.fromtimestamp(0, UTC)
_WORDS = {
    "type": usage_pb2.USAGE_GROUPING_TYPE,
    "meter": usage_pb2.USAGE_GROUPING_METER,
    "model": usage_pb2.USAGE_GROUPING_MODEL,
}


Groups = tuple[str, str, str, str]
"""A type, a meter, a model, and what is named besides; empty where not asked for."""


class Part(NamedTuple):
    """What an entry of the ledger, or one meter of it, was for. Charged is negative if refunded."""

    at: int
    shown: messages.Activity
    meter: str
    charged: int
    quantity: int
    holds: int


class Shares:
    """How the entries of one hold are told apart by what was used of each of its meters."""

    def __init__(self, hold: FakeHold) -> None:
        it = hold.message
        self._rates = [line.rate for line in it.lines]
        self.meters = [rate.meter for rate in self._rates] or [it.rate.meter]
        self._used = (0,) * len(self.meters)
        self._charged = [0] * len(self.meters)
        self.fresh = True

    def charge(self, amount: int, used: tuple[int, ...]) -> tuple[list[int], list[int]]:
        """What of a charge is each meter's, and what was used of it: it grew to `used`."""
        left, parts = amount, []
        for rate, before, now in zip(self._rates, self._used, used, strict=False):
            parts.append(min(left, price(rate, now) - price(rate, before)))
            left -= parts[-1]
        parts = parts or [0]
        parts[0] += left
        grown = [now - before for before, now in zip(self._used, used, strict=True)]
        self._used, self.fresh = used, False
        self._charged = [old + new for old, new in zip(self._charged, parts, strict=True)]
        return parts, grown

    def refund(self, amount: int) -> list[int]:
        """What of a refund is each meter's: the last are refunded first."""
        parts = [0] * len(self.meters)
        for place in reversed(range(len(parts))):
            parts[place] = min(amount, self._charged[place])
            self._charged[place] -= parts[place]
            amount -= parts[place]
        return parts


class UsageReports(ActivityLog):
    """What UsageService answers about usage."""

    def _carry_out(self, request: Any, now: int) -> Any:
        answer = super()._carry_out(request, now)
        wallet = self.wallets.get(getattr(request, "account_id", ""))
        if wallet is not None:
            for entry in wallet.entries[len(wallet.totals) :]:
                hold = wallet.holds.get(entry.hold_id)
                wallet.totals.append(_totals(hold) if hold else ())
        return answer

    def _query_usage(
        self, request: messages.QueryUsageRequest, now: int
    ) -> messages.QueryUsageResponse:
        wallet, token = self._wallet(request), request.page_token
        _check_length(wallet, request, now)
        place = Place.read(token) if token else begin(wallet, request.range, now)
        rows = _rows(wallet, request, place)
        if request.order == usage_pb2.USAGE_ORDER_DEAREST_FIRST:
            rows.sort(key=lambda row: -row.consumed_micros)
        end = place.told + min(request.page_size or PAGE_DEFAULT, PAGE_MAX)
        return messages.QueryUsageResponse(
            rows=rows[place.told : end],
            next_page_token=place._replace(told=end).token if end < len(rows) else "",
        )

    def _get_distribution(
        self, request: messages.GetDistributionRequest, now: int
    ) -> messages.GetDistributionResponse:
        wallet, asked = self._wallet(request), request.range
        since = getattr(asked, "from").ToMicroseconds()
        since = now - asked.last.ToMicroseconds() if asked.HasField("last") else since
        ends = asked.until.ToMicroseconds() if asked.HasField("until") else now + 1
        measured = sorted(
            value for at, value in self._measured(wallet, request, now) if since <= at < ends
        )
        answer = messages.GetDistributionResponse(count=len(measured))
        bounds = (0, *(request.bounds or USUAL_BOUNDS[request.measure]), 0)
        for low, high in pairwise(bounds):
            count = sum(low <= value and (not high or value < high) for value in measured)
            setattr(answer.bins.add(until=high, count=count), "from", low)
        if measured:
            answer.maximum = measured[-1]
            answer.p50 = measured[(len(measured) + 1) // 2 - 1]
            answer.p90 = measured[(9 * len(measured) + 9) // 10 - 1]
        return answer

    def _measured(
        self, wallet: Subscriber, request: messages.GetDistributionRequest, now: int
    ) -> Iterator[tuple[int, int]]:
        """When each session or call began, and what it measures."""
        if request.measure == usage_pb2.USAGE_MEASURE_CALL_SECONDS:
            for hold in wallet.holds.values():
                if hold.message.HasField("call") and hold.message.charged_micros:
                    yield hold.created, hold.message.used_quantity
            return
        talks = (each for name, each in self.talks.items() if name[0] == request.account_id)
        for session in (session for sessions in talks for session in sessions):
            it = session.show(now)
            of_messages = request.measure == usage_pb2.USAGE_MEASURE_SESSION_MESSAGES
            value = it.messages if of_messages else it.duration.ToMicroseconds() // 1_000_000
            yield it.started_at.ToMicroseconds(), value


def _check_length(wallet: Subscriber, request: messages.QueryUsageRequest, now: int) -> None:
    """Refuse hours by name over too many days."""
    asked = request.range
    since = getattr(asked, "from").ToMicroseconds()
    if asked.HasField("last"):
        since = now - asked.last.ToMicroseconds()
    since = max(since, wallet.message.created_at.ToMicroseconds())
    until = min(asked.until.ToMicroseconds() if asked.HasField("until") else now, now)
    filters = {field.name for field, _ in request.filter.ListFields()}
    named = not set(NAMING.values()).isdisjoint(request.by) or not filters.isdisjoint(NAMING)
    hours = request.unit == usage_pb2.USAGE_UNIT_HOUR
    if hours and named and until - since > HOURS_BY_NAME_MAX:
        raise RefusalError("INVALID_FIELD", "range")


def _totals(hold: FakeHold) -> tuple[int, ...]:
    """What a hold has used of each of its meters."""
    it = hold.message
    return tuple(line.used_quantity for line in it.lines) or (it.used_quantity,)


def _parts(wallet: Subscriber) -> Iterator[list[Part]]:
    """What each entry was for; nothing for those that are neither charges nor refunds."""
    shares: dict[str, Shares] = {}
    for entry, totals in zip(wallet.entries, wallet.totals, strict=False):
        if not entry.hold_id:
            yield []
            continue
        hold = wallet.holds[entry.hold_id]
        of_hold = shares.setdefault(entry.hold_id, Shares(hold))
        fresh, grown = of_hold.fresh, [0] * len(of_hold.meters)
        if entry.kind == CHARGE:
            charged, grown = of_hold.charge(-entry.amount_micros, totals)
        else:
            charged = [-part for part in of_hold.refund(entry.amount_micros)]
            fresh = False
        at, shown = entry.created_at.ToMicroseconds(), show(wallet, entry)
        yield [
            Part(at, shown, meter, amount, quantity if meter else 0, int(fresh and place == 0))
            for place, (meter, amount, quantity) in enumerate(
                zip(of_hold.meters, charged, grown, strict=True)
            )
        ]


def _rows(
    wallet: Subscriber, request: messages.QueryUsageRequest, place: Place
) -> list[usage_pb2.UsageRow]:
    """All rows of an answer, the earliest first."""
    clock = Clock(request.unit, wallet.message.time_zone)
    sums: defaultdict[tuple[int, Groups], Counter[str]] = defaultdict(Counter)
    for part in [
        each for found in list(_parts(wallet))[place.after : place.through] for each in found
    ]:
        groups = _groups(part, request)
        if groups is None:
            continue
        found = sums[clock.start(part.at), groups]
        found["consumed_micros"] += part.charged
        found["refunded_micros"] += max(-part.charged, 0)
        found["quantity"] += part.quantity
        found["holds"] += part.holds
    rows = []
    for (at, (type_, meter, model, value)), found in sorted(sums.items()):
        if not any(found.values()):
            continue
        counts: Any = found
        row = usage_pb2.UsageRow(type=type_, meter=meter, model=model, value=value, **counts)
        if request.unit:
            stamp(row.starts_at, at)
        rows.append(row)
    return rows


def _groups(part: Part, request: messages.QueryUsageRequest) -> Groups | None:
    """The groups a part belongs to; None where the filter does not allow it."""
    has = {"type": part.shown.type if part.meter or part.shown.type == "call" else ""}
    has |= {"meter": part.meter, "model": part.shown.model}
    for name, text in request.filter.ListFields():
        if text != (
            has[name.name] if name.name in has else _value(part, NAMING[name.name], request)
        ):
            return None
    named = [number for number in request.by if number not in _WORDS.values()]
    value = _value(part, named[0], request) if named else ""
    type_, meter, model = (has[name] if each in request.by else "" for name, each in _WORDS.items())
    return type_, meter, model, value


def _value(part: Part, grouping: int, request: messages.QueryUsageRequest) -> str:
    """What a part's work names under a grouping."""
    if grouping == usage_pb2.USAGE_GROUPING_LABEL:
        return part.shown.labels.get(request.label_key, "")
    (name,) = (name for name, number in NAMING.items() if number == grouping)
    value: str = getattr(part.shown.attributes, name)
    return value


class Clock:
    """Cuts time into stretches by the clock of a zone, quarter of an hour by quarter."""

    def __init__(self, unit: usage_pb2.UsageUnit.ValueType, zone: str) -> None:
        self._unit, self._zone = unit, ZoneInfo(zone or "UTC")
        self._known: dict[Any, int] = {}

    def start(self, at: int) -> int:
        """Where the stretch begins that an instant lies in; 0 where time is not cut."""
        if not self._unit:
            return 0
        shown = self._shown(at)
        if shown not in self._known:
            first = at - at % QUARTER
            while self._shown(first - QUARTER) == shown:
                first -= QUARTER
            self._known[shown] = first
        return self._known[shown]

    def _shown(self, at: int) -> tuple[Any, ...]:
        """What the clock shows of an instant: no two stretches show the same."""
        local = (_EPOCH + timedelta(microseconds=at)).astimezone(self._zone)
        if self._unit == usage_pb2.USAGE_UNIT_HOUR:
            return local.date(), local.hour, local.utcoffset()
        month = local.year, local.month
        return (*month, local.day) if self._unit == usage_pb2.USAGE_UNIT_DAY else month
