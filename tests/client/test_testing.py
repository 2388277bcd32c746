"""The fake as its users see it; that it keeps the rules is shown by the contract suite."""

from __future__ import annotations

from datetime import UTC, datetime

import grpc
import pytest

import creditgate
from creditgate.testing import FakeCreditgate
from creditgate.v1 import authorization_service_pb2 as messages
from creditgate.v1 import hold_pb2
from creditgate.v1.authorization_service_pb2_grpc import CreditAuthorizationServiceStub


def test_its_example_works() -> None:
    with FakeCreditgate() as fake:
        fake.add_account("acme", credits="100")
        with fake.client() as credits_:
            credits_.charge("acme", hold_id="msg-1", amount=5)
            assert credits_.get_balance("acme").settled == 95
        fake.advance(seconds=60)


def test_its_clock_stands_still_until_it_is_moved() -> None:
    with FakeCreditgate(now=datetime(2031, 5, 6, tzinfo=UTC)) as fake:
        fake.add_account("acme", credits=10)
        with fake.client() as credits_:
            hold = credits_.reserve("acme", hold_id="a", amount=10).raise_if_denied()
            assert hold.created_at == datetime(2031, 5, 6, tzinfo=UTC)
            fake.advance(seconds=59.5)
            assert not credits_.reserve("acme", hold_id="b", amount=1).granted
            fake.advance(seconds=0.5)
            assert credits_.reserve("acme", hold_id="b", amount=1).granted


def test_what_it_knows_survives_a_restart() -> None:
    with FakeCreditgate() as fake:
        fake.add_account("acme", credits=10)
        target = fake.target
        fake.stop()
        fake.start()
        assert fake.target == target
        with fake.client() as credits_:
            assert credits_.get_balance("acme").settled == 10


def test_lists_come_in_pages() -> None:
    with FakeCreditgate() as fake:
        for number in range(7):
            fake.add_account(f"acme-{number}", credits=1)
        with fake.client() as credits_:
            names = [account.account_id for account in credits_.list_accounts(page_size=3)]
    assert names == [f"acme-{number}" for number in range(7)]


def test_it_speaks_the_stream() -> None:
    with FakeCreditgate(api_key="key") as fake, grpc.insecure_channel(fake.target) as channel:
        fake.add_account("acme", credits=10)
        stub = CreditAuthorizationServiceStub(channel)
        asked = [
            messages.AuthorizeRequest(
                request_id="1",
                reserve=messages.ReserveRequest(account_id="acme", hold_id="a", amount_micros=5),
            ),
            messages.AuthorizeRequest(request_id="2"),
            messages.AuthorizeRequest(
                request_id="3", get_balance=messages.GetBalanceRequest(account_id="nobody")
            ),
        ]
        answers = list(stub.Authorize(iter(asked), metadata=(("authorization", "Bearer key"),)))
    assert [answer.request_id for answer in answers] == ["1", "2", "3"]
    assert answers[0].reserve.decision == messages.DECISION_GRANTED
    assert [answer.error.code for answer in answers[1:]] == [3, 5]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"account_id": ""}, "account_id"),
        ({"hold_id": "a b"}, "hold_id"),
        ({"hold_id": "a" * 129}, "hold_id"),
        ({"amount": 0}, "amount_micros"),
        ({"minimum": 6}, "minimum_micros"),
        ({"ttl_seconds": 0.0}, "ttl"),
        ({"ttl_seconds": 86_400.001}, "ttl"),
        ({"labels": {"a b": "c"}}, "labels"),
        ({"labels": {str(n): "" for n in range(17)}}, "labels"),
        ({"attributes": creditgate.Attributes(agent="a" * 129)}, "attributes.agent"),
    ],
)
def test_it_refuses_what_the_service_refuses(changes: dict[str, object], field: str) -> None:
    request: dict[str, object] = {"account_id": "acme", "hold_id": "a", "amount": 5} | changes
    account_id = str(request.pop("account_id"))
    with FakeCreditgate() as fake:
        fake.add_account("acme", credits=10)
        with fake.client() as credits_, pytest.raises(creditgate.InvalidRequest) as caught:
            credits_.reserve(account_id, **request)  # type: ignore[arg-type]
    assert caught.value.field == field


USAGE = hold_pb2.Usage(meter="chat.message", quantity=1)


def test_usage_has_no_price() -> None:
    with FakeCreditgate() as fake, grpc.insecure_channel(fake.target) as channel:
        fake.add_account("acme", credits=10)
        stub = CreditAuthorizationServiceStub(channel)
        with pytest.raises(grpc.RpcError) as caught:
            stub.Quote(messages.QuoteRequest(account_id="acme", usage=USAGE))
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
