"""Calls in messages: the terms of plans, the leg of a hold, and quotas."""

from __future__ import annotations

from google.protobuf.duration_pb2 import Duration

from creditgate._messages.convert import duration, instant, number, word
from creditgate._types.call import (
    CallLeg,
    CallTerms,
    FailureHandling,
    FinalAction,
    FinalReason,
    FinalUnit,
    Quota,
)
from creditgate.v1 import account_pb2, hold_pb2
from creditgate.v1 import authorization_service_pb2 as messages


def leg_message(call: CallLeg | None) -> hold_pb2.Call | None:
    """Which gateway carries a call; None for other work."""
    if call is None:
        return None
    return hold_pb2.Call(gateway_id=call.gateway_id, gateway_epoch=call.epoch)


def read_leg(hold: hold_pb2.Hold) -> CallLeg | None:
    """Which gateway carries the call of a hold, if it is one."""
    if not hold.HasField("call"):
        return None
    return CallLeg(hold.call.gateway_id, hold.call.gateway_epoch)


def terms_message(terms: CallTerms) -> account_pb2.CallTerms:
    """The terms of calls; all of them are said."""
    return account_pb2.CallTerms(
        max_duration=duration(terms.max_duration_seconds),
        renew_before=duration(terms.renew_before_seconds),
        warn_before=duration(terms.warn_before_seconds),
        final_action=account_pb2.FinalAction.ValueType(
            number(account_pb2.FinalAction, FinalAction(terms.final_action).value)
        ),
        redirect_target=terms.redirect_target,
        on_reserve_failure=_handling_number(terms.on_reserve_failure),
        on_extend_failure=_handling_number(terms.on_extend_failure),
        offline_allowance=duration(terms.offline_allowance_seconds),
    )


def read_terms(terms: account_pb2.CallTerms) -> CallTerms:
    """The terms of calls, as plans show them."""
    return CallTerms(
        max_duration_seconds=terms.max_duration.seconds,
        renew_before_seconds=_seconds(terms.renew_before),
        warn_before_seconds=_seconds(terms.warn_before),
        final_action=FinalAction(word(account_pb2.FinalAction, terms.final_action)),
        redirect_target=terms.redirect_target,
        on_reserve_failure=_handling(terms.on_reserve_failure),
        on_extend_failure=_handling(terms.on_extend_failure),
        offline_allowance_seconds=terms.offline_allowance.seconds,
    )


def read_quota(answer: messages.ReserveResponse | messages.ExtendResponse) -> Quota | None:
    """The quota of an answer, where its hold is an open call's or one was asked for."""
    if not answer.HasField("quota"):
        return None
    quota = answer.quota
    return Quota(
        granted_quantity=quota.granted_quantity,
        funded_until=instant(quota.funded_until),
        renew_before_seconds=_seconds(quota.renew_before),
        warn_before_seconds=_seconds(quota.warn_before),
        final=_final(quota.final) if quota.HasField("final") else None,
        on_reserve_failure=_handling(quota.on_reserve_failure),
        on_extend_failure=_handling(quota.on_extend_failure),
        offline_allowance_seconds=_seconds(quota.offline_allowance),
    )


def _final(final: messages.FinalUnit) -> FinalUnit:
    return FinalUnit(
        action=FinalAction(word(account_pb2.FinalAction, final.action)),
        redirect_target=final.redirect_target,
        reason=FinalReason(word(messages.FinalReason, final.reason)),
    )


def _handling(which: int) -> FailureHandling:
    return FailureHandling(word(account_pb2.FailureHandling, which))


def _handling_number(handling: FailureHandling) -> account_pb2.FailureHandling.ValueType:
    chosen = number(account_pb2.FailureHandling, FailureHandling(handling).value)
    return account_pb2.FailureHandling.ValueType(chosen)


def _seconds(length: Duration) -> float:
    return length.ToTimedelta().total_seconds()
