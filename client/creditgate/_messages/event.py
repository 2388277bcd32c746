"""The requests about events, and thresholds in other requests."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from creditgate._messages.convert import (
    instant,
    word,
)
from creditgate._messages.work import (
    Call,
    read_balance,
)
from creditgate._types.account import Cycle
from creditgate._types.amount import Amount
from creditgate._types.base import Page
from creditgate._types.event import (
    BalanceLow,
    CycleReset,
    Details,
    Event,
    EventKind,
    GrantExpiring,
    HoldLate,
    TopupCompleted,
    TopupRefused,
    TopupRequested,
)
from creditgate._types.threshold import Threshold
from creditgate.v1 import account_pb2, event_pb2
from creditgate.v1 import event_service_pb2 as messages


def list_events(
    account_id: str, *, after: int, page_size: int, page_token: str
) -> Call[Page[Event]]:
    request = messages.ListEventsRequest(
        account_id=account_id, after_number=after, page_size=page_size, page_token=page_token
    )
    return Call("ListEvents", request, read_events, writes=False)


def to_thresholds(given: Iterable[Threshold | Amount]) -> list[account_pb2.Threshold]:
    """Thresholds as messages have them."""
    return [_to_threshold(Threshold.parse(each)) for each in given]


def _to_threshold(threshold: Threshold) -> account_pb2.Threshold:
    if threshold.percent is not None:
        return account_pb2.Threshold(percent=threshold.percent)
    return account_pb2.Threshold(amount_micros=threshold.amount_micros or 0)


def read_threshold(threshold: account_pb2.Threshold) -> Threshold:
    if threshold.WhichOneof("at") == "percent":
        return Threshold(percent=threshold.percent)
    return Threshold(amount_micros=threshold.amount_micros)


def read_events(answer: messages.ListEventsResponse) -> Page[Event]:
    items = tuple(map(read_event, answer.events))
    return Page(items=items, next_page_token=answer.next_page_token)


def read_event(event: event_pb2.Event) -> Event:
    name = event.WhichOneof("details")
    return Event(
        event_id=event.event_id,
        account_id=event.account_id,
        number=event.number,
        kind=EventKind(word(event_pb2.EventKind, event.kind)),
        balance=read_balance(event.balance),
        created_at=instant(event.created_at),
        details=_DETAILS[name](getattr(event, name)) if name else None,
    )


def read_cycle(cycle: account_pb2.Cycle) -> Cycle:
    return Cycle(
        number=cycle.number,
        starts_at=instant(cycle.starts_at),
        ends_at=instant(cycle.ends_at),
    )


def _balance_low(of: event_pb2.BalanceLow) -> BalanceLow:
    return BalanceLow(threshold_micros=of.threshold_micros, percent=of.percent)


def _cycle_reset(of: event_pb2.CycleReset) -> CycleReset:
    return CycleReset(cycle=read_cycle(of.cycle))


def _grant_expiring(of: event_pb2.GrantExpiring) -> GrantExpiring:
    return GrantExpiring(
        grant_id=of.grant_id,
        remaining_micros=of.remaining_micros,
        expires_at=instant(of.expires_at),
    )


def _hold_late(of: event_pb2.HoldLate) -> HoldLate:
    return HoldLate(
        hold_id=of.hold_id,
        charged_micros=of.charged_micros,
        uncollected_micros=of.uncollected_micros,
    )


def _topup_requested(of: event_pb2.TopupRequested) -> TopupRequested:
    return TopupRequested(request_id=of.request_id, amount_micros=of.amount_micros)


def _topup_refused(of: event_pb2.TopupRefused) -> TopupRefused:
    return TopupRefused(request_id=of.request_id, reason=of.reason, retry_at=instant(of.retry_at))


def _topup_completed(of: event_pb2.TopupCompleted) -> TopupCompleted:
    return TopupCompleted(request_id=of.request_id, amount_micros=of.amount_micros)


_DETAILS: dict[str, Callable[[Any], Details]] = {
    "balance_low": _balance_low,
    "cycle_reset": _cycle_reset,
    "grant_expiring": _grant_expiring,
    "hold_late": _hold_late,
    "topup_requested": _topup_requested,
    "topup_refused": _topup_refused,
    "topup_completed": _topup_completed,
}
