from __future__ import annotations

import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc import code_pb2, error_details_pb2

from creditgate.v1 import error_reason_pb2
from creditgate_server.domain.outcomes import Outcome
from creditgate_server.rpc.status import (
    OTHERS,
    OUTCOMES,
    Code,
    RpcError,
    invalid,
    not_executed,
    refuse,
)

REASONS = {
    name.removeprefix("ERROR_REASON_")
    for name, number in error_reason_pb2.ErrorReason.items()
    if number
}


def test_the_table_has_a_line_for_every_outcome_and_refuses_what_is_refused() -> None:
    assert set(OUTCOMES) == set(Outcome)
    for outcome, refusal in OUTCOMES.items():
        assert (refusal is not None) == outcome.refused, outcome


def test_every_declared_reason_is_told_and_none_other() -> None:
    told = [refusal.reason for refusal in (*OUTCOMES.values(), *OTHERS) if refusal]
    assert set(told) == REASONS
    assert len(told) == len(set(told))


def test_every_reason_has_the_code_that_its_proto_documents() -> None:
    documented = {
        line.split(":")[0].removeprefix("  // ERROR_REASON_"): line.split(":")[1].split()[0]
        for line in _proto().splitlines()
        if line.startswith("  // ERROR_REASON_") and ": " in line
    }
    for refusal in (*OUTCOMES.values(), *OTHERS):
        if refusal:
            assert documented[refusal.reason].strip(".") == refusal.code.name


def _proto() -> str:
    from pathlib import Path

    root = Path(__file__).parents[3]
    return (root / "protos/creditgate/v1/error_reason.proto").read_text()


def test_codes_have_the_numbers_of_grpc() -> None:
    assert {code.name: int(code) for code in Code}.items() <= dict(code_pb2.Code.items()).items()


def test_no_text_of_a_refusal_has_room_for_what_is_inside() -> None:
    for refusal in OUTCOMES.values():
        if refusal:
            with pytest.raises(RpcError) as caught:
                refuse(next(o for o, r in OUTCOMES.items() if r is refusal), hold_id="h")
            assert caught.value.text == refusal.text


def test_an_answer_cannot_be_refused() -> None:
    with pytest.raises(AssertionError):
        refuse(Outcome.GRANTED)


def test_details_name_the_field_the_reason_and_the_wait() -> None:
    status = invalid("reserve", "amount_micros", "must be 1 to 9, got 0").status()
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    assert status.message == "reserve.amount_micros: must be 1 to 9, got 0"
    assert status.details[0].Unpack(info)
    assert status.details[1].Unpack(bad)
    assert (info.reason, info.domain) == ("INVALID_FIELD", "creditgate.v1")
    assert [(v.field, v.description) for v in bad.field_violations] == [
        ("amount_micros", "must be 1 to 9, got 0")
    ]
    retry = error_details_pb2.RetryInfo()
    assert not_executed().status().details[1].Unpack(retry)
    assert retry.retry_delay == Duration(nanos=100_000_000)
