"""Quotas: of answers that have none, and of calls that begin while nobody answers."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import replace
from datetime import UTC, datetime

from creditgate._types.call import FailureHandling, FinalAction, FinalReason, FinalUnit, Quota
from creditgate._types.decision import Decision, Extension, Reservation

LATEST = datetime(9998, 12, 31, tzinfo=UTC)
# What servers say of plans without terms of their own.
_RENEW_BEFORE_SECONDS = 10.0
_WARN_BEFORE_SECONDS = 30.0
_ACCOUNTS_MAX = 10_000


def quota_of(answer: Reservation | Extension) -> Quota:
    """The quota of an answer; as usual, where the service gives none."""
    if answer.quota is not None:
        return answer.quota
    granted = used = 0
    if answer.hold is not None:
        granted, used = answer.hold.granted_quantity, answer.hold.used_quantity
    final = FinalUnit(action=FinalAction.TERMINATE, redirect_target="", reason=FinalReason.UNKNOWN)
    return Quota(
        granted_quantity=granted,
        funded_until=LATEST,
        renew_before_seconds=min(_RENEW_BEFORE_SECONDS, max(granted - used, 0) / 2),
        warn_before_seconds=_WARN_BEFORE_SECONDS,
        final=None if answer.decision is Decision.GRANTED else final,
        on_reserve_failure=FailureHandling.TERMINATE,
        on_extend_failure=FailureHandling.CONTINUE_WITHIN_ALLOWANCE,
        offline_allowance_seconds=0.0,
    )


def remember(
    quotas: MutableMapping[str, Quota], account_id: str, answer: Reservation | Extension
) -> None:
    """Keep the newest quota of each of the accounts that were asked about last."""
    if answer.quota is not None:
        quotas.pop(account_id, None)
        quotas[account_id] = answer.quota
        if len(quotas) > _ACCOUNTS_MAX:
            del quotas[next(iter(quotas))]


def lives_seconds(answer: Reservation | Extension) -> float:
    """How long the hold of an answer lives, by the service's clock alone."""
    assert answer.hold is not None
    return max((answer.hold.expires_at - answer.balance.as_of).total_seconds(), 0.0)


def goes_on(quota: Quota) -> bool:
    """Whether calls of its account are connected although nobody answers."""
    within = quota.on_reserve_failure is FailureHandling.CONTINUE_WITHIN_ALLOWANCE
    allowed = within and quota.offline_allowance_seconds > 0
    return allowed or quota.on_reserve_failure is FailureHandling.CONTINUE


def without_grant(quota: Quota) -> Quota:
    """The quota of a call of the same account for which nothing was granted yet."""
    return replace(quota, granted_quantity=0, renew_before_seconds=0.0, final=None)
