"""The activity log as its callers see it."""

from __future__ import annotations

import resource
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

import creditgate
from creditgate.v1 import account_service_pb2 as accounts_pb
from creditgate.v1 import authorization_service_pb2 as pb
from creditgate.v1 import hold_pb2
from creditgate.v1 import usage_service_pb2 as usage_pb
from creditgate_server.domain.account_keys import account_key
from creditgate_server.rpc import activity
from tests.support.activity import fill
from tests.support.calls import failure, read_failure
from tests.support.clock import DatabaseClock, set_clock, stamp
from tests.support.database import Database
from tests.support.figures import Figures
from tests.support.server import CREDIT, Caller, Running, new_tenant, running_server

OLDEST = usage_pb.ACTIVITY_ORDER_OLDEST_FIRST
KINDS = accounts_pb.EntryKind


@pytest.fixture
async def running(database: Database) -> AsyncIterator[Running]:
    async with running_server(database.url, run_workers=False, exports_max=2) as server:
        yield server


@pytest.fixture
async def caller(running: Running) -> AsyncIterator[Caller]:
    async with running.caller() as caller:
        yield caller


async def page(caller: Caller, **more: Any) -> usage_pb.ListActivityResponse:
    answer = await caller.usage.ListActivity(
        usage_pb.ListActivityRequest(**{"account_id": "acme"} | more)
    )
    assert isinstance(answer, usage_pb.ListActivityResponse)
    return answer


def export(caller: Caller, **more: Any) -> Any:
    return caller.usage.ExportActivity(
        usage_pb.ExportActivityRequest(**{"account_id": "acme"} | more)
    )


async def end(call: Any) -> grpc.aio.AioRpcError:
    """Read an export to its error."""
    try:
        async for _ in call:
            pass
    except grpc.aio.AioRpcError as error:
        return error
    raise AssertionError("it ended without an error")


async def charge(caller: Caller, *names: str, **more: Any) -> None:
    for name in names:
        await caller.authorization.Charge(
            pb.ChargeRequest(account_id="acme", hold_id=name, amount_micros=CREDIT, **more)
        )


async def test_each_entry_says_what_it_was_for(caller: Caller, clock: DatabaseClock) -> None:
    await set_clock(clock, "2030-01-01T00:00")
    await caller.account(account_id="acme", credits_=10)
    attributes = hold_pb2.Attributes(agent="ann", model="large", topic="billing")
    await charge(caller, "h", attributes=attributes, labels={"team": "red"})
    await caller.accounts.Refund(
        accounts_pb.RefundRequest(account_id="acme", refund_id="r", hold_id="h", amount_micros=7)
    )
    await caller.accounts.RevokeGrant(
        accounts_pb.RevokeGrantRequest(account_id="acme", grant_id="first")
    )
    found = (await page(caller)).activities
    shown = [
        (KINDS.Name(it.kind), it.type, it.amount_micros, it.settled_micros, it.hold_id, it.name)
        for it in found
    ]
    left = 9 * CREDIT + 7
    assert shown == [
        ("ENTRY_KIND_REVOCATION", "revocation", -left, 0, "", "first"),
        ("ENTRY_KIND_REFUND", "refund", 7, left, "h", "r"),
        ("ENTRY_KIND_CHARGE", "charge", -CREDIT, 9 * CREDIT, "h", ""),
        ("ENTRY_KIND_GRANT", "grant", 10 * CREDIT, 10 * CREDIT, "", "first"),
    ]
    for it in found[1:3]:
        assert (it.attributes, dict(it.labels), it.model) == (attributes, {"team": "red"}, "large")
    assert not found[0].HasField("attributes")
    assert found[0].created_at == stamp("2030-01-01T00:00")


@pytest.mark.parametrize("order", [0, OLDEST])
async def test_pages_neither_skip_nor_repeat_while_entries_come(caller: Caller, order: Any) -> None:
    await caller.account(account_id="acme")
    names = [f"before-{n}" for n in range(6)]
    await charge(caller, *names)
    answer = await page(caller, page_size=2, order=order)
    found = [*answer.activities]
    while answer.next_page_token:
        await charge(caller, f"meanwhile-{len(found)}")
        token = answer.next_page_token
        answer = await page(caller, page_size=2, order=order, page_token=token)
        found += answer.activities
    told = [it.hold_id for it in found]
    assert told == (["", *names] if order else [*reversed(names), ""])
    assert sum(it.amount_micros for it in found) == 94 * CREDIT


async def test_the_last_days_are_those_of_the_database(
    caller: Caller, clock: DatabaseClock
) -> None:
    await set_clock(clock, "2030-01-01T00:00")
    await caller.account(account_id="acme")
    for day in range(2, 10):
        await set_clock(clock, f"2030-01-0{day}T00:00")
        await charge(caller, f"day-{day}")
    wanted = usage_pb.ActivityFilter(last=Duration(seconds=2 * 86_400))
    answer = await page(caller, filter=wanted, page_size=2)
    assert [it.hold_id for it in answer.activities] == ["day-9", "day-8"]
    # The range is that of the first page, whatever time it has become.
    await set_clock(clock, "2030-02-01T00:00")
    rest = await page(caller, filter=wanted, page_size=2, page_token=answer.next_page_token)
    assert [it.hold_id for it in rest.activities] == ["day-7"]
    assert not (await page(caller, filter=wanted)).activities


async def test_tokens_and_cursors_are_good_for_their_list_alone(
    caller: Caller, running: Running, database: Database
) -> None:
    await caller.account(account_id="acme")
    await caller.account(account_id="other")
    await charge(caller, "a", "b")
    token = (await page(caller, page_size=1)).next_page_token
    cursor = [chunk.cursor async for chunk in export(caller)][-1]
    by_meter = usage_pb.ActivityFilter(meter="chat")
    for changes in ({"account_id": "other"}, {"filter": by_meter}, {"order": OLDEST}):
        told = await failure(page(caller, page_token=token, **changes))
        assert told[:3] == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD", ("page_token",))
    tenant_id, key = await new_tenant(database.url)
    async with Caller(running.target, key, tenant_id) as stranger:
        await stranger.account(account_id="acme")
        cases: list[tuple[Caller, dict[str, Any]]] = [
            (caller, {"account_id": "other"}),
            (caller, {"filter": by_meter}),
            (stranger, {}),
        ]
        for who, changes in cases:
            told = read_failure(await end(export(who, **{"cursor": cursor} | changes)))
            assert told[:3] == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD", ("cursor",))
        for forged in ("a", token, "A" * 64):
            told = read_failure(await end(export(caller, cursor=forged)))
            assert told.fields == ("cursor",)


async def test_an_export_of_anothers_account_tells_as_much_as_of_none(
    caller: Caller, running: Running, database: Database
) -> None:
    await caller.account(account_id="acme")
    tenant_id, key = await new_tenant(database.url)
    async with Caller(running.target, key, tenant_id) as stranger:
        ends = [await end(export(stranger, account_id=name)) for name in ("acme", "nobody")]
    assert [error.code() for error in ends] == [grpc.StatusCode.NOT_FOUND] * 2
    told = [(error.details(), error.trailing_metadata()) for error in ends]
    assert told[0] == told[1]
    wrong = read_failure(await end(export(caller, account_id="a b")))
    assert wrong.fields == ("account_id",)


async def test_an_export_goes_on_after_any_chunk_within_its_range(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activity, "CHUNK_MAX", 3)
    await caller.account(account_id="acme")
    await charge(caller, *(f"h-{n}" for n in range(7)))
    chunks = [chunk async for chunk in export(caller)]
    whole = [it.hold_id for chunk in chunks for it in chunk.activities]
    assert [len(chunk.activities) for chunk in chunks] == [3, 3, 2]
    assert whole == ["", *(f"h-{n}" for n in range(7))]
    await charge(caller, "later")
    done = 0
    for chunk in chunks:
        done += len(chunk.activities)
        rest = [it async for each in export(caller, cursor=chunk.cursor) for it in each.activities]
        assert [it.hold_id for it in rest] == whole[done:]


async def test_there_are_only_so_many_exports_at_once(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activity, "CHUNK_MAX", 100)
    await caller.account(account_id="acme", credits_=1000)
    # Each describes itself at length, so that what is sent waits for its reader.
    labels = {f"k-{n}": "v" * 256 for n in range(16)}
    for number in range(10):
        operations: Any = [
            {
                "request_id": str(each),
                "charge": pb.ChargeRequest(
                    account_id="acme", hold_id=f"{number}-{each}", amount_micros=1, labels=labels
                ),
            }
            for each in range(100)
        ]
        await caller.authorization.BatchAuthorize(pb.BatchAuthorizeRequest(operations=operations))
    under_way = [export(caller) for _ in range(2)]
    for call in under_way:
        assert len((await anext(aiter(call))).activities) == 100
    told = read_failure(await end(export(caller)))
    assert told[:2] == (grpc.StatusCode.UNAVAILABLE, "NOT_EXECUTED")
    # A reader who comes to the end makes room for another.
    count = 100 + sum([len(chunk.activities) async for chunk in under_way[0]])
    assert count == 1001
    assert len([it async for chunk in export(caller) for it in chunk.activities]) == 1001
    under_way[1].cancel()


async def test_an_export_ends_when_the_server_goes_away(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activity, "CHUNK_MAX", 1)
    async with running_server(database.url, run_workers=False) as server, server.caller() as caller:
        await caller.account(account_id="acme")
        await charge(caller, "a", "b")
        server.app._services.exports.drain()
        call = export(caller)
        first = await anext(aiter(call))
        told = read_failure(await end(call))
        assert told[:2] == (grpc.StatusCode.UNAVAILABLE, "NOT_EXECUTED")
    async with (
        running_server(database.url, run_workers=False) as other,
        Caller(other.target, server.key, server.tenant_id) as caller,
    ):
        rest = [it async for each in export(caller, cursor=first.cursor) for it in each.activities]
        assert [it.hold_id for it in rest] == ["a", "b"]


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_an_export_takes_no_memory_however_long_it_is(
    database: Database, figures: Figures
) -> None:
    """Server and client are both in this process; each has one chunk at a time."""
    entries, whole = 300_000, 0
    async with running_server(database.url, run_workers=False) as server:
        owner = await database.connect()
        await fill(owner, account_key(server.tenant_id, "acme"), entries)
        await owner.close()
        async with creditgate.AsyncClient(server.target, api_key=server.key) as client:
            early, began = 0.0, time.perf_counter()
            async for chunk in client.export_activity("acme").chunks():
                whole += len(chunk.activities)
                if whole == 20_000:
                    early = resident_mib()
            seconds = time.perf_counter() - began
    grown = resident_mib() - early
    figures(entries=whole, rows_per_second=round(whole / seconds), grown_mib=round(grown, 1))
    assert (whole, grown < 8) == (entries, True)


def resident_mib() -> float:
    """Answer what this process has in memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1_048_576
