"""The fake's calls: what counts as asked for, and how long one may go on."""

from __future__ import annotations

from typing import Any

from creditgate.testing._call_terms import fill_call_terms
from creditgate.testing._prices import price
from creditgate.testing._subscriber import Subscriber
from creditgate.testing._wallet import OPEN, FakeHold, stamp
from creditgate.v1 import account_pb2
from creditgate.v1 import authorization_service_pb2 as messages

MICROS = 1_000_000
# The last second of the year 9998.
LAST = 253_370_764_799 * MICROS

_DENIED = {
    messages.DECISION_DENIED_INSUFFICIENT_CREDITS: messages.FINAL_REASON_CREDITS,
    messages.DECISION_DENIED_CREDITS_HELD: messages.FINAL_REASON_CREDITS,
    messages.DECISION_DENIED_LIMIT: messages.FINAL_REASON_LIMIT,
    messages.DECISION_DENIED_ACCOUNT_INACTIVE: messages.FINAL_REASON_ACCOUNT_INACTIVE,
}


def cap_call(wallet: Subscriber, request: Any, hold: FakeHold | None) -> Any:
    """A request without what its call asks beyond the longest it may be."""
    longest = wallet.plan.call_terms.max_duration.seconds
    opens = isinstance(request, messages.ReserveRequest)
    runs = hold is not None and hold.message.HasField("call")
    if opens:
        runs = request.HasField("call")
    elif not isinstance(request, messages.ExtendRequest):
        return request
    if not (longest and runs):
        return request
    capped = type(request)()
    capped.CopyFrom(request)
    if opens:
        capped.usage.quantity = min(request.usage.quantity, longest)
    elif request.HasField("quantity"):
        capped.quantity = min(request.quantity, longest)
    elif request.HasField("amount_micros") and hold is not None:
        most = price(hold.message.rate, longest)
        capped.amount_micros = min(request.amount_micros, most)
    return capped


def show_quota(answer: Any, request: Any, wallet: Subscriber, now: int) -> None:
    """Write into an answer how its call may go on, where its hold is an open call's."""
    hold = wallet.holds.get(request.hold_id)
    runs = request.HasField("call") if hold is None else hold.message.HasField("call")
    if not runs or (hold is not None and hold.message.state != OPEN):
        return
    terms, quota = fill_call_terms(wallet.plan.call_terms), answer.quota
    longest = terms.max_duration.seconds
    used = 0
    if hold is not None:
        it = hold.stand()
        quota.granted_quantity = min(it.granted_quantity, longest or it.granted_quantity)
        used = it.used_quantity
    left = max(quota.granted_quantity - used, 0)
    stamp(quota.funded_until, min(now + left * MICROS, LAST))
    quota.renew_before.FromMilliseconds(min(terms.renew_before.ToMilliseconds(), left * 500))
    quota.warn_before.CopyFrom(terms.warn_before)
    quota.on_reserve_failure = terms.on_reserve_failure
    quota.on_extend_failure = terms.on_extend_failure
    quota.offline_allowance.SetInParent()
    reason = _final_reason(answer, wallet, hold, longest)
    if reason:
        quota.final.action, quota.final.reason = terms.final_action, reason
        quota.final.redirect_target = terms.redirect_target
        return
    offline = terms.offline_allowance.seconds
    beyond = longest - quota.granted_quantity if longest else offline
    quota.offline_allowance.FromSeconds(min(offline, beyond))


def _final_reason(
    answer: Any, wallet: Subscriber, hold: FakeHold | None, longest: int
) -> messages.FinalReason.ValueType | None:
    """Why no more is granted; None where more would be."""
    replayed = getattr(answer, "replayed", False)
    denied = None if replayed else _DENIED.get(answer.decision)
    if hold is None or denied == messages.FINAL_REASON_LIMIT:
        return denied
    if wallet.message.status != account_pb2.ACCOUNT_STATUS_ACTIVE:
        return messages.FINAL_REASON_ACCOUNT_INACTIVE
    it = hold.stand()
    reached = max(answer.quota.granted_quantity, it.used_quantity)
    if longest and reached >= longest:
        return messages.FINAL_REASON_MAX_DURATION
    following = price(it.rate, reached + 1)
    need = max(following - it.used_micros, 0) - it.held_micros
    left = wallet.left(wallet.stakes_of(hold))
    too_much = 0 < wallet.limits.hold_max_micros < following
    if too_much or (left is not None and left < need and need > 0):
        return messages.FINAL_REASON_LIMIT
    if need > max(wallet.available, 0):
        return messages.FINAL_REASON_CREDITS
    return denied


def runs_on(hold: Any, request: Any) -> bool:
    """Tell whether an open call is the gateway's that is asked for, and of its epochs."""
    call = hold.call
    epochs = not request.epoch_below or call.gateway_epoch < request.epoch_below
    return hold.state == OPEN and call.gateway_id == request.gateway_id and epochs
