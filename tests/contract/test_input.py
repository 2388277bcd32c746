"""What is wrong with a request is the same to the fake and to the real server."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from dataclasses import replace
from typing import Any, TypeVar

import grpc.aio
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from creditgate._failures import Failure, read_failure
from creditgate.testing import FakeCreditgate
from creditgate.v1 import account_pb2, hold_pb2
from creditgate.v1 import account_service_pb2 as accounts
from creditgate.v1 import authorization_service_pb2 as messages
from tests.contract.drivers import GrpcDriver
from tests.contract.wire import Operation
from tests.contract.wrong_activity import WRONG as WRONG_ACTIVITY
from tests.contract.wrong_calls import WRONG as WRONG_CALLS
from tests.contract.wrong_conversations import WRONG as WRONG_CONVERSATIONS
from tests.contract.wrong_deliveries import WRONG as WRONG_DELIVERIES
from tests.contract.wrong_links import WRONG as WRONG_LINKS
from tests.contract.wrong_plans import WRONG as WRONG_PLANS
from tests.contract.wrong_summaries import WRONG as WRONG_SUMMARIES
from tests.contract.wrong_usage import WRONG as WRONG_USAGE
from tests.support.bad_usages import bad_replaces, bad_usages
from tests.support.bad_values import BAD_TOTALS
from tests.support.database import Database
from tests.support.stage import Stage

Result = TypeVar("Result")

NAMED: dict[str, Any] = {"account_id": "acme", "hold_id": "work"}
PRICED: dict[str, Any] = {**NAMED, "amount_micros": 5}
GIVEN: dict[str, Any] = {
    "account_id": "acme",
    "grant_id": "g",
    "kind": account_pb2.GRANT_KIND_PLAN,
    "amount_micros": 5,
}
REFUNDED: dict[str, Any] = {**NAMED, "refund_id": "r", "amount_micros": 5}
LONG = "a" * 129
MAX = 10**18

WRONG: list[tuple[Any, str]] = [
    (messages.ReserveRequest(**PRICED | {"account_id": ""}), "account_id"),
    (messages.ReserveRequest(**PRICED | {"account_id": "a b"}), "account_id"),
    (messages.ReserveRequest(**PRICED | {"hold_id": LONG}), "hold_id"),
    (messages.ReserveRequest(**PRICED | {"hold_id": "é"}), "hold_id"),
    (messages.ReserveRequest(**NAMED), "amount_micros"),
    (messages.ReserveRequest(**PRICED | {"amount_micros": 0}), "amount_micros"),
    (messages.ReserveRequest(**PRICED | {"amount_micros": -1}), "amount_micros"),
    (messages.ReserveRequest(**PRICED | {"amount_micros": MAX + 1}), "amount_micros"),
    (messages.ReserveRequest(**PRICED | {"minimum_micros": 6}), "minimum_micros"),
    (messages.ReserveRequest(**PRICED | {"minimum_micros": -1}), "minimum_micros"),
    (messages.ReserveRequest(**PRICED | {"ttl": Duration(seconds=0)}), "ttl"),
    (messages.ReserveRequest(**PRICED | {"ttl": Duration(nanos=999_999)}), "ttl"),
    (messages.ReserveRequest(**PRICED | {"ttl": Duration(seconds=86_401)}), "ttl"),
    (messages.ReserveRequest(**PRICED | {"labels": {"a b": ""}}), "labels"),
    (messages.ReserveRequest(**PRICED | {"labels": {"k": "v" * 257}}), "labels[k]"),
    (messages.ReserveRequest(**PRICED | {"labels": {"k" * 65: ""}}), "labels"),
    (messages.ReserveRequest(**PRICED | {"labels": {str(n): "" for n in range(17)}}), "labels"),
    (
        messages.ReserveRequest(**PRICED, attributes=hold_pb2.Attributes(agent=LONG)),
        "attributes.agent",
    ),
    (messages.ChargeRequest(**NAMED), "amount_micros"),
    (messages.ChargeRequest(**PRICED | {"amount_micros": 0}), "amount_micros"),
    (messages.ExtendRequest(**PRICED | {"amount_micros": 0}), "amount_micros"),
    (messages.ExtendRequest(**NAMED, used_micros=-1), "used_micros"),
    (messages.ExtendRequest(**NAMED, minimum_micros=-1), "minimum_micros"),
    (messages.ExtendRequest(**NAMED, ttl=Duration(seconds=-1)), "ttl"),
    (messages.CommitRequest(**NAMED), "used_micros"),
    (messages.CommitRequest(**NAMED, used_micros=MAX + 1), "used_micros"),
    (messages.CommitRequest(**NAMED, used_micros=1, termination_cause="a b"), "termination_cause"),
    (messages.ReleaseRequest(**NAMED, termination_cause=LONG), "termination_cause"),
    (messages.GetHoldRequest(account_id="acme"), "hold_id"),
    (messages.GetBalanceRequest(), "account_id"),
    (accounts.CreateAccountRequest(account_id="a/b c"), "account_id"),
    (
        accounts.CreateAccountRequest(account_id="new", overdraft_limit_micros=-1),
        "overdraft_limit_micros",
    ),
    (
        accounts.UpdateAccountRequest(account_id="acme", overdraft_limit_micros=MAX + 1),
        "overdraft_limit_micros",
    ),
    (accounts.AddGrantRequest(**GIVEN | {"kind": 0}), "kind"),
    (accounts.AddGrantRequest(**GIVEN | {"grant_id": ""}), "grant_id"),
    (accounts.AddGrantRequest(**GIVEN | {"amount_micros": 0}), "amount_micros"),
    (accounts.AddGrantRequest(**GIVEN | {"priority": 1001}), "priority"),
    (accounts.AddGrantRequest(**GIVEN | {"priority": -1}), "priority"),
    (accounts.AddGrantRequest(**GIVEN | {"reference": "a" * 257}), "reference"),
    (
        accounts.AddGrantRequest(
            **GIVEN, effective_at=Timestamp(seconds=9), expires_at=Timestamp(seconds=9)
        ),
        "expires_at",
    ),
    (accounts.RefundRequest(**REFUNDED | {"amount_micros": 0}), "amount_micros"),
    (accounts.RefundRequest(**REFUNDED | {"refund_id": "a b"}), "refund_id"),
    (accounts.ListHoldsRequest(account_id="acme", page_size=-1), "page_size"),
    (accounts.ListAccountsRequest(page_token="forged"), "page_token"),
]
USAGE = hold_pb2.Usage(meter="chat.message", quantity=1)
USAGES = hold_pb2.Usages(usages=[USAGE])
UNPRICED: list[Any] = [
    messages.ReserveRequest(account_id="acme", hold_id="new", usage=USAGE),
    messages.ChargeRequest(account_id="acme", hold_id="new", usage=USAGE),
    messages.ReserveRequest(account_id="acme", hold_id="new", usages=USAGES),
    messages.ExtendRequest(**NAMED, quantity=1),
    messages.ExtendRequest(**NAMED, quantities=USAGES),
    messages.CommitRequest(**NAMED, used_quantities=USAGES),
    messages.ExtendRequest(**PRICED, used_quantity=1),
    messages.CommitRequest(**NAMED, used_quantity=1),
    messages.QuoteRequest(account_id="acme", usage=USAGE),
]
WRONG_USAGES: list[Any] = [
    (kind(account_id="acme", hold_id="held", **{name: usages}), field)
    for kind, name in (
        (messages.ReserveRequest, "usages"),
        (messages.ChargeRequest, "usages"),
        (messages.ExtendRequest, "quantities"),
        (messages.ExtendRequest, "used_quantities"),
        (messages.CommitRequest, "used_quantities"),
    )
    for field, usages in bad_usages(name, BAD_TOTALS)
]
WRONG_REPLACES: list[Any] = [
    (messages.ReserveRequest(**NAMED, amount_micros=1, replaces=replaces), field)
    for field, replaces in bad_replaces(BAD_TOTALS)
]
CASES = [
    pytest.param(request, field, id=f"{number}: {type(request).__name__} {field}")
    for number, (request, field) in enumerate(
        [
            *(WRONG + WRONG_PLANS + WRONG_CALLS + WRONG_DELIVERIES),
            *WRONG_USAGE,
            *(WRONG_USAGES + WRONG_CONVERSATIONS + WRONG_REPLACES + WRONG_ACTIVITY + WRONG_LINKS),
            *WRONG_SUMMARIES,
        ]
    )
]


@pytest.fixture(scope="module")
def stage(module_database: Database) -> Iterator[Stage]:
    with Stage(module_database) as stage:
        stage.run(begin(stage.driver))
        yield stage


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeDriver]:
    with FakeCreditgate(api_key="key") as fake, asyncio.Runner() as runner:
        driver = FakeDriver(fake, runner)
        driver.run(begin(driver.driver))
        yield driver
        driver.run(driver.driver.close())


class FakeDriver:
    """The fake, and a loop to talk to it in."""

    def __init__(self, fake: FakeCreditgate, runner: asyncio.Runner) -> None:
        self._runner = runner
        self.driver = self.run(self._make(fake))

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return self._runner.run(work)

    async def _make(self, fake: FakeCreditgate) -> GrpcDriver:
        async def nothing(*_: object) -> None:
            return None

        return GrpcDriver(fake.target, api_key="key", set_time=nothing, sweep=nothing)


async def begin(driver: GrpcDriver) -> None:
    """Open the account, with a hold."""
    await driver.run("acme", Operation("create_account"))
    await driver.run("acme", Operation("add_grant", {"grant_id": "a", "amount": 9, "kind": "PLAN"}))
    await driver.run("acme", Operation("reserve", {"hold_id": "work", "amount": 5}))


async def refused(driver: GrpcDriver, request: Any) -> Failure:
    """What a request is refused for; it changes nothing."""
    before = await driver.run("acme", Operation("get_balance"))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await driver._call(type(request).__name__.removesuffix("Request"), request)
    after = await driver.run("acme", Operation("get_balance"))
    assert before.balance is not None
    assert after.balance is not None
    assert replace(after.balance, as_of=0) == replace(before.balance, as_of=0)
    return read_failure(caught.value)


def judge(failure: Failure, field: str) -> None:
    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
    assert (failure.reason, failure.field_name) == ("INVALID_FIELD", field)


@pytest.mark.parametrize(("wrong", "field"), CASES)
def test_server_names_the_field(wrong: Any, field: str, stage: Stage) -> None:
    judge(stage.run(refused(stage.driver, wrong)), field)


@pytest.mark.parametrize(("wrong", "field"), CASES)
def test_fake_names_the_field(wrong: Any, field: str, fake: FakeDriver) -> None:
    judge(fake.run(refused(fake.driver, wrong)), field)


@pytest.mark.parametrize("asked", UNPRICED, ids=lambda request: type(request).__name__)
def test_quantities_have_no_price(asked: Any, stage: Stage, fake: FakeDriver) -> None:
    assert stage.run(refused(stage.driver, asked)).reason == "UNPRICED"
    assert fake.run(refused(fake.driver, asked)).reason == "UNPRICED"
