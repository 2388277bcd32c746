"""Events, thresholds and purchases of the domain in the oracle's form."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from creditgate_server.domain.accounts import Standing
from creditgate_server.domain.events import Event, EventKind
from creditgate_server.domain.grants import Grant
from creditgate_server.domain.plans import Addon
from creditgate_server.domain.topups import TopupResult
from tests.oracle.answers import (
    AddonView,
    Answer,
    AutoTopup,
    CycleView,
    EventView,
    StandingView,
    Threshold,
    TopupView,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_DETAILS = {
    EventKind.BALANCE_LOW: ("threshold_micros", "percent"),
    EventKind.CYCLE_RESET: ("number", "starts_at", "ends_at"),
    EventKind.GRANT_EXPIRING: ("grant_id", "remaining_micros", "expires_at"),
    EventKind.HOLD_LATE: ("hold_id", "charged_micros", "uncollected_micros"),
    EventKind.TOPUP_REQUESTED: ("request_id", "amount_micros"),
    EventKind.TOPUP_REFUSED: ("request_id", "reason", "retry_at"),
    EventKind.TOPUP_COMPLETED: ("request_id", "amount_micros"),
}


def event_view(event: Event) -> EventView:
    body, kind = json.loads(event.body), EventKind(event.kind)
    names = _DETAILS.get(kind, ())
    assert set(body) == set(names)
    return EventView(
        number=event.number,
        kind=kind.name,
        version=event.balance.version,
        settled=event.balance.settled_micros,
        held=event.balance.held_micros,
        overdraft=event.balance.overdraft_limit_micros,
        created_at=_micros(event.created_at),
        details=tuple(_plain(name, body[name]) for name in names),
    )


def _plain(name: str, value: Any) -> Any:
    return _micros(datetime.fromisoformat(value)) if name.endswith("_at") else value


def _micros(at: datetime) -> int:
    return (at - EPOCH) // timedelta(microseconds=1)


def threshold_views(thresholds: Iterable[int]) -> tuple[Threshold, ...]:
    return tuple(("amount", each) if each >= 0 else ("percent", -each) for each in thresholds)


def threshold_numbers(thresholds: Iterable[Threshold]) -> tuple[int, ...]:
    return tuple(value if unit == "amount" else -value for unit, value in thresholds)


def bought(grant: Grant) -> tuple[str, int, int] | None:
    if grant.package_id is None:
        return None
    return grant.package_id, grant.package_version or 0, grant.quantity or 0


def standing_view(standing: Standing) -> StandingView:
    cycle = None
    if standing.cycle_starts_at is not None and standing.cycle_ends_at is not None:
        starts_at, ends_at = _micros(standing.cycle_starts_at), _micros(standing.cycle_ends_at)
        cycle = CycleView(standing.cycle_no, starts_at, ends_at)
    return StandingView(
        _plan_name(standing.plan_id, standing.plan_version),
        _plan_name(standing.next_plan_id, standing.next_plan_version),
        standing.time_zone,
        _micros_or_none(standing.anchor_at),
        cycle,
    )


def _plan_name(plan_id: str | None, version: int | None) -> tuple[str, int] | None:
    return None if plan_id is None or version is None else (plan_id, version)


def _micros_or_none(at: datetime | None) -> int | None:
    return None if at is None else _micros(at)


def auto_topup_text(wish: AutoTopup | None) -> str | None:
    if wish is None:
        return None
    read = {"enabled": wish.enabled, "below_micros": wish.below, "amount_micros": wish.amount}
    return json.dumps({**read, "month_max_micros": wish.month_max})


def auto_topup_of(text: str | None) -> AutoTopup | None:
    if text is None:
        return None
    it = json.loads(text)
    numbers = (it["below_micros"], it["amount_micros"], it["month_max_micros"])
    return AutoTopup(*numbers, enabled=it["enabled"])


def topup_answer(result: TopupResult) -> Answer:
    topup = result.topup
    if topup is None:
        return Answer(result.outcome.name)
    view = TopupView(
        topup.request_id,
        {1: "REQUESTED", 2: "COMPLETED", 3: "REFUSED"}[topup.state],
        topup.amount_micros,
        topup.reason,
        _micros(topup.created_at),
        _micros_or_none(topup.ended_at),
    )
    return Answer("ACCEPTED", topup=view, replayed=result.replayed)


def addon_view(addon: Addon) -> AddonView:
    assert addon.created_at is not None
    return AddonView(
        addon.addon_id,
        addon.amount_micros,
        addon.lasts,
        addon.priority,
        _micros(addon.created_at),
        _micros_or_none(addon.cancelled_at),
    )
