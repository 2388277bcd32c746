"""What callers are told when a call fails: one table from outcomes to codes, reasons and texts."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import NamedTuple, NoReturn

from google.protobuf.any_pb2 import Any
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from creditgate_server.domain.outcomes import Outcome

DOMAIN = "creditgate.v1"
NOT_EXECUTED_RETRY_SECONDS = 0.1


class Code(IntEnum):
    """The codes of gRPC that we answer, by their numbers on the wire."""

    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    INTERNAL = 13
    UNAVAILABLE = 14
    UNAUTHENTICATED = 16


class Refusal(NamedTuple):
    """How one cause is told: the code, the reason of `error_reason.proto`, a text without names."""

    code: Code
    reason: str
    text: str


class RpcError(Exception):
    """A call's end without an answer.

    `metadata` travels in ErrorInfo, `violations` are (field, problem) pairs of BadRequest, and
    `retry_seconds` is RetryInfo's delay.
    """

    def __init__(
        self,
        code: Code,
        reason: str,
        text: str,
        *,
        metadata: Mapping[str, str] | None = None,
        violations: tuple[tuple[str, str], ...] = (),
        retry_seconds: float | None = None,
    ) -> None:
        super().__init__(text)
        self.code = code
        self.reason = reason
        self.text = text
        self.metadata = metadata or {}
        self.violations = violations
        self.retry_seconds = retry_seconds

    def status(self) -> status_pb2.Status:
        """Write the error as `google.rpc.Status`, details included."""
        status = status_pb2.Status(code=self.code, message=self.text)
        if self.reason:
            _add(status, error_details_pb2.ErrorInfo(
                reason=self.reason, domain=DOMAIN, metadata=self.metadata
            ))  # fmt: skip
        if self.violations:
            bad = error_details_pb2.BadRequest()
            for field, problem in self.violations:
                bad.field_violations.add(field=field, description=problem)
            _add(status, bad)
        if self.retry_seconds is not None:
            retry = error_details_pb2.RetryInfo()
            retry.retry_delay.FromNanoseconds(int(self.retry_seconds * 1_000_000_000))
            _add(status, retry)
        return status


def _add(status: status_pb2.Status, detail: Message) -> None:
    packed = Any()
    packed.Pack(detail)
    status.details.append(packed)


_HOLD_ENDED = "the hold has ended and this would change it"

OUTCOMES: dict[Outcome, Refusal | None] = {
    Outcome.GRANTED: None,
    Outcome.GRANTED_PARTIAL: None,
    Outcome.DENIED_INSUFFICIENT_CREDITS: None,
    Outcome.DENIED_CREDITS_HELD: None,
    Outcome.DENIED_LIMIT: None,
    Outcome.DENIED_ACCOUNT_INACTIVE: None,
    Outcome.ACCEPTED: None,
    Outcome.ACCOUNT_NOT_FOUND: Refusal(
        Code.NOT_FOUND, "ACCOUNT_NOT_FOUND", "there is no such account"
    ),
    Outcome.HOLD_NOT_FOUND: Refusal(Code.NOT_FOUND, "HOLD_NOT_FOUND", "there is no such hold"),
    Outcome.GRANT_NOT_FOUND: Refusal(Code.NOT_FOUND, "GRANT_NOT_FOUND", "there is no such grant"),
    Outcome.NAME_REUSED: Refusal(
        Code.ALREADY_EXISTS, "NAME_REUSED", "this name was used before with another body"
    ),
    Outcome.HOLD_COMMITTED: Refusal(
        Code.FAILED_PRECONDITION, "HOLD_COMMITTED", f"{_HOLD_ENDED}: it was committed"
    ),
    Outcome.HOLD_RELEASED: Refusal(
        Code.FAILED_PRECONDITION, "HOLD_RELEASED", f"{_HOLD_ENDED}: it was released"
    ),
    Outcome.HOLD_EXPIRED: Refusal(
        Code.FAILED_PRECONDITION, "HOLD_EXPIRED", f"{_HOLD_ENDED}: it has expired"
    ),
    Outcome.UNPRICED: Refusal(
        Code.FAILED_PRECONDITION, "UNPRICED", "no rate or line prices this meter and model"
    ),
    Outcome.OUT_OF_RANGE: Refusal(
        Code.INVALID_ARGUMENT, "OUT_OF_RANGE", "the result would leave the range of amounts"
    ),
    Outcome.ACCOUNT_CLOSED: Refusal(
        Code.FAILED_PRECONDITION, "ACCOUNT_CLOSED", "the account is closed"
    ),
    Outcome.REFUND_EXCEEDS_CHARGE: Refusal(
        Code.FAILED_PRECONDITION,
        "REFUND_EXCEEDS_CHARGE",
        "the refunds of a hold cannot exceed its charge",
    ),
    Outcome.PLAN_NOT_FOUND: Refusal(
        Code.NOT_FOUND, "PLAN_NOT_FOUND", "there is no such version of a plan"
    ),
    Outcome.VERSION_SKIPPED: Refusal(
        Code.FAILED_PRECONDITION,
        "VERSION_SKIPPED",
        "versions are written one after the other, and the one before is not there",
    ),
    Outcome.NO_CYCLE: Refusal(
        Code.FAILED_PRECONDITION, "NO_CYCLE", "the account is on no plan with a cycle"
    ),
    Outcome.ADDON_NOT_FOUND: Refusal(Code.NOT_FOUND, "ADDON_NOT_FOUND", "there is no such add-on"),
    Outcome.PACKAGE_NOT_FOUND: Refusal(
        Code.NOT_FOUND, "PACKAGE_NOT_FOUND", "there is no such version of a package"
    ),
    Outcome.GRANT_REVOKED: Refusal(
        Code.FAILED_PRECONDITION, "GRANT_REVOKED", "the grant was taken back before it was paid for"
    ),
    Outcome.TOPUP_NOT_FOUND: Refusal(
        Code.NOT_FOUND, "TOPUP_NOT_FOUND", "there is no such request for credits"
    ),
    Outcome.TOPUP_COMPLETED: Refusal(
        Code.FAILED_PRECONDITION, "TOPUP_COMPLETED", "the credits that were asked for have come"
    ),
    Outcome.TOO_MANY_BUDGETS: Refusal(
        Code.FAILED_PRECONDITION,
        "TOO_MANY_BUDGETS",
        "the account has as many budgets of its own as it may have",
    ),
    Outcome.RATE_CARD_NOT_FOUND: Refusal(
        Code.NOT_FOUND, "RATE_CARD_NOT_FOUND", "there is no such version of a rate card"
    ),
    Outcome.CONVERSATION_NOT_FOUND: Refusal(
        Code.NOT_FOUND, "CONVERSATION_NOT_FOUND", "there is no such session of a conversation"
    ),
    Outcome.MESSAGE_NOT_FOUND: Refusal(
        Code.NOT_FOUND, "MESSAGE_NOT_FOUND", "there is no such message in the conversation"
    ),
    Outcome.QUOTE_EXPIRED: Refusal(
        Code.INVALID_ARGUMENT, "QUOTE_EXPIRED", "the price is no longer promised: ask for a quote"
    ),
    Outcome.HOLD_ARCHIVED: Refusal(
        Code.FAILED_PRECONDITION,
        "HOLD_ARCHIVED",
        "the name was used long ago, and nothing else of that hold is kept",
    ),
    Outcome.RANGE_ARCHIVED: Refusal(
        Code.FAILED_PRECONDITION,
        "RANGE_ARCHIVED",
        "what happened then is not kept any more: ask for what came after",
    ),
    Outcome.ENDPOINT_NOT_FOUND: Refusal(
        Code.NOT_FOUND, "ENDPOINT_NOT_FOUND", "there is no such endpoint"
    ),
    Outcome.DELIVERY_NOT_FOUND: Refusal(
        Code.NOT_FOUND, "DELIVERY_NOT_FOUND", "there is no such delivery, or it is no longer kept"
    ),
    Outcome.TOO_MANY_ENDPOINTS: Refusal(
        Code.FAILED_PRECONDITION,
        "TOO_MANY_ENDPOINTS",
        "there are as many endpoints as there may be: delete one",
    ),
}

INVALID_FIELD = Refusal(Code.INVALID_ARGUMENT, "INVALID_FIELD", "{field}: {problem}")
KEY_INVALID = Refusal(
    Code.UNAUTHENTICATED,
    "KEY_INVALID",
    "send a valid API key as metadata 'authorization: Bearer cg_...'",
)
SCOPE_MISSING = Refusal(Code.PERMISSION_DENIED, "SCOPE_MISSING", "the API key lacks a scope")
RATE_LIMITED = Refusal(Code.RESOURCE_EXHAUSTED, "RATE_LIMITED", "too many calls: wait, send again")
NOT_EXECUTED = Refusal(Code.UNAVAILABLE, "NOT_EXECUTED", "not done: send the same request again")
OUTCOME_UNKNOWN = Refusal(
    Code.UNAVAILABLE,
    "OUTCOME_UNKNOWN",
    "perhaps done: send the same request again to learn what is true",
)
INTERNAL = Refusal(
    Code.INTERNAL, "INTERNAL", "an error on our side: send the same request again, or report the id"
)
OTHERS = (
    INVALID_FIELD,
    KEY_INVALID,
    SCOPE_MISSING,
    RATE_LIMITED,
    NOT_EXECUTED,
    OUTCOME_UNKNOWN,
    INTERNAL,
)
"""The refusals that no outcome of the ledger stands behind."""

# Refusals that only the ledger finds a field's fault.
_VIOLATIONS = {"QUOTE_EXPIRED": (("quote_token", "must not be past its pinned_until"),)}
_REFUSALS = {int(outcome): refusal for outcome, refusal in OUTCOMES.items()}


def refuse(outcome: int, **metadata: str) -> NoReturn:
    """Raise the error of an outcome that is a refusal; `metadata` names what it is about."""
    refusal = _REFUSALS.get(outcome)
    if refusal is None:
        raise AssertionError(f"outcome {outcome} is no refusal of this operation")
    raise RpcError(*refusal, metadata=metadata, violations=_VIOLATIONS.get(refusal.reason, ()))


def invalid(prefix: str, field: str, problem: str) -> RpcError:
    """Make the error of a bad field: `prefix` is the operation, `field` its path in the request."""
    text = INVALID_FIELD.text.format(
        field=f"{prefix}.{field}" if prefix else field, problem=problem
    )
    return RpcError(
        INVALID_FIELD.code, INVALID_FIELD.reason, text,
        metadata={"field": field}, violations=((field, problem),),
    )  # fmt: skip


def not_executed(text: str = NOT_EXECUTED.text) -> RpcError:
    """Make the error of what was definitely not done, and may be sent again."""
    return RpcError(
        NOT_EXECUTED.code, NOT_EXECUTED.reason, text, retry_seconds=NOT_EXECUTED_RETRY_SECONDS
    )


def deadline_exceeded() -> RpcError:
    """Make the error of a call whose time is over; gRPC gives it no reason of ours."""
    return RpcError(Code.DEADLINE_EXCEEDED, "", "the call's deadline is over")
