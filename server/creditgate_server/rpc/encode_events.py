"""From events of the store to messages."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from creditgate.v1 import event_pb2 as pb
from creditgate_server.domain.events import Event, EventKind

from .encode import balance, moment

Body = Mapping[str, Any]


def event(to: pb.Event, of: Event, account_id: str) -> None:
    """Write an event of an account."""
    to.event_id = f"{account_id}/{of.number}"
    to.account_id = account_id
    to.number = of.number
    to.kind = of.kind  # type: ignore[assignment]  # the numbers are those of the API
    balance(to.balance, of.balance)
    moment(to.created_at, of.created_at)
    if of.kind in _DETAILS:
        _DETAILS[of.kind](to, json.loads(of.body))


def _balance_low(to: pb.Event, body: Body) -> None:
    to.balance_low.threshold_micros = body["threshold_micros"]
    to.balance_low.percent = body["percent"]


def _cycle_reset(to: pb.Event, body: Body) -> None:
    cycle = to.cycle_reset.cycle
    cycle.number = body["number"]
    moment(cycle.starts_at, datetime.fromisoformat(body["starts_at"]))
    moment(cycle.ends_at, datetime.fromisoformat(body["ends_at"]))


def _grant_expiring(to: pb.Event, body: Body) -> None:
    to.grant_expiring.grant_id = body["grant_id"]
    to.grant_expiring.remaining_micros = body["remaining_micros"]
    moment(to.grant_expiring.expires_at, datetime.fromisoformat(body["expires_at"]))


def _hold_late(to: pb.Event, body: Body) -> None:
    to.hold_late.hold_id = body["hold_id"]
    to.hold_late.charged_micros = body["charged_micros"]
    to.hold_late.uncollected_micros = body["uncollected_micros"]


def _topup_requested(to: pb.Event, body: Body) -> None:
    to.topup_requested.request_id = body["request_id"]
    to.topup_requested.amount_micros = body["amount_micros"]


def _topup_refused(to: pb.Event, body: Body) -> None:
    to.topup_refused.request_id = body["request_id"]
    to.topup_refused.reason = body["reason"]
    moment(to.topup_refused.retry_at, datetime.fromisoformat(body["retry_at"]))


def _topup_completed(to: pb.Event, body: Body) -> None:
    to.topup_completed.request_id = body["request_id"]
    to.topup_completed.amount_micros = body["amount_micros"]


_DETAILS: dict[int, Callable[[pb.Event, Body], None]] = {
    EventKind.BALANCE_LOW: _balance_low,
    EventKind.CYCLE_RESET: _cycle_reset,
    EventKind.GRANT_EXPIRING: _grant_expiring,
    EventKind.HOLD_LATE: _hold_late,
    EventKind.TOPUP_REQUESTED: _topup_requested,
    EventKind.TOPUP_REFUSED: _topup_refused,
    EventKind.TOPUP_COMPLETED: _topup_completed,
}
