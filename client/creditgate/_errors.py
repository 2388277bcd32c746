"""What can go wrong, as exceptions.

CreditgateError
├── Denied                   an answer, not a failure: the work may not be done
│   ├── InsufficientCredits  too few credits
│   │   └── CreditsHeld      enough exist, but other holds have them: see retry_after_seconds
│   ├── LimitReached         a limit of the plan, or a budget
│   └── AccountInactive      the account is suspended or closed
├── Refused                  nothing was done, and sending it again would not help
│   ├── InvalidRequest       a field is malformed or out of range: see field
│   │   └── QuoteExpired     the promise of its price has ended
│   ├── Unauthenticated      the API key is missing, unknown, expired or revoked
│   ├── ScopeMissing         the API key lacks a scope
│   ├── NotFound             no such account, hold, grant, plan, add-on, endpoint ...
│   ├── NameReused           the name was used before with another body
│   ├── HoldEnded            the hold has ended otherwise
│   │   ├── HoldCommitted
│   │   ├── HoldReleased
│   │   ├── HoldExpired
│   │   └── HoldArchived     so long ago that only its name is known
│   ├── Unpriced             no rate prices this usage
│   ├── AccountClosed        a closed account takes no grants
│   ├── GrantRevoked         taken back before it was paid for
│   ├── TopupIsCompleted     the credits that were asked for have come
│   ├── RefundExceedsCharge  more than was charged and not yet refunded
│   ├── VersionSkipped       a plan's versions are written one after the other
│   ├── NoCycle              add-ons need a plan with a cycle
│   ├── TooManyBudgets       the account has as many budgets of its own as it may have
│   ├── TooManyEndpoints     as many endpoints as there may be
│   └── RangeArchived        some of what happened then is not kept any more
└── Unavailable              no answer in time; a read raises this itself
    ├── NotExecuted          nothing was done; the same request may be sent again
    │   └── RateLimited      the tenant sends too fast
    └── OutcomeUnknown       it may or may not have been done: send the same request again
"""
# ruff: noqa: N818 - an answer such as "insufficient credits" is no error, and reads better without.

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from creditgate._types.conversation import MessageReservation
    from creditgate._types.decision import Extension, Reservation

NO_METADATA: Mapping[str, str] = MappingProxyType({})


class CreditgateError(Exception):
    """Base of everything this package raises on its own account.

    `reason` is the value of `creditgate.v1.ErrorReason` without prefix, or the name of the gRPC
    status code where the service did not give one.
    """

    def __init__(self, message: str, *, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason


class Denied(CreditgateError):
    """The work may not be done. `answer` is the whole decision."""

    def __init__(
        self, message: str, *, answer: Reservation | Extension | MessageReservation
    ) -> None:
        super().__init__(message, reason=answer.decision.value)
        self.answer = answer


class InsufficientCredits(Denied):
    """Too few credits are available; `answer.shortfall` says how many are missing."""


class CreditsHeld(InsufficientCredits):
    """Enough credits exist, but other holds have them: retry after `retry_after_seconds`."""

    @property
    def retry_after_seconds(self) -> float | None:
        """How long until the first of the other holds has ended, unless it is extended."""
        return self.answer.retry_after_seconds


class LimitReached(Denied):
    """A limit of the plan forbids it; `answer.limit` names it."""


class AccountInactive(Denied):
    """The account is suspended or closed."""


class Refused(CreditgateError):
    """The service refused the request for good: nothing was done and nothing will be.

    `metadata` is what it was about: `account_id`, `hold_id`, `scope`.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: str = "",
        field: str = "",
        metadata: Mapping[str, str] = NO_METADATA,
    ) -> None:
        super().__init__(message, reason=reason)
        self.field, self.metadata = field, metadata


class InvalidRequest(Refused):
    """A field of the request is missing, malformed or out of range; `field` names it."""


class QuoteExpired(InvalidRequest):
    """The price that a quote promised is promised no longer: ask for another one."""


class Unauthenticated(Refused):
    """The API key is missing, malformed, unknown, expired or revoked."""


class ScopeMissing(Refused):
    """The API key lacks the scope this call needs, `metadata["scope"]`."""


class NotFound(Refused):
    """The tenant has no such account or plan, or the account no such hold, grant or add-on."""


class NameReused(Refused):
    """The name was used before with another body."""


class HoldEnded(Refused):
    """The hold has ended otherwise than this request wants."""


class HoldCommitted(HoldEnded):
    """The hold was ended by a final Commit."""


class HoldReleased(HoldEnded):
    """The hold was ended by a Release."""


class HoldExpired(HoldEnded):
    """The hold has expired; its usage can still be committed."""


class HoldArchived(HoldEnded):
    """The hold ended so long ago that only its name is known: nothing is done under it again."""


class Unpriced(Refused):
    """No rate prices this meter and model."""


class AccountClosed(Refused):
    """The account is closed: it takes no grants and stays closed."""


class GrantRevoked(Refused):
    """The grant was taken back before it was paid for."""


class TopupIsCompleted(Refused):
    """The credits that were asked for have come: they can be revoked."""


class RefundExceedsCharge(Refused):
    """The refunds of a hold cannot exceed what was charged."""


class TooManyEndpoints(Refused):
    """There are as many endpoints as there may be: delete one."""


class RangeArchived(Refused):
    """Some of what happened then is not kept any more: ask for what came after."""


class VersionSkipped(Refused):
    """The version of the plan before this one has not been written."""


class TooManyBudgets(Refused):
    """The account has as many budgets of its own as it may have."""


class NoCycle(Refused):
    """The account is on no plan with a cycle, so nothing can come with every one."""


class Unavailable(CreditgateError):
    """The service did not answer in time. `retry_after_seconds` is what it asked for, if it did."""

    def __init__(
        self, message: str, *, reason: str = "", retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(message, reason=reason)
        self.retry_after_seconds = retry_after_seconds


class NotExecuted(Unavailable):
    """Nothing was done, for a passing reason. The same request may be sent again."""


class RateLimited(NotExecuted):
    """The tenant sends too fast."""


class OutcomeUnknown(Unavailable):
    """It may or may not have been done: the same request, sent again with its names, tells."""


REFUSALS: dict[str, type[Refused]] = {
    "INVALID_FIELD": InvalidRequest,
    "OUT_OF_RANGE": InvalidRequest,
    "KEY_INVALID": Unauthenticated,
    "SCOPE_MISSING": ScopeMissing,
    "ACCOUNT_NOT_FOUND": NotFound,
    "HOLD_NOT_FOUND": NotFound,
    "GRANT_NOT_FOUND": NotFound,
    "NAME_REUSED": NameReused,
    "HOLD_COMMITTED": HoldCommitted,
    "HOLD_RELEASED": HoldReleased,
    "HOLD_EXPIRED": HoldExpired,
    "HOLD_ARCHIVED": HoldArchived,
    "UNPRICED": Unpriced,
    "QUOTE_EXPIRED": QuoteExpired,
    "RANGE_ARCHIVED": RangeArchived,
    "ACCOUNT_CLOSED": AccountClosed,
    "REFUND_EXCEEDS_CHARGE": RefundExceedsCharge,
    "PLAN_NOT_FOUND": NotFound,
    "RATE_CARD_NOT_FOUND": NotFound,
    "CONVERSATION_NOT_FOUND": NotFound,
    "MESSAGE_NOT_FOUND": NotFound,
    "VERSION_SKIPPED": VersionSkipped,
    "TOO_MANY_ENDPOINTS": TooManyEndpoints,
    "NO_CYCLE": NoCycle,
    "TOO_MANY_BUDGETS": TooManyBudgets,
    "ADDON_NOT_FOUND": NotFound,
    "PACKAGE_NOT_FOUND": NotFound,
    "GRANT_REVOKED": GrantRevoked,
    "TOPUP_NOT_FOUND": NotFound,
    "TOPUP_COMPLETED": TopupIsCompleted,
    "ENDPOINT_NOT_FOUND": NotFound,
    "DELIVERY_NOT_FOUND": NotFound,
}
"""The exception of each reason that is a definite refusal."""

_DENIALS: dict[str, type[Denied]] = {
    "DENIED_INSUFFICIENT_CREDITS": InsufficientCredits,
    "DENIED_CREDITS_HELD": CreditsHeld,
    "DENIED_LIMIT": LimitReached,
    "DENIED_ACCOUNT_INACTIVE": AccountInactive,
}


def denied(answer: Reservation | Extension | MessageReservation) -> Denied:
    """The exception of a denial; without one of its own for words newer than this package."""
    message = (
        f"{answer.decision.value}: asked {answer.asked}, {answer.shortfall} short, "
        f"available {answer.balance.available}, held {answer.balance.held}"
    )
    kind = _DENIALS.get(answer.decision.value, Denied)
    return kind(message + (f", limit {answer.limit}" if answer.limit else ""), answer=answer)
