"""WatchAccount: what happens to an account is told as it happens."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from grpc_status import rpc_status

from creditgate.v1 import account_pb2
from creditgate.v1 import account_service_pb2 as accounts_pb
from creditgate.v1 import authorization_service_pb2 as pb
from creditgate.v1 import event_service_pb2 as events_pb
from creditgate_server.domain.keys import Scope
from tests.support.bad_values import bad_values
from tests.support.calls import WATCH, good_body, read_failure
from tests.support.database import Database
from tests.support.figures import Figures
from tests.support.server import (
    CREDIT,
    Caller,
    Running,
    keys_in,
    new_key,
    new_tenant,
    running_server,
    until,
)

Seen = tuple[int, int, int, int]
"""Version, settled, held, open holds."""


@pytest.fixture
async def caller(server: Running) -> AsyncIterator[Caller]:
    async with server.caller() as caller:
        await caller.account(account_id="acme", credits_=100)
        yield caller


def watch(caller: Caller, account_id: str = "acme", **more: Any) -> Any:
    request = events_pb.WatchAccountRequest(account_id=account_id, **more)
    return caller.events.WatchAccount(request, timeout=None)


async def change(call: Any, *, seconds: float = 5) -> Any:
    """The next thing that is told."""
    async with asyncio.timeout(seconds):
        answer = await call.read()
    assert answer is not grpc.aio.EOF
    return getattr(answer, answer.WhichOneof("change"))


async def silence(call: Any, *, seconds: float = 0.7) -> None:
    with pytest.raises(TimeoutError):
        await change(call, seconds=seconds)


async def end(call: Any, *, seconds: float = 5) -> grpc.aio.AioRpcError:
    """Read until the watch ends, and answer its error."""
    try:
        async with asyncio.timeout(seconds):
            while await call.read() is not grpc.aio.EOF:
                continue
    except grpc.aio.AioRpcError as error:
        return error
    raise AssertionError("it ended without an error")


def reserve(hold_id: str, *, account_id: str = "acme", seconds: float = 60) -> pb.ReserveRequest:
    ttl = Duration(nanos=int(seconds * 1e9) % 10**9, seconds=int(seconds))
    return pb.ReserveRequest(account_id=account_id, hold_id=hold_id, amount_micros=7, ttl=ttl)


def seen(state: Any) -> Seen:
    balance = state.balance
    return (balance.version, balance.settled_micros, balance.held_micros, state.open_holds)


async def test_the_account_as_it_stands_comes_first_and_then_each_change(caller: Caller) -> None:
    call = watch(caller)
    state = await change(call)
    assert seen(state) == (1, 100 * CREDIT, 0, 0)
    assert state.status == account_pb2.ACCOUNT_STATUS_ACTIVE
    assert state.balance.available_micros == 100 * CREDIT
    await caller.authorization.Reserve(reserve("h"))
    assert seen(await change(call)) == (2, 100 * CREDIT, 7, 1)
    await caller.authorization.Commit(
        pb.CommitRequest(account_id="acme", hold_id="h", used_micros=7)
    )
    assert seen(await change(call)) == (3, 100 * CREDIT - 7, 0, 0)
    await caller.accounts.UpdateAccount(
        accounts_pb.UpdateAccountRequest(
            account_id="acme", status=account_pb2.ACCOUNT_STATUS_SUSPENDED
        )
    )
    assert (await change(call)).status == account_pb2.ACCOUNT_STATUS_SUSPENDED


async def test_a_hold_that_ends_without_changing_the_balance_is_told_too(caller: Caller) -> None:
    await caller.authorization.Reserve(reserve("h"))
    used: Any = {"account_id": "acme", "hold_id": "h", "used_micros": 7}
    await caller.authorization.Commit(pb.CommitRequest(**used, keep_open=True))
    call = watch(caller)
    state = await change(call)
    assert seen(state) == (3, 100 * CREDIT - 7, 0, 1)
    await caller.authorization.Commit(pb.CommitRequest(**used))
    assert seen(await change(call)) == (3, 100 * CREDIT - 7, 0, 0)


async def test_nothing_is_told_when_nothing_happens(caller: Caller) -> None:
    call = watch(caller)
    await change(call)
    await silence(call)


async def test_what_is_told_has_been_so_and_the_last_of_it_is_how_it_is(
    database: Database, figures: Figures
) -> None:
    """Two servers, both watched while both change the account."""
    chance, truth = Random(7), dict[int, tuple[int, int]]()
    async with (
        running_server(database.url, watch_interval_ms=20) as one,
        running_server(database.url, watch_interval_ms=20) as two,
        one.caller() as first,
        Caller(two.target, one.key, one.tenant_id) as second,
    ):
        await first.account(account_id="acme", credits_=100)
        calls = [watch(each) for each in (first, second) for _ in range(3)]
        told: list[list[Seen]] = [[seen(await change(call))] for call in calls]

        async def work(caller: Caller, name: str) -> None:
            for number in range(60):
                answer: Any = await caller.authorization.Reserve(reserve(f"{name}-{number}"))
                note(truth, answer.balance)
                used: Any = {"hold_id": f"{name}-{number}", "used_micros": chance.randrange(8)}
                answer = await caller.authorization.Commit(
                    pb.CommitRequest(account_id="acme", **used)
                )
                note(truth, answer.balance)

        works = [work(each, f"{n}") for n, each in enumerate((first, second) * 4)]
        readers = [asyncio.create_task(read_on(call, of)) for call, of in zip(calls, told)]  # noqa: B905 - as many
        await asyncio.gather(*works)
        last = max(truth)
        await until(lambda: all(each[-1][0] == last for each in told))
        for reader in readers:
            reader.cancel()
    for each in told:
        assert [version for version, *_ in each] == sorted({version for version, *_ in each})
        assert all(truth[version] == (settled, held) for version, settled, held, _ in each[1:])
    figures(changes=len(truth), told=[len(each) for each in told], wrong=0)
    assert min(len(each) for each in told) > 5


def note(truth: dict[int, tuple[int, int]], balance: account_pb2.Balance) -> None:
    """Remember what a balance was; two answers of one version agree."""
    was = (balance.settled_micros, balance.held_micros)
    assert truth.setdefault(balance.version, was) == was


async def read_on(call: Any, told: list[Seen]) -> None:
    while (answer := await call.read()) is not grpc.aio.EOF:
        if answer.HasField("state"):
            told.append(seen(answer.state))


async def test_a_hold_must_end_is_told_once_for_each_of_its_expiries(caller: Caller) -> None:
    call = watch(caller, warn_before=Duration(seconds=1))
    await change(call)
    await caller.authorization.Reserve(reserve("late", seconds=60))
    await change(call)
    begun = await caller.authorization.Reserve(reserve("soon", seconds=1.5))
    await change(call)
    warned = await change(call)
    assert (warned.hold_id, warned.held_micros) == ("soon", 7)
    assert warned.ends_at == begun.hold.expires_at
    extended = await caller.authorization.Extend(
        pb.ExtendRequest(account_id="acme", hold_id="soon", ttl=Duration(seconds=2))
    )
    again = await change(call)
    assert (again.hold_id, again.ends_at) == ("soon", extended.hold.expires_at)
    ended = await change(call)
    assert seen(ended) == (4, 100 * CREDIT, 7, 1)
    await silence(call)


async def test_no_hold_is_warned_of_when_nobody_wants_it(caller: Caller) -> None:
    call = watch(caller, warn_before=Duration())
    await change(call)
    await caller.authorization.Reserve(reserve("h", seconds=1))
    assert (await change(call)).open_holds == 1
    assert (await change(call)).open_holds == 0


async def test_each_who_watches_is_warned_in_its_own_time(caller: Caller) -> None:
    early = watch(caller, warn_before=Duration(seconds=60))
    late = watch(caller, warn_before=Duration(nanos=500_000_000))
    for call in (early, late):
        await change(call)
    begun = await caller.authorization.Reserve(reserve("h", seconds=1.5))
    ends = begun.hold.expires_at.ToMilliseconds() / 1000
    told = []
    for call in (early, late):
        assert (await change(call)).open_holds == 1
        assert (await change(call)).hold_id == "h"
        told.append(ends - time.time())
    assert told[0] > 0.8
    assert 0.5 > told[1] > -1


async def test_what_is_anothers_is_absent_to_the_byte(server: Running, database: Database) -> None:
    async with server.caller() as owner:
        await owner.account(account_id="theirs")
        tenant_id, key = await new_tenant(database.url)
        async with Caller(server.target, key, tenant_id) as stranger:
            ends = []
            for account_id in ("theirs", "absent"):
                error = await end(watch(stranger, account_id))
                status = rpc_status.from_call(error)
                assert status is not None
                ends.append((error.code(), error.details(), status.SerializeToString()))
    assert ends[0] == ends[1]
    assert ends[0][0] is grpc.StatusCode.NOT_FOUND


async def test_every_bad_value_of_every_field_is_refused_by_name(caller: Caller) -> None:
    cases = [
        (named, {field.name: value})
        for field in WATCH.request.DESCRIPTOR.fields
        for named, value in bad_values(WATCH, field.name)
    ]
    for named, changes in cases:
        request = WATCH.request(**good_body(WATCH, "acme") | changes)
        told = read_failure(await end(caller.events.WatchAccount(request)))
        assert told[:3] == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD", (named,)), changes
        assert told.text.startswith(f"watch_account.{named}: ")
    assert len(cases) > 12


async def test_what_is_no_message_is_refused(caller: Caller) -> None:
    metadata = (("authorization", f"Bearer {caller.key}"),)
    stub: Any = caller.channel.stream_stream(WATCH.path)
    for requests in ([b"\xff\xff"], []):
        told = read_failure(await end(stub(iter(requests), metadata=metadata)))
        assert told[:3] == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD", ("request",))


async def test_too_many_watches_are_refused_and_others_stay(database: Database) -> None:
    async with (
        running_server(database.url, watches_max=3, tenant_watches_max=2) as server,
        server.caller() as caller,
    ):
        await caller.account(account_id="acme")
        open_ = [watch(caller) for _ in range(2)]
        for call in open_:
            await change(call)
        assert read_failure(await end(watch(caller)))[:2] == (
            grpc.StatusCode.UNAVAILABLE, "NOT_EXECUTED",
        )  # fmt: skip
        tenant_id, key = await new_tenant(database.url)
        async with Caller(server.target, key, tenant_id) as other:
            await other.account(account_id="acme")
            theirs = watch(other)
            await change(theirs)
            told = read_failure(await end(watch(other)))
            assert told.reason == "NOT_EXECUTED", "the server as a whole has no more room"
        open_[0].cancel()
        await until(lambda: server.app._services.watches.count < 3)
        await change(watch(caller))


async def test_a_draining_server_says_watch_on_elsewhere(server: Running, caller: Caller) -> None:
    calls = [watch(caller) for _ in range(50)]
    for call in calls:
        await change(call)
    started = asyncio.get_running_loop().time()
    await server.app.drain()
    assert asyncio.get_running_loop().time() - started < 1.5
    for call in calls:
        told = read_failure(await end(call))
        assert told[:2] == (grpc.StatusCode.UNAVAILABLE, "NOT_EXECUTED")


async def test_a_watch_that_has_become_old_is_ended(database: Database) -> None:
    async with (
        running_server(database.url, watch_age_max_seconds=1) as server,
        server.caller() as caller,
    ):
        await caller.account(account_id="acme")
        told = read_failure(await end(watch(caller)))
        assert (told.reason, told.text) == (
            "NOT_EXECUTED",
            "the watch has become old: begin another",
        )


async def test_a_revoked_key_ends_its_watches(server: Running, database: Database) -> None:
    key = await new_key(database.url, server.tenant_id, Scope.READ)
    async with server.caller() as owner, server.caller(key) as caller:
        await owner.account(account_id="acme")
        mine, others = watch(caller), watch(owner)
        for call in (mine, others):
            await change(call)
        async with keys_in(database.url) as keys:
            assert await keys.revoke_key(key[3:15])
        error = await end(mine, seconds=2.5)
        assert read_failure(error)[:2] == (grpc.StatusCode.UNAUTHENTICATED, "KEY_INVALID")
        await owner.authorization.Reserve(reserve("h"))
        assert (await change(others)).open_holds == 1


async def test_who_goes_away_leaves_nothing_behind(server: Running, caller: Caller) -> None:
    calls = [watch(caller) for _ in range(20)]
    for call in calls:
        await change(call)
    assert server.app._services.watches.count == 20
    for call in calls:
        call.cancel()
    await until(lambda: server.app._services.watches.count == 0)
    assert not server.app._topics._topics


async def test_an_account_that_is_opened_later_can_be_watched(caller: Caller) -> None:
    assert (await end(watch(caller, "new"))).code() is grpc.StatusCode.NOT_FOUND
    await caller.account(account_id="new", credits_=0)
    assert seen(await change(watch(caller, "new"))) == (0, 0, 0, 0)


async def test_a_thousand_watches_and_how_soon_they_are_told(
    server: Running, figures: Figures
) -> None:
    async with server.caller() as caller:
        names = [f"a-{number}" for number in range(250)]
        await asyncio.gather(*(caller.account(account_id=name, credits_=1) for name in names))
        calls = [watch(caller, name) for name in names for _ in range(4)]
        await asyncio.gather(*(change(call, seconds=20) for call in calls))
        started = time.monotonic()
        requests = [reserve("h", account_id=name) for name in names]
        await asyncio.gather(*(caller.authorization.Reserve(each) for each in requests))
        told = await asyncio.gather(*(change(call, seconds=20) for call in calls))
        figures(watches=len(calls), accounts=len(names), told_after_s=time.monotonic() - started)
        assert all(each.open_holds == 1 for each in told)
        for call in calls:
            call.cancel()
