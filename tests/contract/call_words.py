"""How stories write calls: the terms of plans, gateways and quotas, and these in messages."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from creditgate._convert import number
from creditgate.v1 import account_pb2
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
    for word, _, value in (each.partition("=") for each in text.split(",")):
        term, read = _TERMS[word]
        terms[term] = read(value)
    return CallTerms(**terms)


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
