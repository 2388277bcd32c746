"""Whatever is sent: the right code, the name of the field, and nothing changed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from random import Random
from typing import Any, NamedTuple

import grpc
import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from creditgate.v1 import account_pb2, conversation_pb2, hold_pb2
from creditgate.v1 import authorization_service_pb2 as pb
from creditgate.v1 import catalog_service_pb2 as catalog_pb
from creditgate_server.rpc.method import Method
from tests.support.bad_usages import bad_usages
from tests.support.bad_values import (
    BAD_AMOUNTS,
    BAD_IDS,
    BAD_TOKENS,
    BAD_TOTALS,
    MEGABYTE,
    bad_plans,
    bad_values,
)
from tests.support.calls import (
    BY_NAME,
    UNARY,
    Failure,
    failure,
    good,
    good_body,
    service_of,
)
from tests.support.database import Database
from tests.support.figures import Figures
from tests.support.server import Caller, running_server

TABLES = (
    "accounts",
    "packages",
    "topups",
    "grants",
    "holds",
    "entries",
    "plans",
    "addons",
    "budget_counters",
    "events",
    "endpoints",
    "conversations",
    "messages",
)


class Case(NamedTuple):
    """A request that is right but for `changes`, and the field an error must name."""

    method: str
    field: str
    changes: dict[str, Any]

    def __str__(self) -> str:
        shown = repr(self.changes).replace("\n", " ")
        return f"{self.method} {shown if len(shown) < 60 else shown[:57] + '...'}"


def cases() -> list[Case]:
    """Answer bad values for every field of every request there is."""
    return [
        Case(method.name, named, {field.name: value})
        for method in UNARY
        if method.name != "BatchAuthorize"
        for field in method.request.DESCRIPTOR.fields
        for named, value in bad_values(method, field.name)
    ]


BAD_CALLS: list[tuple[str, dict[str, Any]]] = [
    *[("call.gateway_id", {"gateway_id": bad}) for bad in BAD_IDS if len(bad) < MEGABYTE],
    *[("call.gateway_epoch", {"gateway_epoch": bad}) for bad in BAD_AMOUNTS],
]


def call_of(**changes: Any) -> dict[str, Any]:
    """Answer the fields of a Reserve for a call, right but for these of the call's."""
    body: dict[str, Any] = {"gateway_id": "gw", "gateway_epoch": 1}
    usage = hold_pb2.Usage(meter="voice.call", quantity=60)
    return {"usage": usage, "call": hold_pb2.Call(**body | changes)}


MORE = [
    Case("Reserve", "amount_micros", {"amount_micros": None}),
    Case("Charge", "amount_micros", {"amount_micros": None}),
    Case("Commit", "used_micros", {"used_micros": None}),
    Case("Quote", "usage", {"usage": None}),
    *[
        Case("Quote", field.removeprefix("usages."), {"usage": None, "usages": value.usages})
        for field, value in bad_usages("usages", BAD_TOTALS)
        if value.usages
    ],
    *[
        Case(method, "quote_token", {"usage": hold_pb2.Usage(meter="m", quantity=1), **token})
        for method in ("Reserve", "Charge")
        for token in ({"quote_token": value} for value in BAD_TOKENS)
    ],
    *[Case("Reserve", field, call_of(**changes)) for field, changes in BAD_CALLS],
    *[
        Case("ListHolds", field, {"gateway_id": "gw", field: value})
        for field, value in (
            *[("account_id", bad) for bad in BAD_IDS if bad],
            *[("state", state) for state in (2, 3, 4, 5)],
            *[("epoch_below", bad) for bad in BAD_TOTALS],
        )
    ],
    *[
        Case(method, "hold_id", {"hold_id": "c#1#1"})
        for method in ("Reserve", "Extend", "Commit", "Release", "Charge")
    ],
    *[Case(method, "hold_id", {"hold_id": "#" * 301}) for method in ("GetHold", "Refund")],
    Case(
        "ReserveMessage",
        "attributes.conversation_id",
        {"attributes": hold_pb2.Attributes(conversation_id="another")},
    ),
    Case("ListConversations", "until", {"until": Timestamp(seconds=1_700_000_000)}),
    Case("AddGrant", "grant_id", {"grant_id": "cycle/"}),
    Case("AddGrant", "grant_id", {"grant_id": "cycle/welcome"}),
    Case("AddAddon", "addon_id", {"addon_id": "a" * 81}),
    Case("Reserve", "minimum_micros", {"amount_micros": 10, "minimum_micros": 11}),
    Case("Charge", "minimum_micros", {"amount_micros": 10, "minimum_micros": 11}),
]


@pytest.fixture
async def caller(database: Database) -> AsyncIterator[Caller]:
    # Background work would change things, too: it hands on the events of the account.
    async with (
        running_server(database.url, run_workers=False) as server,
        server.caller() as caller,
    ):
        await caller.account(account_id="acme")
        yield caller


async def state_of(database: Database) -> list[Any]:
    """Read everything that a request could have changed."""
    connection = await database.connect()
    try:
        return [
            [
                tuple(row)
                for row in await connection.fetch(f"SELECT * FROM creditgate.{table} t ORDER BY t")
            ]
            for table in TABLES
        ]
    finally:
        await connection.close()


async def test_every_bad_value_of_every_field_is_refused_by_name_and_changes_nothing(
    caller: Caller, database: Database, figures: Figures
) -> None:
    before = await state_of(database)
    table = cases() + MORE
    wrong = []
    for case in table:
        method = BY_NAME[case.method]
        body = good_body(method, "acme") | case.changes
        if "usage" in case.changes:
            body.pop("amount_micros", None)
        request = method.request(**{k: v for k, v in body.items() if v is not None})
        told = await failure(service_of(caller, method)(request))
        prefix = f"{method.snake}.{case.field}: "
        expected = Failure(
            grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD", (case.field,), told.text
        )
        if told != expected or not told.text.startswith(prefix):
            wrong.append(f"{case}: {told}")
    figures(cases=len(table), wrong=len(wrong))
    assert not wrong, "\n".join(wrong)
    assert len(table) > 400
    assert await state_of(database) == before


def test_no_field_of_any_request_is_without_a_bound() -> None:
    fields = {
        (method.name, field.name)
        for method in UNARY
        if method.name != "BatchAuthorize"
        for field in method.request.DESCRIPTOR.fields
    }
    bounded = {(method, field) for method, field in fields if bad_values(BY_NAME[method], field)}
    assert {field for _, field in fields - bounded} == {
        "handed_off",
        "keep_open",
        "outlives_cycle",
        "unpaid",
    }
    named = {named.removeprefix("plan.").partition("[")[0] for named, _ in bad_plans()}
    parts: dict[Any, str] = {
        catalog_pb.Plan: "",
        catalog_pb.PlanLimits: "limits.",
        account_pb2.CallTerms: "call_terms.",
        conversation_pb2.ConversationTerms: "conversation_terms.",
    }
    for message, prefix in parts.items():
        said = {prefix + field.name for field in message.DESCRIPTOR.fields}
        assert said - named <= {
            "limits",
            "created_at",
            "thresholds",
            "call_terms",
            "conversation_terms",
        }
    assert "thresholds.thresholds" in named
    assert all(
        field.type not in {FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FLOAT}
        for method in UNARY
        for field in method.request.DESCRIPTOR.fields
    ), "no amount is ever a float"


def raw(caller: Caller, method: Method) -> Any:
    """Answer a function that sends bytes as they are."""
    call: Any = caller.channel.unary_unary(method.path)
    metadata = (("authorization", f"Bearer {caller.key}"),)
    return lambda request: call(request, metadata=metadata, timeout=10)


async def test_what_is_no_message_is_refused_on_every_method(caller: Caller) -> None:
    for method in UNARY:
        no_text = bytes([_first_text(method) << 3 | 2]) + b"\x02\xc3\x28"
        for bytes_ in (b"\xff\xff\xff", no_text, b"\x0a\xff\xff\xff\xff\x0f"):
            told = await failure(raw(caller, method)(bytes_))
            assert told.code is grpc.StatusCode.INVALID_ARGUMENT
            assert told.text.startswith(f"{method.snake}.request: must be a creditgate.v1.")


def _first_text(method: Method) -> int:
    """Answer the number of a field that must be UTF-8, or a message."""
    fields = method.request.DESCRIPTOR.fields
    written = {FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_MESSAGE}
    return next(field.number for field in fields if field.type in written)


async def test_unknown_fields_are_passed_over(caller: Caller) -> None:
    unknown = b"\xa2\x06\x03abc" + b"\xa8\x06\x07"
    for method in UNARY:
        request = good(method, "acme").SerializeToString()
        before = await end_of(raw(caller, method), request)
        after = await end_of(raw(caller, method), request + unknown)
        assert after == before, method.name


async def end_of(call: Any, request: bytes) -> tuple[grpc.StatusCode, str | None]:
    """Send bytes, and answer how the call ended; a bug of ours is no end."""
    code, text = grpc.StatusCode.OK, None
    try:
        await call(request)
    except grpc.aio.AioRpcError as error:
        code, text = error.code(), error.details()
    assert code not in {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN}, (request, text)
    return code, text


async def test_of_two_of_a_oneof_the_last_counts(caller: Caller) -> None:
    reserve = pb.ReserveRequest(account_id="acme", hold_id="both", amount_micros=5)
    usage = pb.ReserveRequest(usage=hold_pb2.Usage(meter="m", quantity=1))
    call = raw(caller, BY_NAME["Reserve"])
    await call(usage.SerializeToString() + reserve.SerializeToString())
    told = await failure(call(reserve.SerializeToString() + usage.SerializeToString()))
    assert told.reason == "NAME_REUSED"


async def test_the_last_value_within_each_bound_is_accepted(caller: Caller) -> None:
    await caller.authorization.Reserve(
        pb.ReserveRequest(
            account_id="acme",
            hold_id="a" * 128,
            amount_micros=10**18,
            minimum_micros=10**18,
            ttl=Duration(seconds=86_400),
            attributes=hold_pb2.Attributes(agent="é" * 128),
            labels={f"{n:064}": "v" * 256 for n in range(16)},
        )
    )
    await caller.authorization.Reserve(
        pb.ReserveRequest(
            account_id="acme", hold_id="b", amount_micros=1, ttl=Duration(nanos=1_000_000)
        )
    )
    await caller.accounts.AddGrant(
        BY_NAME["AddGrant"].request(
            account_id="acme",
            grant_id=".:@/-_",
            kind=account_pb2.GRANT_KIND_ADJUSTMENT,
            amount_micros=10**18,
            priority=1000,
            effective_at=Timestamp(),
            expires_at=Timestamp(seconds=253_370_764_799, nanos=999_999_999),
            reference="ü" * 256,
        )
    )


@pytest.mark.parametrize("count", [0, 1001])
async def test_a_batch_has_1_to_1000_operations(caller: Caller, count: int) -> None:
    operation: Any = {"request_id": "1", "get_balance": {"account_id": "acme"}}
    request = pb.BatchAuthorizeRequest(operations=[operation] * count)
    told = await failure(caller.authorization.BatchAuthorize(request))
    assert told[:3] == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD", ("operations",))


async def test_a_bad_operation_of_a_batch_is_told_in_its_place(caller: Caller) -> None:
    operations: Any = [
        {"request_id": "", "get_balance": {"account_id": "acme"}},
        {"request_id": "r" * 129, "get_balance": {"account_id": "acme"}},
        {"request_id": "1"},
        {"request_id": "2", "get_balance": {"account_id": "acme"}},
        {"request_id": "3", "reserve": {"account_id": "acme", "hold_id": "h"}},
    ]
    answer = await caller.authorization.BatchAuthorize(
        pb.BatchAuthorizeRequest(operations=operations)
    )
    assert [result.error.message.partition(":")[0] for result in answer.results] == [
        "authorize.request_id",
        "authorize.request_id",
        "authorize.operation",
        "",
        "reserve.amount_micros",
    ]
    assert answer.results[3].get_balance.balance.version > 0


async def test_no_bytes_whatever_find_a_bug(caller: Caller, figures: Figures) -> None:
    seed = 20260101
    random = Random(seed)
    sent = 0
    for method in UNARY:
        call = raw(caller, method)
        body = good(method, "acme", name="fuzz").SerializeToString()
        for _ in range(60):
            mutated = bytearray(body)
            for _ in range(random.randint(1, 4)):
                at = random.randrange(len(mutated)) if mutated else 0
                mutated[at : at + random.randint(0, 3)] = random.randbytes(random.randint(0, 4))
            await end_of(call, bytes(mutated))
            sent += 1
    figures(seed=seed, inputs=sent, INTERNAL=0, UNKNOWN=0)
