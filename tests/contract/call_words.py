"""How stories write calls: the terms of plans, gateways and quotas, and these in messages."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from creditgate._messages.convert import number, word
from creditgate.v1 import account_pb2, hold_pb2
from creditgate.v1 import authorization_service_pb2 as messages
from tests.oracle.answers import FinalView, QuotaView
from tests.oracle.calls import CallTerms


def _milliseconds(text: str) -> int:
    return int(Decimal(text) * 1000)


# What the terms of calls are made of.
_TERMS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "max": ("max_seconds", int),
    "renew": ("renew_ms", _milliseconds),
    "warn": ("warn_ms", _milliseconds),
    "action": ("action", str),
    "target": ("target", str),
    "reserve": ("on_reserve", str),
    "extend": ("on_extend", str),
    "offline": ("offline_seconds", int),
}


def call_terms(text: str) -> CallTerms:
    """`max=90,renew=5,action=REDIRECT,target=desk,extend=CONTINUE,offline=30`: terms of calls."""
    terms = {}
    for name, _, value in (each.partition("=") for each in text.split(",")):
        term, read = _TERMS[name]
        terms[term] = read(value)
    return CallTerms(**terms)


def gateway(text: str) -> tuple[str, int] | None:
    """`gw:7`: a gateway and its epoch; `none` is none."""
    name, _, epoch = text.partition(":")
    return None if text == "none" else (name, int(epoch))


def final(text: str) -> str | None:
    """`CREDITS`: why no more is granted; `no` is that more would be."""
    return None if text == "no" else text


# What an operation says of calls, and what is said of their quotas.
CALL_ARGUMENTS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "on": ("call", gateway),
    "gateway": ("gateway_id", str),
    "below": ("epoch_below", int),
}
QUOTA: dict[str, tuple[str, Callable[[str], Any]]] = {
    "seconds": ("granted", int),
    "renew": ("renew_ms", _milliseconds),
    "warn": ("warn_ms", _milliseconds),
    "final": ("final.reason", final),
    "action": ("final.action", str),
    "target": ("final.target", str),
    "reserve": ("on_reserve", str),
    "extend": ("on_extend", str),
    "offline": ("offline_seconds", int),
}


def to_leg(hold: hold_pb2.Hold) -> tuple[str, int] | None:
    if not hold.HasField("call"):
        return None
    return hold.call.gateway_id, hold.call.gateway_epoch


def to_quota(quota: messages.Quota) -> QuotaView:
    it, end = quota, quota.final
    reason = word(messages.FinalReason, end.reason)
    action = word(account_pb2.FinalAction, end.action)
    return QuotaView(
        granted=it.granted_quantity,
        funded_until=it.funded_until.ToMicroseconds(),
        renew_ms=it.renew_before.ToMilliseconds(),
        warn_ms=it.warn_before.ToMilliseconds(),
        final=FinalView(reason, action, end.redirect_target) if it.HasField("final") else None,
        on_reserve=word(account_pb2.FailureHandling, it.on_reserve_failure),
        on_extend=word(account_pb2.FailureHandling, it.on_extend_failure),
        offline_seconds=it.offline_allowance.seconds,
    )


def to_call_terms(terms: CallTerms) -> account_pb2.CallTerms:
    """The terms as a message, without what is usual."""
    message, usual = account_pb2.CallTerms(redirect_target=terms.target), CallTerms()
    message.max_duration.FromSeconds(terms.max_seconds)
    message.offline_allowance.FromSeconds(terms.offline_seconds)
    if terms.renew_ms != usual.renew_ms:
        message.renew_before.FromMilliseconds(terms.renew_ms)
    if terms.warn_ms != usual.warn_ms:
        message.warn_before.FromMilliseconds(terms.warn_ms)
    if terms.action != usual.action:
        action = number(account_pb2.FinalAction, terms.action)
        message.final_action = account_pb2.FinalAction.ValueType(action)
    if terms.on_reserve != usual.on_reserve:
        handling = number(account_pb2.FailureHandling, terms.on_reserve)
        message.on_reserve_failure = account_pb2.FailureHandling.ValueType(handling)
    if terms.on_extend != usual.on_extend:
        handling = number(account_pb2.FailureHandling, terms.on_extend)
        message.on_extend_failure = account_pb2.FailureHandling.ValueType(handling)
    return message
