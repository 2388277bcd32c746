"""Who may do what, and how soon a revoked key is worth nothing."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest

from creditgate.v1 import authorization_service_pb2 as pb
from creditgate_server.domain.keys import Scope, new_key
from creditgate_server.rpc.method import Method
from tests.support.calls import (
    BY_NAME,
    METHODS,
    STREAM,
    UNARY,
    failure,
    good,
    read_failure,
    service_of,
)
from tests.support.database import Database
from tests.support.figures import Figures
from tests.support.server import Caller, Running, keys_in, running_server
from tests.support.server import new_key as new_key_of

AUTHORIZE = {
    "Reserve",
    "Extend",
    "Commit",
    "Release",
    "Charge",
    "BatchAuthorize",
    "Authorize",
    "ReserveMessage",
    "CommitMessage",
    "ReleaseMessage",
    "CloseConversation",
}
READ_OR_AUTHORIZE = {"Quote", "GetHold", "GetBalance", "WatchAccount", "GetConversation"}
READ_OR_ADMIN = {
    "GetAccount",
    "ListAccounts",
    "ListGrants",
    "ListHolds",
    "ListAddons",
    "ListBudgets",
    "GetStatement",
    "ListActivity",
    "ExportActivity",
    "GetPlan",
    "ListPlans",
    "GetRateCard",
    "ListRateCards",
    "ListEvents",
    "GetPackage",
    "ListPackages",
    "ListTopups",
    "ListDeliveries",
    "ListConversations",
    "GetSummary",
    "CreateUsageLink",
    "QueryUsage",
    "GetDistribution",
}
ADMIN = {
    "CreateAccount",
    "UpdateAccount",
    "AddGrant",
    "ConfirmGrant",
    "RefuseTopup",
    "PutPackage",
    "RevokeGrant",
    "Refund",
    "AddAddon",
    "CancelAddon",
    "PutBudget",
    "DeleteBudget",
    "PutPlan",
    "PutRateCard",
    "PutEndpoint",
    "ListEndpoints",
    "RotateEndpointSecret",
    "DeleteEndpoint",
    "RetryDelivery",
}

BALANCE = BY_NAME["GetBalance"]


def allowed(method: str, scope: Scope) -> bool:
    """Say what the documentation says."""
    return (
        method
        in {
            Scope.AUTHORIZE: AUTHORIZE | READ_OR_AUTHORIZE,
            Scope.READ: READ_OR_AUTHORIZE | READ_OR_ADMIN,
            Scope.ADMIN: READ_OR_ADMIN | ADMIN,
        }[scope]
    )


async def ask(caller: Caller, **more: Any) -> Any:
    return await caller.authorization.GetBalance(good(BALANCE, "acme"), **more)


def question() -> pb.AuthorizeRequest:
    return pb.AuthorizeRequest(request_id="1", get_balance=pb.GetBalanceRequest(account_id="acme"))


async def one_answer(caller: Caller, method: Method) -> Any:
    """Ask one thing, and answer what was answered, or answered first."""
    request = iter([question()]) if method is STREAM else good(method, "acme")
    call = service_of(caller, method)(request)
    return await (call.read() if method.streams else call)


async def test_each_scope_allows_exactly_its_cells(
    server: Running, database: Database, figures: Figures
) -> None:
    assert {method.name for method in METHODS} == (
        AUTHORIZE | READ_OR_AUTHORIZE | READ_OR_ADMIN | ADMIN
    )
    cells = 0
    for scope in Scope:
        key = await new_key_of(database.url, server.tenant_id, scope)
        async with server.caller(key) as caller:
            for method in METHODS:
                code, reason = await _end(one_answer(caller, method))
                refused = code is grpc.StatusCode.PERMISSION_DENIED
                assert refused is not allowed(method.name, scope), (scope, method.name, code)
                assert not refused or reason == "SCOPE_MISSING"
                cells += 1
    figures(cells=cells, escalations=0)
    assert cells == len(METHODS) * len(Scope)


async def _end(call: Any) -> tuple[grpc.StatusCode, str]:
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error.code(), read_failure(error).reason
    return grpc.StatusCode.OK, ""


def bad_headers(key: str, revoked: str, expired: str) -> list[tuple[tuple[str, str], ...]]:
    mistyped = key[:-1] + ("a" if key[-1] != "a" else "b")
    swapped = key[:16] + new_key().text[16:]
    texts = [
        "", "Bearer", "Bearer ", "Basic abc", key, f"Basic {key}", f"Bearer {key} x", "Bearer cg_",
        f"Bearer {mistyped}", f"Bearer {swapped}", f"Bearer {new_key().text}", f"Bearer {revoked}",
        f"Bearer {expired}", f"Bearer {key}{key}", "Bearer " + "a" * 4000,
    ]  # fmt: skip
    return [(), *[(("authorization", text),) for text in texts]]


async def test_every_bad_key_gets_the_same_answer_on_every_method(
    server: Running, database: Database
) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    scopes = tuple(Scope)
    expired = await new_key_of(database.url, server.tenant_id, *scopes, expires_at=past)
    revoked = await new_key_of(database.url, server.tenant_id, *scopes)
    async with keys_in(database.url) as keys:
        assert await keys.revoke_key(revoked[3:15])
    headers = bad_headers(server.key, revoked, expired)
    async with server.caller() as caller:
        told = set()
        for metadata in headers:
            call = service_of(caller, BALANCE)
            told.add(await failure(call(good(BALANCE, "acme"), metadata=metadata)))
        for method in UNARY:
            call = service_of(caller, method)
            told.add(await failure(call(good(method, "acme"), metadata=())))
    assert len(told) == 1
    only = told.pop()
    assert (only.code, only.reason) == (grpc.StatusCode.UNAUTHENTICATED, "KEY_INVALID")


async def test_the_scheme_is_read_in_any_case(server: Running) -> None:
    async with server.caller() as caller:
        await caller.account(account_id="acme")
        await ask(caller, metadata=(("authorization", f"bearer  {server.key}"),))


async def test_an_unknown_method_says_nothing_of_keys(server: Running) -> None:
    async with grpc.aio.insecure_channel(server.target) as channel:
        call: Any = channel.unary_unary("/creditgate.v1.AccountService/Nothing")
        told = await failure(call(b""))
    assert told.code is grpc.StatusCode.UNIMPLEMENTED


async def test_a_revoked_key_is_worth_nothing_everywhere_within_a_second(
    database: Database, figures: Figures
) -> None:
    """By notice: the cache alone would believe it for five minutes."""
    cache = {"key_cache_ttl_ms": 300_000}
    async with (
        running_server(database.url, **cache) as one,
        running_server(database.url, **cache) as two,
    ):
        key = await new_key_of(database.url, one.tenant_id, *Scope)
        async with one.caller(key) as first, Caller(two.target, key, one.tenant_id) as second:
            await first.account(account_id="acme")
            for caller in (first, second):
                await ask(caller)
            async with keys_in(database.url) as keys:
                assert await keys.revoke_key(key[3:15])
            revoked_at = time.monotonic()
            for caller in (first, second):
                while (await _end(ask(caller)))[0] is grpc.StatusCode.OK:
                    assert time.monotonic() - revoked_at < 1
                    await asyncio.sleep(0.01)
            figures(revoked_after_s=time.monotonic() - revoked_at)


async def test_without_a_notice_a_revoked_key_is_believed_no_longer_than_the_cache_says(
    database: Database,
) -> None:
    async with running_server(database.url, key_cache_ttl_ms=500) as server:
        key = await new_key_of(database.url, server.tenant_id, *Scope)
        async with server.caller(key) as caller:
            await caller.account(account_id="acme")
            connection = await database.connect()
            await connection.execute(
                "UPDATE creditgate.api_keys SET revoked_at = now() WHERE key_id = $1", key[3:15]
            )
            await connection.close()
            started = time.monotonic()
            while (await _end(ask(caller)))[0] is grpc.StatusCode.OK:
                assert time.monotonic() - started < 1
                await asyncio.sleep(0.02)


async def test_a_key_ends_at_its_time(database: Database) -> None:
    async with running_server(database.url, key_cache_ttl_ms=100) as server:
        soon = datetime.now(UTC) + timedelta(seconds=1)
        key = await new_key_of(database.url, server.tenant_id, *Scope, expires_at=soon)
        async with server.caller(key) as caller:
            await caller.account(account_id="acme")
            await asyncio.sleep(1.2)
            assert (await _end(ask(caller)))[0] is grpc.StatusCode.UNAUTHENTICATED


async def test_a_revoked_key_ends_an_open_stream(server: Running, database: Database) -> None:
    key = await new_key_of(database.url, server.tenant_id, *Scope)
    async with server.caller(key) as caller:
        await caller.account(account_id="acme")
        call = caller.authorization.Authorize(timeout=None)
        await call.write(question())
        assert (await call.read()).HasField("get_balance")
        async with keys_in(database.url) as keys:
            await keys.revoke_key(key[3:15])
        await asyncio.sleep(0.3)
        await call.write(question())
        assert (await call.read()).error.code == grpc.StatusCode.UNAUTHENTICATED.value[0]
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.read()
        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_keys_are_kept_as_digests_and_never_logged(
    server: Running, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG"):
        async with server.caller() as caller:
            await caller.account(account_id="acme")
            await failure(ask(caller, metadata=(("authorization", f"Bearer {server.key}x"),)))
    connection = await database.connect()
    rows = await connection.fetch("SELECT t::text FROM creditgate.api_keys AS t")
    await connection.close()
    assert rows
    secret = server.key[16:-6]
    assert not any(secret in str(row) for row in rows)
    assert secret not in caplog.text


async def test_a_tenant_over_its_rate_is_told_to_wait_and_others_are_not(
    database: Database,
) -> None:
    async with (
        running_server(database.url, tenant_rate_per_second=5, tenant_burst=5) as server,
        server.caller() as caller,
    ):
        await caller.account(account_id="acme")
        ends = [await _end(ask(caller)) for _ in range(10)]
        limited = [end for end in ends if end[0] is grpc.StatusCode.RESOURCE_EXHAUSTED]
        assert limited
        assert {reason for _, reason in limited} == {"RATE_LIMITED"}
        other = await new_key_of(database.url, await _another_tenant(database), *Scope)
        async with server.caller(other) as neighbour:
            await neighbour.account(account_id="acme")


async def _another_tenant(database: Database) -> Any:
    async with keys_in(database.url) as keys:
        tenant, _ = await keys.ensure_tenant("another")
    return tenant.tenant_id
