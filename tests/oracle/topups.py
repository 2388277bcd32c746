"""When an account of the oracle asks for more credits, and what becomes of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from tests.oracle.answers import AutoTopup, TopupView
from tests.oracle.calendar import EPOCH, MICROSECOND, instant_of

HOUR = 3_600_000_000


class Asker(Protocol):
    """The account."""

    now: int
    zone: str
    status: str

    @property
    def settled(self) -> int:
        """What settled is."""


class Desk:
    """Asks once at a time, and not more in a month than is allowed; waits when it is refused."""

    def __init__(self, account: Asker) -> None:
        self._account = account
        self.wish: AutoTopup | None = None
        self.asked: list[TopupView] = []
        self.request: str | None = None
        self.failures = 0
        self.until: int | None = None
        self.armed = False

    @property
    def shown(self) -> tuple[Any, ...]:
        """What counts as a change of the account when it is set."""
        return (self.wish, self.armed)

    def set(self, wish: AutoTopup | None) -> None:
        """Want something else, or look again at whether the account may."""
        changed = wish is not None and wish != self.wish
        self.wish = wish or self.wish
        if self.request is None and (changed or self.armed):
            self.arm()

    def arm(self) -> None:
        """Be ready to ask, where that is wanted."""
        self.until = None
        self.armed = bool(self.wish and self.wish.enabled) and self._account.status != "CLOSED"

    def news(self, number: int) -> list[tuple[Any, ...]]:
        """What is to be told now, as the event of a number: a request, or the end of one."""
        now = self._account.now
        waited = self.until is not None and self.until <= now
        if not waited and not (self.armed and self.wish and self._is_low(self.wish)):
            return []
        if self.request is not None:
            return [self.refuse("unanswered")]
        self.arm()
        if not self.armed or not self.wish or not self._is_low(self.wish):
            return []
        self.armed = False
        begin, end = self._month()
        counted = [each for each in self.asked if each.state != "REFUSED"]
        asked = sum(each.amount for each in counted if each.created_at >= begin)
        if 0 < self.wish.month_max < asked + self.wish.amount:
            self.until = end
            return []
        self.request, self.until = f"topup/{number}", now + 24 * HOUR
        self.asked.append(TopupView(self.request, "REQUESTED", self.wish.amount, "", now, None))
        return [("TOPUP_REQUESTED", self.request, self.wish.amount)]

    def refuse(self, reason: str) -> tuple[Any, ...]:
        """Give the request under way up, and wait: an hour, two, four ... a day."""
        name, now = self.request, self._account.now
        self._end(name or "", "REFUSED", reason)
        self.failures += 1
        self.request, self.until = None, now + min(2 ** (self.failures - 1), 24) * HOUR
        return ("TOPUP_REFUSED", name, reason, self.until)

    def find(self, request_id: str) -> TopupView | None:
        return next((each for each in self.asked if each.request_id == request_id), None)

    def complete(self, request_id: str, amount: int, number: int) -> list[tuple[Any, ...]]:
        """A grant of this name has come: what is to be told of it."""
        found = self.find(request_id)
        if found is None or found.state == "COMPLETED":
            return []
        self._end(request_id, "COMPLETED", found.reason)
        told: list[tuple[Any, ...]] = [("TOPUP_COMPLETED", request_id, amount)]
        if self.request in {None, request_id}:
            self.request, self.failures = None, 0
            self.arm()
            told += self.news(number + 1)
        return told

    def _end(self, request_id: str, state: str, reason: str) -> None:
        now = self._account.now
        self.asked = [
            replace(each, state=state, reason=reason, ended_at=now)
            if each.request_id == request_id
            else each
            for each in self.asked
        ]

    def _is_low(self, wish: AutoTopup) -> bool:
        return self._account.settled <= wish.below

    def _month(self) -> tuple[int, int]:
        """The calendar month of the account's time zone."""
        zone = ZoneInfo(self._account.zone)
        local = (EPOCH + self._account.now * MICROSECOND).astimezone(zone)
        begin = datetime(local.year, local.month, 1)  # noqa: DTZ001 - as the wall shows it
        following = (begin + timedelta(days=32)).replace(day=1)
        return instant_of(begin, zone), instant_of(following, zone)
