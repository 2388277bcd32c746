"""What one who watches an account of the fake is told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from creditgate.testing._subscriber import Subscriber
from creditgate.testing._wallet import OPEN, stamp
from creditgate.v1 import event_service_pb2 as events

WARN_MICROS_DEFAULT = 10_000_000


class Watch:
    """One who watches, and what it knows."""

    def __init__(self, request: events.WatchAccountRequest) -> None:
        self._warn_micros = WARN_MICROS_DEFAULT
        if request.HasField("warn_before"):
            self._warn_micros = request.warn_before.ToMicroseconds()
        self._after_version = request.after_version
        self._event_number: int | None = None
        self._told: tuple[Any, ...] = ()
        self._warned: dict[str, int] = {}

    def news(self, wallet: Subscriber, now: int) -> Iterator[events.WatchAccountResponse]:
        """What is new since the last time."""
        account, number = wallet.stand(now), len(wallet.events)
        for event in wallet.events[self._known_events(wallet) :]:
            yield events.WatchAccountResponse(event=event)
        self._event_number = number
        shown = (account.balance.version, account.open_holds, account.status, number)
        if shown != self._told:
            self._told = shown
            state = events.AccountState(
                balance=account.balance,
                open_holds=account.open_holds,
                status=account.status,
                event_number=number,
            )
            yield events.WatchAccountResponse(state=state)
        yield from self._warnings(wallet, now)

    def _known_events(self, wallet: Subscriber) -> int:
        if self._event_number is not None:
            return self._event_number
        if not self._after_version:
            return len(wallet.events)
        return sum(each.balance.version < self._after_version for each in wallet.events)

    def _warnings(self, wallet: Subscriber, now: int) -> Iterator[events.WatchAccountResponse]:
        ending = {
            name: hold
            for name, hold in wallet.holds.items()
            if hold.message.state == OPEN and hold.expires <= now + self._warn_micros
        }
        for name, hold in ending.items():
            if self._warn_micros and self._warned.get(name) != hold.expires:
                answer = events.WatchAccountResponse()
                answer.hold_must_end.hold_id = name
                answer.hold_must_end.held_micros = hold.stand().held_micros
                stamp(answer.hold_must_end.ends_at, hold.expires)
                yield answer
        self._warned = {name: hold.expires for name, hold in ending.items()}
