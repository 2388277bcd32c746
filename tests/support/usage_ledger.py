"""A ledger made up by chance: entries and holds as the server would write them, and their usage.

What the entries were for is added up here one by one, from what was made up and not from rows.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import uuid4
from zoneinfo import ZoneInfo

from creditgate_server.domain.account_keys import AccountKey, account_key
from tests.oracle.answers import RateView
from tests.oracle.prices import price
from tests.support.database import Connection

MICROSECOND = timedelta(microseconds=1)
QUARTER = timedelta(minutes=15)
_ZERO = datetime(2000, 1, 1, tzinfo=UTC)
_GRANT, _CHARGE, _REFUND = 1, 2, 3
_ATTRIBUTES = {4: "agent", 5: "user", 6: "topic", 7: "conversation_id"}

_ACCOUNT = """
INSERT INTO creditgate.accounts (
    bucket, account_key, tenant_id, account_id, status, overage_policy, overdraft_limit_micros,
    created_at, time_zone)
VALUES ($1, $2, $3, 'acme', 1, 2, 0, $4, $5)
"""
_HOLD = """
INSERT INTO creditgate.holds (
    bucket, account_key, hold_id, state, decision, asked_micros, reserved_micros, granted_micros,
    held_micros, used_micros, charged_micros, refunded_micros, uncollected_micros, closed,
    fingerprint, created_at, expires_at, settled_at, details, rate, used_quantity, lines,
    gateway_id)
VALUES ($1, $2, $3, 2, 1, 0, 0, 0, 0, $4, $4, $5, 0, true, '\\x00', $6, $6, $6, $7::jsonb,
        $8::creditgate.rate, $9, $10::creditgate.line[], $11)
ON CONFLICT (bucket, account_key, hold_id) DO UPDATE
   SET used_micros = excluded.used_micros, charged_micros = excluded.charged_micros,
       refunded_micros = excluded.refunded_micros
"""
_ENTRY = """
INSERT INTO creditgate.entries
VALUES ($1, $2, $3, 1, $4, $5, $6, $7, NULL, '{1}', ARRAY[0::bigint], $8, $9, $10)
"""
_MOVE = """
UPDATE creditgate.accounts
   SET version = $3, settled_micros = $4, debt_micros = greatest(-$4::bigint, 0)
 WHERE bucket = $1 AND account_key = $2
"""


class Part(NamedTuple):
    """What one meter of an entry was for."""

    at: datetime
    kind: int
    hold: Hold | None
    meter: str
    amount: int
    quantity: int
    first: int


@dataclass
class Hold:
    """Work: its meters by the prices of one unit, and what it was charged for each."""

    hold_id: str
    attributes: dict[str, str]
    labels: dict[str, str]
    meters: list[RateView]
    several: bool
    gateway: str | None
    used: list[int] = field(default_factory=list)
    shares: list[int] = field(default_factory=list)
    charged: int = 0
    refunded: int = 0

    def words(self) -> tuple[str, str]:
        """The type and the model that the work is reported under."""
        if not self.meters:
            return "", self.attributes.get("model", "")
        first = self.meters[0].meter.split(".")[0]
        kind = "call" if self.gateway or first == "voice" else first
        return kind, self.attributes.get("model", self.meters[0].model)

    def value(self, grouping: int, key: str) -> str:
        """What the work names under a grouping."""
        if grouping == 8:
            return self.labels.get(key, "")
        return self.attributes.get(_ATTRIBUTES[grouping], "")


class UsageLedger:
    """One account's made-up ledger, written to the database as it grows."""

    def __init__(
        self, connection: Connection, *, chance: random.Random, zone: str, at: datetime
    ) -> None:
        self.zone, self.at, self.parts = zone, at, list[Part]()
        self.account: AccountKey = account_key(uuid4(), "acme")
        self.version = self.settled = 0
        self._connection, self._chance = connection, chance
        self._holds: list[Hold] = []
        self._changed: dict[str, Hold] = {}
        self._entries: list[tuple[Any, ...]] = []

    async def open(self) -> None:
        """Write the account."""
        await self._connection.execute(_ACCOUNT, *self.account, uuid4(), self.at, self.zone)

    async def grow(self, entries: int) -> None:
        """Let so many things happen, one after the other."""
        for _ in range(entries):
            self.at = self._later()
            # Not every change has an entry.
            self.version += self._chance.choice((1, 1, 1, 2, 3))
            self._happen()
        changed = [self._row(hold) for hold in self._changed.values()]
        await self._connection.executemany(_HOLD, changed)
        await self._connection.executemany(_ENTRY, self._entries)
        self._changed, self._entries = {}, []
        await self._connection.execute(_MOVE, *self.account, self.version, self.settled)

    def instants(self) -> list[datetime | None]:
        """Bounds of ranges that are worth asking for."""
        times = [part.at for part in self.parts]
        near = [
            at + off * MICROSECOND for at in self._chance.choices(times, k=2) for off in (-1, 0, 1)
        ]
        quarters = [at - (at - _ZERO) % QUARTER for at in near]
        days = [self._midnight(at, days) for at in near for days in (0, 1)]
        return [None, *near, *quarters, *days]

    def usage(
        self,
        since: datetime | None,
        until: datetime | None,
        grouping: int | None,
        key: str,
        *,
        days: bool,
    ) -> dict[tuple[Any, ...], tuple[int, int, int]]:
        """Add up what a range was for."""
        sums: defaultdict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0, 0])
        for part in self.parts:
            if (since and part.at < since) or (until and part.at >= until):
                continue
            kind, model = part.hold.words() if part.hold else ("", "")
            value = part.hold.value(grouping, key) if part.hold and grouping else ""
            name = (self.slot(part.at, days=days), part.kind, kind, part.meter, model, value)
            for place, number in enumerate((part.amount, part.quantity, part.first)):
                sums[name][place] += number
        return {name: (a, q, h) for name, (a, q, h) in sums.items() if a or q or h}

    def slot(self, at: datetime, *, days: bool) -> object:
        """The local date, or the quarter of an hour, that an instant lies in."""
        return at.astimezone(ZoneInfo(self.zone)).date() if days else at - (at - _ZERO) % QUARTER

    def _later(self) -> datetime:
        step = self._chance.choice(("same", "moment", "moment", "quarter", "hour", "day", "days"))
        if step == "quarter":
            at = self.at - (self.at - _ZERO) % QUARTER + QUARTER
        elif step == "day":
            at = self._midnight(self.at, 1)
        else:
            seconds = {"same": 0, "moment": 200, "hour": 9_000, "days": 200_000}[step]
            return self.at + timedelta(seconds=self._chance.uniform(0, seconds))
        return max(self.at, at + self._chance.choice((-1, 0, 1)) * MICROSECOND)

    def _midnight(self, at: datetime, days: int) -> datetime:
        zone = ZoneInfo(self.zone)
        day = at.astimezone(zone).replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0)
        fold = self._chance.choice((0, 1))
        return (day + timedelta(days=days)).replace(tzinfo=zone, fold=fold).astimezone(UTC)

    def _happen(self) -> None:
        refundable = [hold for hold in self._holds if hold.charged > hold.refunded]
        step = self._chance.choice(("new", "new", "more", "refund", "grant"))
        if step == "grant" or (step == "refund" and not refundable):
            kind = self._chance.choice((1, 4, 5))
            amount = self._chance.randint(1, 50) * (1 if kind == _GRANT else -1)
            self.parts.append(Part(self.at, kind, None, "", amount, 0, 0))
            self._write(kind, amount, None)
        elif step == "refund":
            self._refund(self._chance.choice(refundable))
        elif step == "more" and self._holds:
            self._charge(self._chance.choice(self._holds[-5:]))
        else:
            self._holds.append(self._hold())
            self._charge(self._holds[-1])

    def _hold(self) -> Hold:
        pick = self._chance.choice
        values = {
            "agent": "ab",
            "user": "uvwxyz",
            "topic": "t",
            "conversation_id": "cdef",
            "model": "m",
        }
        attributes = {name: pick(given) for name, given in values.items() if pick((0, 1))}
        labels = {name: pick(("red", "blue")) for name in ("team", "tier") if pick((0, 1))}
        meters = pick(
            (["plain"], ["chat.message"], ["voice.call"], ["tokens.in", "tokens.out"], [])
        )
        several = len(meters) > 1 or bool(meters and pick((0, 0, 1)))
        rates = [
            RateView(name, pick(("s", "l")), unit_price=pick((0, 1, 7)), increment=pick((1, 60)))
            for name in meters
        ]
        gateway = "gw" if len(meters) == 1 and not several and pick((0, 0, 1)) else None
        hold = Hold(f"h{len(self._holds)}", attributes, labels, rates, several, gateway)
        hold.used, hold.shares = [0] * len(meters), [0] * max(len(meters), 1)
        return hold

    def _charge(self, hold: Hold) -> None:
        used = [was + self._chance.choice((0, 0, 1, 30, 90)) for was in hold.used]
        grown = [
            price(rate, now) - price(rate, then)
            for rate, then, now in zip(hold.meters, hold.used, used, strict=True)
        ]
        amount = max(1, sum(grown) + self._chance.choice((0, 0, 0, -20, 5)))
        shares, left = [], amount
        for each in grown or [amount]:
            shares.append(min(each, left))
            left -= shares[-1]
        shares[0] += left
        for place, share in enumerate(shares):
            meter = hold.meters[place].meter if hold.meters else ""
            quantity = used[place] - hold.used[place] if hold.meters else 0
            first = int(not hold.charged and not place)
            self.parts.append(Part(self.at, _CHARGE, hold, meter, -share, quantity, first))
            hold.shares[place] += share
        hold.used, hold.charged = used, hold.charged + amount
        self._write(_CHARGE, -amount, hold)

    def _refund(self, hold: Hold) -> None:
        amount = left = self._chance.randint(1, hold.charged - hold.refunded)
        for place in range(len(hold.shares) - 1, -1, -1):
            back = min(left, hold.shares[place])
            hold.shares[place] -= back
            left -= back
            meter = hold.meters[place].meter if hold.meters else ""
            self.parts.append(Part(self.at, _REFUND, hold, meter, back, 0, 0))
        hold.refunded += amount
        self._write(_REFUND, amount, hold)

    def _write(self, kind: int, amount: int, hold: Hold | None) -> None:
        self.settled += amount
        one = many = None
        if hold:
            self._changed[hold.hold_id] = hold
            if kind == _CHARGE and hold.meters:
                one, many = (None, hold.used) if hold.several else (hold.used[0], None)
        name = hold.hold_id if hold else None
        numbers = (self.version, kind, amount, self.settled)
        self._entries.append((*self.account, *numbers, name, self.at, one, many))

    def _row(self, hold: Hold) -> tuple[Any, ...]:
        rates = [
            (rate.meter, rate.model, rate.unit_price, 0, 0, 0, 0, rate.increment, None, None)
            for rate in hold.meters
        ]
        lines = [(rate, 0, used, rate[1]) for rate, used in zip(rates, hold.used, strict=True)]
        single = bool(rates) and not hold.several
        details = json.dumps({"attributes": hold.attributes, "labels": hold.labels})
        return (
            *self.account, hold.hold_id, hold.charged, hold.refunded, self.at, details,
            rates[0] if single else None, hold.used[0] if single else None,
            lines if hold.several else None, hold.gateway,
        )  # fmt: skip
