"""When an account of the fake asks for more credits, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from creditgate.testing._calendar import local_instant
from creditgate.testing._wallet import RefusalError, stamp
from creditgate.v1 import account_pb2, event_pb2

HOUR = 3_600_000_000
REQUESTED = account_pb2.TOPUP_STATE_REQUESTED
COMPLETED = account_pb2.TOPUP_STATE_COMPLETED
REFUSED = account_pb2.TOPUP_STATE_REFUSED


class Topups:
    """The requests of one account, by their names, and what the next one waits for."""

    def __init__(self, message: account_pb2.Account) -> None:
        self._message = message
        self.asked: dict[str, account_pb2.Topup] = {}
        self.armed = False
        self._until: int | None = None
        self._failures = 0

    def change(self, wish: account_pb2.AutoTopup | None) -> None:
        """Want something else, or look again at whether the account may ask."""
        it = self._message
        changed = wish is not None and (not it.HasField("auto_topup") or wish != it.auto_topup)
        if wish is not None:
            it.auto_topup.CopyFrom(wish)
        if not it.topup_request_id and (changed or self.armed):
            self._arm()

    def news(self, settled: int, now: int, number: int) -> Iterator[event_pb2.Event]:
        """What is to be told now, as the event of a number."""
        it, waited = self._message, self._until is not None and self._until <= now
        wish = it.auto_topup
        if not waited and not (self.armed and settled <= wish.below_micros):
            return
        if it.topup_request_id:
            yield self.refuse(it.topup_request_id, "unanswered", now)
            return
        self._arm()
        if not self.armed or settled > wish.below_micros:
            return
        self.armed = False
        begin, end = _month(now, it.time_zone)
        asked = sum(
            each.amount_micros
            for each in self.asked.values()
            if each.state != REFUSED and each.created_at.ToMicroseconds() >= begin
        )
        if 0 < wish.month_max_micros < asked + wish.amount_micros:
            self._until = end
            return
        name = it.topup_request_id = f"topup/{number}"
        self._until = now + 24 * HOUR
        request = account_pb2.Topup(
            request_id=name, state=REQUESTED, amount_micros=wish.amount_micros
        )
        stamp(request.created_at, now)
        self.asked[name] = request
        yield event_pb2.Event(
            kind=event_pb2.EVENT_KIND_TOPUP_REQUESTED,
            topup_requested=event_pb2.TopupRequested(
                request_id=name, amount_micros=wish.amount_micros
            ),
        )

    def find(self, request_id: str) -> account_pb2.Topup:
        """A request. Raises RefusalError."""
        if request_id not in self.asked:
            raise RefusalError("TOPUP_NOT_FOUND")
        return self.asked[request_id]

    def refuse(self, request_id: str, reason: str, now: int) -> event_pb2.Event:
        """Give a request up, and wait: an hour, two, four ... a day."""
        self._end(request_id, REFUSED, now)
        self.asked[request_id].reason = reason
        self._failures += 1
        self._until = now + min(2 ** (self._failures - 1), 24) * HOUR
        self._message.topup_request_id = ""
        refused = event_pb2.TopupRefused(request_id=request_id, reason=reason)
        stamp(refused.retry_at, self._until)
        kind = event_pb2.EVENT_KIND_TOPUP_REFUSED
        return event_pb2.Event(kind=kind, topup_refused=refused)

    def complete(self, grant: account_pb2.Grant, now: int) -> event_pb2.Event | None:
        """A grant has come: what is to be told if it is of a request's name."""
        name = grant.grant_id
        if name not in self.asked or self.asked[name].state == COMPLETED:
            return None
        self._end(name, COMPLETED, now)
        if self._message.topup_request_id in {"", name}:
            self._message.topup_request_id, self._failures = "", 0
            self._arm()
        return event_pb2.Event(
            kind=event_pb2.EVENT_KIND_TOPUP_COMPLETED,
            topup_completed=event_pb2.TopupCompleted(
                request_id=name, amount_micros=grant.amount_micros
            ),
        )

    def _arm(self) -> None:
        closed = self._message.status == account_pb2.ACCOUNT_STATUS_CLOSED
        self._until, self.armed = None, self._message.auto_topup.enabled and not closed

    def _end(self, name: str, state: account_pb2.TopupState.ValueType, now: int) -> None:
        self.asked[name].state = state
        stamp(self.asked[name].ended_at, now)


def _month(now: int, zone: str) -> tuple[int, int]:
    """The calendar month of a time zone that an instant lies in."""
    place = ZoneInfo(zone)
    local = (datetime.fromtimestamp(0, UTC) + timedelta(microseconds=now)).astimezone(place)
    begin = local.replace(day=1, hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    following = (begin + timedelta(days=32)).replace(day=1)
    return local_instant(begin, place), local_instant(following, place)
