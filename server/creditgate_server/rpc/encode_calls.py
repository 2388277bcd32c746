"""From what the store answers about calls to messages."""

from __future__ import annotations

from creditgate.v1 import account_pb2
from creditgate.v1 import authorization_service_pb2 as pb
from creditgate_server.domain.calls import CallTerms, Quota


def call_terms(to: account_pb2.CallTerms, of: CallTerms) -> None:
    """Write the terms of a plan's calls."""
    to.max_duration.FromSeconds(of.max_duration_seconds)
    to.renew_before.FromMilliseconds(of.renew_before_ms)
    to.warn_before.FromMilliseconds(of.warn_before_ms)
    to.final_action = of.final_action  # type: ignore[assignment]  # the numbers are those of the API
    to.redirect_target = of.redirect_target
    to.on_reserve_failure = of.on_reserve_failure  # type: ignore[assignment]  # as above
    to.on_extend_failure = of.on_extend_failure  # type: ignore[assignment]  # as above
    to.offline_allowance.FromSeconds(of.offline_allowance_seconds)


def quota(to: pb.Quota, of: Quota) -> None:
    """Write how long a call may go on."""
    terms = of.terms
    to.granted_quantity = of.granted_quantity
    to.funded_until.FromDatetime(of.funded_until)
    to.renew_before.FromMilliseconds(of.renew_before_ms)
    to.warn_before.FromMilliseconds(terms.warn_before_ms)
    to.on_reserve_failure = terms.on_reserve_failure  # type: ignore[assignment]  # as above
    to.on_extend_failure = terms.on_extend_failure  # type: ignore[assignment]  # as above
    to.offline_allowance.FromSeconds(of.offline_allowance_seconds)
    if of.final_reason is not None:
        to.final.reason = of.final_reason  # type: ignore[assignment]  # as above
        to.final.action = terms.final_action  # type: ignore[assignment]  # as above
        to.final.redirect_target = terms.redirect_target
