"""Calls in the requests of the fake: what is refused of them, and what is usual."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from creditgate.testing._rate_checks import IDS, NUMBER_MAX
from creditgate.v1 import account_pb2
from creditgate.v1 import authorization_service_pb2 as messages

MARGIN_MIN, MARGIN_MAX = timedelta(seconds=1), timedelta(hours=1)
SECONDS_MAX = 86_400
TARGET_MAX = 256
RENEW_BEFORE, WARN_BEFORE = timedelta(seconds=10), timedelta(seconds=30)


def check_call(request: Any) -> Iterator[tuple[str, bool]]:
    """Each field of a Reserve's call, and whether it is right."""
    if not isinstance(request, messages.ReserveRequest) or not request.HasField("call"):
        return
    yield "usage", request.WhichOneof("price") == "usage"
    yield "call.gateway_id", IDS.fullmatch(request.call.gateway_id) is not None
    yield "call.gateway_epoch", 1 <= request.call.gateway_epoch <= NUMBER_MAX


def check_call_terms(request: Any) -> Iterator[tuple[str, bool]]:
    """Each of a plan's call terms, and whether it is right."""
    at, terms = "plan.call_terms", request.plan.call_terms
    for name in ("max_duration", "offline_allowance"):
        span = getattr(terms, name)
        yield f"{at}.{name}", 0 <= span.seconds <= SECONDS_MAX and not span.nanos
    renew, warn = terms.renew_before.ToTimedelta(), terms.warn_before.ToTimedelta()
    unset = not terms.HasField("renew_before")
    yield f"{at}.renew_before", unset or MARGIN_MIN <= renew <= MARGIN_MAX
    yield f"{at}.warn_before", timedelta() <= warn <= MARGIN_MAX
    yield f"{at}.final_action", terms.final_action in account_pb2.FinalAction.values()
    for name in ("on_reserve_failure", "on_extend_failure"):
        yield f"{at}.{name}", getattr(terms, name) in account_pb2.FailureHandling.values()
    redirects = terms.final_action == account_pb2.FINAL_ACTION_REDIRECT
    length = len(terms.redirect_target)
    yield f"{at}.redirect_target", 1 <= length <= TARGET_MAX if redirects else not length


def fill_call_terms(terms: account_pb2.CallTerms) -> account_pb2.CallTerms:
    """The terms with what is usual where they say nothing."""
    whole = account_pb2.CallTerms()
    whole.CopyFrom(terms)
    for name, usual in (("renew_before", RENEW_BEFORE), ("warn_before", WARN_BEFORE)):
        span = getattr(whole, name)
        given = getattr(terms, name).ToTimedelta() if terms.HasField(name) else usual  # type: ignore[arg-type]  # one of two names
        span.FromMilliseconds(given // timedelta(milliseconds=1))
    whole.max_duration.SetInParent()
    whole.offline_allowance.SetInParent()
    within = account_pb2.FAILURE_HANDLING_CONTINUE_WITHIN_ALLOWANCE
    whole.final_action = terms.final_action or account_pb2.FINAL_ACTION_TERMINATE
    whole.on_reserve_failure = terms.on_reserve_failure or account_pb2.FAILURE_HANDLING_TERMINATE
    whole.on_extend_failure = terms.on_extend_failure or within
    return whole
