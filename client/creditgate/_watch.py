"""What a watch tells, as frozen values, and how it goes on after an interruption."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import grpc

from creditgate._failures import Failure
from creditgate._messages.convert import (
    duration,
    instant,
    word,
)
from creditgate._messages.event import read_event
from creditgate._messages.work import (
    read_balance,
)
from creditgate._types.account import AccountStatus
from creditgate._types.balance import Balance
from creditgate._types.base import Credits
from creditgate._types.event import Event
from creditgate.v1 import account_pb2
from creditgate.v1 import event_service_pb2 as messages

ENDED = Failure(grpc.StatusCode.UNAVAILABLE, "the watch ended")


@dataclass(frozen=True, kw_only=True)
class AccountState:
    """An account as it stands: its credits, how many holds are open, and what may be done.

    `event_number` is the number of its newest event, 0 before the first.
    """

    balance: Balance
    open_holds: int
    status: AccountStatus
    event_number: int


@dataclass(frozen=True, kw_only=True)
class HoldMustEnd:
    """A hold is about to expire: unless it is extended, its work has to end by `ends_at`."""

    hold_id: str
    ends_at: datetime
    held_micros: int

    held = Credits()


Change = AccountState | HoldMustEnd | Event


class Place:
    """Where a watch is: what it asks for when it begins anew, and what of the answers is new."""

    def __init__(self, account_id: str, *, after_version: int, warn_before_seconds: float) -> None:
        self._account_id, self._version = account_id, after_version
        self._warn_before = duration(warn_before_seconds)
        self._event_number = 0
        self._told: AccountState | None = None

    def request(self) -> messages.WatchAccountRequest:
        """What to ask for now."""
        return messages.WatchAccountRequest(
            account_id=self._account_id,
            after_version=self._version,
            warn_before=self._warn_before,
        )

    def read(self, answer: messages.WatchAccountResponse) -> Change | None:
        """What an answer tells; None when that is known, or of a kind yet to be invented."""
        kind = answer.WhichOneof("change")
        if kind == "hold_must_end":
            return _hold_must_end(answer.hold_must_end)
        if kind == "event":
            return self._event(read_event(answer.event))
        return self._state(answer.state) if kind == "state" else None

    def _event(self, event: Event) -> Event | None:
        if event.number <= self._event_number:
            return None
        self._event_number, self._version = event.number, event.balance.version
        return event

    def _state(self, message: messages.AccountState) -> AccountState | None:
        state = AccountState(
            balance=read_balance(message.balance),
            open_holds=message.open_holds,
            status=AccountStatus(word(account_pb2.AccountStatus, message.status)),
            event_number=message.event_number,
        )
        known, self._told = self._told, state
        self._version, self._event_number = state.balance.version, state.event_number
        return None if known is not None and _shown(known) == _shown(state) else state


def _shown(state: AccountState) -> tuple[Any, ...]:
    return (state.balance.version, state.open_holds, state.status, state.event_number)


def _hold_must_end(message: messages.HoldMustEnd) -> HoldMustEnd:
    return HoldMustEnd(
        hold_id=message.hold_id,
        ends_at=instant(message.ends_at),
        held_micros=message.held_micros,
    )
