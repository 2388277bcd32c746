"""How calls run, as frozen values: the terms of a plan, and the quota of a call."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from creditgate._types.base import Word


class FinalAction(Word):
    """What becomes of a call when what was granted is used up; `UNKNOWN` is as `TERMINATE`."""

    UNKNOWN = "UNKNOWN"
    TERMINATE = "TERMINATE"
    REDIRECT = "REDIRECT"
    RESTRICT = "RESTRICT"


class FinalReason(Word):
    """Why a call is granted no more."""

    UNKNOWN = "UNKNOWN"
    CREDITS = "CREDITS"
    MAX_DURATION = "MAX_DURATION"
    LIMIT = "LIMIT"
    ACCOUNT_INACTIVE = "ACCOUNT_INACTIVE"


class FailureHandling(Word):
    """What a gateway does while it cannot ask; `UNKNOWN` is as `TERMINATE`."""

    UNKNOWN = "UNKNOWN"
    TERMINATE = "TERMINATE"
    CONTINUE = "CONTINUE"
    CONTINUE_WITHIN_ALLOWANCE = "CONTINUE_WITHIN_ALLOWANCE"


@dataclass(frozen=True)
class CallLeg:
    """The gateway that carries a call. `epoch` grows with each of its starts, 1 to 10^18."""

    gateway_id: str
    epoch: int


@dataclass(frozen=True, kw_only=True)
class CallTerms:
    """How the calls of a plan's accounts run.

    `max_duration_seconds` 0 is any length; it and `offline_allowance_seconds` are whole seconds.
    `redirect_target` comes with `FinalAction.REDIRECT`, always and only.
    """

    max_duration_seconds: int = 0
    renew_before_seconds: float = 10.0
    warn_before_seconds: float = 30.0
    final_action: FinalAction = FinalAction.TERMINATE
    redirect_target: str = ""
    on_reserve_failure: FailureHandling = FailureHandling.TERMINATE
    on_extend_failure: FailureHandling = FailureHandling.CONTINUE_WITHIN_ALLOWANCE
    offline_allowance_seconds: int = 0


@dataclass(frozen=True, kw_only=True)
class FinalUnit:
    """How a call ends when what was granted is used up, and why no more is granted."""

    action: FinalAction
    redirect_target: str
    reason: FinalReason


@dataclass(frozen=True, kw_only=True)
class Quota:
    """How long a call may go on, and what its gateway does at the end.

    `granted_quantity` is the seconds it has in all; they are used up at `funded_until` if its clock
    runs from the answer's `balance.as_of` on. `final` is None unless, as things stand, no more will
    be granted. `offline_allowance_seconds` is how much longer it may go on while nobody answers.
    """

    granted_quantity: int
    funded_until: datetime
    renew_before_seconds: float
    warn_before_seconds: float
    final: FinalUnit | None
    on_reserve_failure: FailureHandling
    on_extend_failure: FailureHandling
    offline_allowance_seconds: float
