"""One tenant cannot see, change or even detect what is another's."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from grpc_status import rpc_status

from creditgate.v1 import authorization_service_pb2 as pb
from creditgate_server.rpc.method import Method
from tests.support.calls import (
    ADMINISTRATION,
    BY_NAME,
    CONVERSING,
    OPERATIONS,
    REPORTING,
    SELLING,
    TELLING,
    UNARY,
    failure,
    good,
    service_of,
)
from tests.support.database import Database
from tests.support.figures import Figures
from tests.support.server import CREDIT, Caller, new_tenant, running_server

THEIRS, ABSENT = "theirs-1", "absent-1"
MAKES_ITS_OWN = {
    "CreateAccount",
    "ListAccounts",
    "PutPlan",
    "ListPlans",
    "PutPackage",
    "ListPackages",
    "PutRateCard",
    "ListRateCards",
    "ListEndpoints",
    "ListDeliveries",
    "BatchAuthorize",
}


async def their_account(owner: Caller) -> None:
    """Give the other tenant a plan, and an account on it with one of everything, of one name."""
    await owner.account(account_id=THEIRS)
    for method in (
        "PutRateCard",
        "PutPlan",
        "PutPackage",
        "UpdateAccount",
        "PutBudget",
        "Reserve",
        "Charge",
        "AddGrant",
        "AddAddon",
        "PutEndpoint",
        "ReleaseMessage",
    ):
        name = "charged" if method == "Charge" else THEIRS
        await service_of(owner, BY_NAME[method])(good(BY_NAME[method], THEIRS, name=name))


async def answer_bytes(call: Any) -> tuple[grpc.StatusCode, str | None, bytes]:
    """Answer all that a failed call tells its caller, to the byte."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    status = rpc_status.from_call(caught.value)
    details = status.SerializeToString() if status else b""
    trailing = [key for key, _ in caught.value.trailing_metadata() or ()]
    assert trailing == ["grpc-status-details-bin"]
    return caught.value.code(), caught.value.details(), details


def about(method: Method, account_id: str) -> Message:
    """Answer a good request about an account and the things of its name."""
    return good(method, account_id, name=account_id)


async def test_what_is_anothers_is_absent_to_the_byte_on_every_method(
    database: Database, figures: Figures
) -> None:
    async with running_server(database.url) as server, server.caller() as owner:
        await their_account(owner)
        tenant_id, key = await new_tenant(database.url)
        async with Caller(server.target, key, tenant_id) as stranger:
            cells = 0
            for method in UNARY:
                if method.name in MAKES_ITS_OWN:
                    continue
                call = service_of(stranger, method)
                foreign = await answer_bytes(call(about(method, THEIRS)))
                absent = await answer_bytes(call(about(method, ABSENT)))
                assert foreign == absent, method.name
                assert foreign[0] is grpc.StatusCode.NOT_FOUND
                assert THEIRS.encode() not in foreign[2]
                cells += 1
        figures(cells=cells, leaks=0)
        methods = (*OPERATIONS, *ADMINISTRATION, *SELLING, *TELLING, *CONVERSING, *REPORTING)
        assert cells == len(methods) - 10


async def test_what_is_anothers_is_absent_within_ones_own_account(database: Database) -> None:
    """The names of holds and grants are looked for in the named account alone."""
    async with running_server(database.url) as server, server.caller() as owner:
        await their_account(owner)
        tenant_id, key = await new_tenant(database.url)
        async with Caller(server.target, key, tenant_id) as stranger:
            await stranger.account(account_id="mine")
            for method in (
                "GetHold",
                "Commit",
                "Extend",
                "RevokeGrant",
                "Refund",
                "CancelAddon",
                "UpdateAccount",
            ):
                call = service_of(stranger, BY_NAME[method])
                foreign = await answer_bytes(call(good(BY_NAME[method], "mine", name=THEIRS)))
                absent = await answer_bytes(call(good(BY_NAME[method], "mine", name=ABSENT)))
                assert foreign == absent, method


async def test_one_name_in_two_tenants_is_two_things(database: Database) -> None:
    async with running_server(database.url) as server, server.caller() as one:
        tenant_id, key = await new_tenant(database.url)
        async with Caller(server.target, key, tenant_id) as other:
            for caller, credits_ in ((one, 10), (other, 20)):
                await caller.account(account_id="acme", credits_=credits_)
                request = pb.ReserveRequest(account_id="acme", hold_id="h", amount_micros=credits_)
                answer = await caller.authorization.Reserve(request)
                assert not answer.replayed
                assert answer.balance.settled_micros == credits_ * CREDIT
            listed = await one.accounts.ListAccounts(BY_NAME["ListAccounts"].request())
            assert [account.balance.held_micros for account in listed.accounts] == [10]


async def test_a_page_token_is_of_no_use_to_another_tenant_or_list(database: Database) -> None:
    list_accounts, list_grants = BY_NAME["ListAccounts"], BY_NAME["ListGrants"]
    async with running_server(database.url) as server, server.caller() as owner:
        for name in ("a", "b"):
            await owner.account(account_id=name)
        page = await owner.accounts.ListAccounts(list_accounts.request(page_size=1))
        token = page.next_page_token
        assert token
        tenant_id, key = await new_tenant(database.url)
        async with Caller(server.target, key, tenant_id) as stranger:
            await stranger.account(account_id="a")
            for caller, method, more in (
                (stranger, list_accounts, {}),
                (stranger, list_grants, {"account_id": "a"}),
                (owner, list_grants, {"account_id": "a"}),
            ):
                told = await failure(
                    service_of(caller, method)(method.request(page_token=token, **more))
                )
                assert told.code is grpc.StatusCode.INVALID_ARGUMENT
                assert told.fields == ("page_token",)


async def test_a_batch_and_a_stream_tell_no_more_than_the_calls_themselves(
    database: Database,
) -> None:
    async with running_server(database.url) as server, server.caller() as owner:
        await their_account(owner)
        tenant_id, key = await new_tenant(database.url)
        async with Caller(server.target, key, tenant_id) as stranger:
            answers = []
            for account_id in (THEIRS, ABSENT):
                operations: Any = [
                    {"request_id": "1", method.snake: about(method, account_id)}
                    for method in OPERATIONS
                ]
                request = pb.BatchAuthorizeRequest(operations=operations)
                answers.append(await stranger.authorization.BatchAuthorize(request))
            assert answers[0] == answers[1]
            assert all(result.error.code == 5 for result in answers[0].results)
