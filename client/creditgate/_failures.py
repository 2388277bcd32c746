"""From a failed gRPC call to what it means: refused, not executed or unknown; and what to do."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from creditgate._errors import (
    REFUSALS,
    CreditgateError,
    NotExecuted,
    OutcomeUnknown,
    RateLimited,
    Refused,
    Unauthenticated,
    Unavailable,
)
from creditgate._policy import RetryPolicy, Throttle

DETAILS_KEY = "grpc-status-details-bin"
DOMAIN = "creditgate.v1"

# What gRPC itself answers when no connection could be made: the request never left this machine.
NEVER_SENT = ("failed to connect to all addresses", "DNS resolution failed")


@dataclass(frozen=True)
class Failure:
    """One failed attempt: the status code, the service's reason if it gave one, and its details."""

    code: grpc.StatusCode
    message: str
    reason: str = ""
    field_name: str = ""
    retry_after_seconds: float | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def not_executed(self) -> bool:
        """True when nothing was done for a passing reason."""
        if self.reason in {"NOT_EXECUTED", "RATE_LIMITED"}:
            return True
        never_sent = self.message.startswith(NEVER_SENT)
        return self.code is grpc.StatusCode.UNAVAILABLE and not self.reason and never_sent

    @property
    def refusal(self) -> Refused | None:
        """The exception when nothing was done for good; None for all else."""
        kind = REFUSALS.get(self.reason)
        if kind is None and self.code is grpc.StatusCode.UNAUTHENTICATED:
            kind = Unauthenticated
        if kind is None and self.code in _REFUSING:
            kind = Refused
        if kind is None:
            return None
        reason = self.reason or self.code.name
        about = "".join(f" {key}={value}" for key, value in sorted(self.metadata.items()))
        text = f"{self.message} ({reason}{about})"
        return kind(text, reason=reason, field=self.field_name, metadata=self.metadata)


# Codes that only ever mean a definite refusal, whether or not a reason came with them.
_REFUSING = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.ALREADY_EXISTS,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.UNIMPLEMENTED,
    }
)


def read_failure(error: grpc.RpcError) -> Failure:
    """Read what a failed call says, its status details included."""
    code = error.code()
    message = error.details() or ""
    metadata: Iterable[Any] = error.trailing_metadata() or ()
    details = dict(metadata).get(DETAILS_KEY)
    if not isinstance(details, bytes):
        return Failure(code, message)
    try:
        status = status_pb2.Status.FromString(details)
    except DecodeError:
        return Failure(code, message)
    return failure_of_status(status, code=code)


def failure_of_status(status: status_pb2.Status, *, code: grpc.StatusCode) -> Failure:
    """Read the details of a `google.rpc.Status`."""
    reason, field_name, delay, metadata = "", "", None, {}
    info = error_details_pb2.ErrorInfo()
    bad = error_details_pb2.BadRequest()
    retry = error_details_pb2.RetryInfo()
    for detail in status.details:
        if detail.Unpack(info) and info.domain == DOMAIN:
            reason, metadata = info.reason, dict(info.metadata)
        elif detail.Unpack(bad) and bad.field_violations:
            field_name = bad.field_violations[0].field
        elif detail.Unpack(retry):
            delay = retry.retry_delay.ToTimedelta().total_seconds()
    return Failure(code, status.message, reason, field_name, delay, metadata)


class Attempts:
    """Judges the failed attempts of one call: how long to wait before the next, or what to raise.

    Sending again is safe because every request names what it is about and states totals. A request
    that may have been carried out once stays "unknown" whatever later attempts say, unless one of
    them is answered.
    """

    def __init__(
        self,
        *,
        writes: bool,
        policy: RetryPolicy,
        throttle: Throttle,
        until: float,
        clock: Callable[[], float],
    ) -> None:
        self._writes, self._policy, self._throttle = writes, policy, throttle
        self._until, self._clock = until, clock
        self._backoff = policy.initial_backoff_seconds
        self._unknown = False

    def timeout_seconds(self, longest: float) -> float:
        """How long the next attempt may take: never past the end of the caller's patience."""
        return max(min(longest, self._until - self._clock()), 0.001)

    def delay_after(self, failure: Failure) -> float:
        """Seconds to wait before sending the same request again. Raises when that is over."""
        refusal = failure.refusal
        if refusal is not None:
            raise refusal
        if not failure.not_executed:
            self._unknown = True
        elif not self._throttle.allow_retry():
            raise self.give_up(failure)
        delay = self._backoff * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load, hides nothing
        delay = max(delay, failure.retry_after_seconds or 0)
        self._backoff = min(
            self._backoff * self._policy.backoff_multiplier, self._policy.max_backoff_seconds
        )
        if self._clock() + delay >= self._until:
            raise self.give_up(failure)
        return delay

    def give_up(self, failure: Failure) -> CreditgateError:
        """The exception for a call that will not be sent again."""
        reason = failure.reason or failure.code.name
        text = f"{failure.message} ({reason})"
        after = failure.retry_after_seconds
        if self._unknown and self._writes:
            hint = "whether it was done is unknown; the same request, sent again, tells"
            return OutcomeUnknown(f"{text}: {hint}", reason=reason, retry_after_seconds=after)
        if self._unknown:
            return Unavailable(text, reason=reason, retry_after_seconds=after)
        kind = RateLimited if failure.reason == "RATE_LIMITED" else NotExecuted
        return kind(f"{text}: nothing was done", reason=reason, retry_after_seconds=after)
