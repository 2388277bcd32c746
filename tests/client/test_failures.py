"""What failed calls are taken for: refused, not executed, unknown."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc import error_details_pb2, status_pb2

import creditgate
from creditgate._errors import REFUSALS
from creditgate._failures import Attempts, Failure, read_failure
from creditgate._policy import RetryPolicy, Throttle
from creditgate.v1 import error_reason_pb2

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
UNKNOWN = Failure(grpc.StatusCode.DEADLINE_EXCEEDED, "too late")
SHED = Failure(UNAVAILABLE, "full", "NOT_EXECUTED")


class Broken(grpc.RpcError):
    """A call that failed with these details."""

    def __init__(self, code: grpc.StatusCode, *details: Any, message: str = "why") -> None:
        super().__init__()
        status = status_pb2.Status(code=code.value[0], message=message)
        for detail in details:
            packed = AnyMessage()
            packed.Pack(detail)
            status.details.append(packed)
        self._code, self._message = code, message
        self._metadata = (("grpc-status-details-bin", status.SerializeToString()),)

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return self._message

    def trailing_metadata(self) -> Any:
        return self._metadata


def info(reason: str) -> error_details_pb2.ErrorInfo:
    return error_details_pb2.ErrorInfo(reason=reason, domain="creditgate.v1")


def test_every_reason_is_known() -> None:
    values = error_reason_pb2.ErrorReason.DESCRIPTOR.values
    reasons = {value.name.removeprefix("ERROR_REASON_") for value in values} - {"UNSPECIFIED"}
    not_refusals = {"NOT_EXECUTED", "OUTCOME_UNKNOWN", "RATE_LIMITED", "INTERNAL"}
    assert set(REFUSALS) == reasons - not_refusals


def test_details_are_read() -> None:
    violation = error_details_pb2.BadRequest.FieldViolation(field="ttl", description="too long")
    bad = error_details_pb2.BadRequest(field_violations=[violation])
    retry = error_details_pb2.RetryInfo()
    retry.retry_delay.FromMilliseconds(250)
    failure = read_failure(
        Broken(grpc.StatusCode.INVALID_ARGUMENT, info("INVALID_FIELD"), bad, retry)
    )
    assert (failure.reason, failure.field_name, failure.retry_after_seconds) == (
        "INVALID_FIELD",
        "ttl",
        0.25,
    )
    assert isinstance(failure.refusal, creditgate.InvalidRequest)
    assert failure.refusal.field == "ttl"


def test_a_reason_of_another_domain_is_not_ours() -> None:
    other = error_details_pb2.ErrorInfo(reason="NAME_REUSED", domain="example.com")
    failure = read_failure(Broken(grpc.StatusCode.INTERNAL, other))
    assert (failure.reason, failure.refusal) == ("", None)


@pytest.mark.parametrize("metadata", [(), (("grpc-status-details-bin", b"\xff\xff"),), None])
def test_broken_details_are_no_details(metadata: Any) -> None:
    error = Broken(UNAVAILABLE)
    error._metadata = metadata
    assert read_failure(error) == Failure(UNAVAILABLE, "why")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.UNAUTHENTICATED, creditgate.Unauthenticated),
        (grpc.StatusCode.NOT_FOUND, creditgate.Refused),
        (grpc.StatusCode.UNIMPLEMENTED, creditgate.Refused),
    ],
)
def test_a_definite_code_is_a_refusal_without_a_reason(
    code: grpc.StatusCode, kind: type[creditgate.Refused]
) -> None:
    assert type(Failure(code, "no").refusal) is kind


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def attempts(*, writes: bool = True, tokens: float = 100) -> tuple[Attempts, Clock]:
    clock = Clock()
    policy = RetryPolicy(5, 0.05, 0.5, 2)
    throttle = Throttle(max_tokens=tokens, token_ratio=0.1)
    return Attempts(writes=writes, policy=policy, throttle=throttle, until=110, clock=clock), clock


def test_a_refusal_is_raised_at_once() -> None:
    trying, _ = attempts()
    with pytest.raises(creditgate.NameReused):
        trying.delay_after(Failure(grpc.StatusCode.ALREADY_EXISTS, "", "NAME_REUSED"))


def test_waits_grow_to_their_limit() -> None:
    trying, _ = attempts()
    delays = [trying.delay_after(UNKNOWN) for _ in range(6)]
    for delay, middle in zip(delays, [0.05, 0.1, 0.2, 0.4, 0.5, 0.5], strict=True):
        assert middle * 0.8 <= delay <= middle * 1.2


def test_the_service_may_ask_for_a_longer_wait() -> None:
    trying, _ = attempts()
    asked = Failure(UNAVAILABLE, "full", "NOT_EXECUTED", retry_after_seconds=2.0)
    assert trying.delay_after(asked) == 2.0


def test_a_wait_beyond_patience_is_not_begun() -> None:
    trying, _ = attempts()
    asked = Failure(UNAVAILABLE, "full", "NOT_EXECUTED", retry_after_seconds=60.0)
    with pytest.raises(creditgate.NotExecuted) as caught:
        trying.delay_after(asked)
    assert caught.value.retry_after_seconds == 60.0


@pytest.mark.parametrize(
    ("failures", "writes", "kind"),
    [
        ([SHED], True, creditgate.NotExecuted),
        ([SHED], False, creditgate.NotExecuted),
        ([UNKNOWN], True, creditgate.OutcomeUnknown),
        ([UNKNOWN], False, creditgate.Unavailable),
        ([UNKNOWN, SHED], True, creditgate.OutcomeUnknown),
        ([SHED, UNKNOWN], True, creditgate.OutcomeUnknown),
        ([Failure(UNAVAILABLE, "", "OUTCOME_UNKNOWN")], True, creditgate.OutcomeUnknown),
        ([Failure(UNAVAILABLE, "Socket closed")], True, creditgate.OutcomeUnknown),
        (
            [Failure(UNAVAILABLE, "failed to connect to all addresses; x")],
            True,
            creditgate.NotExecuted,
        ),
        (
            [Failure(grpc.StatusCode.RESOURCE_EXHAUSTED, "", "RATE_LIMITED")],
            True,
            creditgate.RateLimited,
        ),
        ([Failure(grpc.StatusCode.RESOURCE_EXHAUSTED, "too big")], True, creditgate.OutcomeUnknown),
        ([Failure(grpc.StatusCode.INTERNAL, "", "INTERNAL")], True, creditgate.OutcomeUnknown),
    ],
)
def test_the_end_of_patience_tells_the_truth(
    failures: list[Failure],
    writes: bool,  # noqa: FBT001 - a column of the table
    kind: type[Exception],
) -> None:
    trying, clock = attempts(writes=writes)
    for failure in failures:
        trying.delay_after(failure)
    clock.now = 110
    with pytest.raises(creditgate.Unavailable) as caught:
        trying.delay_after(failures[-1])
    assert type(caught.value) is kind


def test_attempts_never_last_past_patience() -> None:
    trying, clock = attempts()
    assert trying.timeout_seconds(5) == 5
    clock.now = 108
    assert trying.timeout_seconds(5) == 2
    clock.now = 200
    assert 0 < trying.timeout_seconds(5) < 0.1


def test_shed_work_is_not_sent_again_while_much_of_it_fails() -> None:
    trying, _ = attempts(tokens=6)
    trying.delay_after(SHED)
    trying.delay_after(SHED)
    with pytest.raises(creditgate.NotExecuted):
        trying.delay_after(SHED)


def test_unknown_outcomes_are_resolved_however_much_fails() -> None:
    trying, _ = attempts(tokens=2)
    for _ in range(5):
        trying.delay_after(UNKNOWN)


def test_the_throttle_recovers() -> None:
    throttle = Throttle(max_tokens=4, token_ratio=1)
    assert [throttle.allow_retry() for _ in range(3)] == [True, False, False]
    for _ in range(5):
        throttle.succeed()
    assert throttle.allow_retry()
