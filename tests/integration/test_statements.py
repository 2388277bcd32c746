"""Statements as their callers see them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from creditgate.v1 import account_pb2
from creditgate.v1 import account_service_pb2 as accounts_pb
from creditgate.v1 import authorization_service_pb2 as pb
from creditgate.v1 import catalog_service_pb2 as catalog_pb
from tests.support.calls import failure
from tests.support.clock import DatabaseClock, set_clock, stamp
from tests.support.database import Database
from tests.support.server import CREDIT, Caller, running_server

FAILED = grpc.StatusCode.FAILED_PRECONDITION
NOT_FOUND = grpc.StatusCode.NOT_FOUND
NO_LIMITS = catalog_pb.PlanLimits()


@pytest.fixture
async def caller(database: Database) -> AsyncIterator[Caller]:
    async with (
        running_server(database.url, run_workers=False) as server,
        server.caller() as caller,
    ):
        yield caller


async def update(caller: Caller, **changes: Any) -> None:
    request = accounts_pb.UpdateAccountRequest(account_id="acme", **changes)
    await caller.accounts.UpdateAccount(request)


async def statement(caller: Caller, **more: Any) -> accounts_pb.GetStatementResponse:
    request = accounts_pb.GetStatementRequest(account_id="acme", **more)
    answer = await caller.accounts.GetStatement(request)
    assert isinstance(answer, accounts_pb.GetStatementResponse)
    return answer


async def charge(caller: Caller, *names: str) -> None:
    for name in names:
        await caller.authorization.Charge(
            pb.ChargeRequest(account_id="acme", hold_id=name, amount_micros=CREDIT)
        )


async def test_a_statement_says_what_each_entry_drew_from(
    caller: Caller, clock: DatabaseClock
) -> None:
    await set_clock(clock, "2030-01-01T00:00")
    await caller.account(account_id="acme", credits_=1)
    await update(caller, overdraft_limit_micros=CREDIT)
    await charge(caller, "a")
    await caller.authorization.Charge(
        pb.ChargeRequest(account_id="acme", hold_id="b", amount_micros=5)
    )
    await caller.accounts.AddGrant(
        accounts_pb.AddGrantRequest(
            account_id="acme",
            grant_id="paid",
            kind=account_pb2.GRANT_KIND_PURCHASED,
            amount_micros=3,
        )
    )
    refund = accounts_pb.RefundRequest(
        account_id="acme", refund_id="r", hold_id="a", amount_micros=7
    )
    await caller.accounts.Refund(refund)
    whole = await statement(caller)
    shown = [
        (
            accounts_pb.EntryKind.Name(entry.kind).removeprefix("ENTRY_KIND_"),
            entry.amount_micros,
            entry.settled_micros,
            entry.hold_id,
            entry.name,
            [(draw.grant_id, draw.amount_micros) for draw in entry.draws],
        )
        for entry in whole.entries
    ]
    assert shown == [
        ("GRANT", CREDIT, CREDIT, "", "first", [("first", CREDIT)]),
        ("CHARGE", -CREDIT, 0, "a", "", [("first", CREDIT)]),
        ("CHARGE", -5, -5, "b", "", []),  # all of it debt
        ("GRANT", 3, -2, "", "paid", []),  # all of it has repaid debt
        ("REFUND", 7, 5, "a", "r", [("first", 5)]),  # 2 have repaid the rest
    ]
    assert (whole.opening_micros, whole.closing_micros) == (0, 5)
    assert {entry.created_at.seconds for entry in whole.entries} == {
        stamp("2030-01-01T00:00").seconds
    }


async def test_a_period_includes_its_beginning_and_not_its_end(
    caller: Caller, clock: DatabaseClock
) -> None:
    for day in range(1, 6):
        await set_clock(clock, f"2030-01-0{day}T00:00")
        if day == 1:
            await caller.account(account_id="acme", credits_=10)
        else:
            await charge(caller, f"day-{day}")
    first, last = stamp("2030-01-02T00:00"), stamp("2030-01-04T00:00")
    answer = await statement(caller, **{"from": first}, until=last)
    assert [entry.hold_id for entry in answer.entries] == ["day-2", "day-3"]
    assert (answer.opening_micros, answer.closing_micros) == (10 * CREDIT, 8 * CREDIT)
    before = await statement(caller, until=first)
    assert (before.opening_micros, before.closing_micros) == (0, 10 * CREDIT)
    after = await statement(caller, **{"from": stamp("2031-01-01T00:00")})
    assert (after.opening_micros, after.closing_micros) == (6 * CREDIT, 6 * CREDIT)
    assert not after.entries
    nothing = await statement(caller, until=stamp("1999-01-01T00:00"))
    assert (nothing.opening_micros, nothing.closing_micros) == (0, 0)


async def test_the_pages_of_a_statement_add_up_whatever_happens_meanwhile(caller: Caller) -> None:
    await caller.account(account_id="acme")
    await charge(caller, *(f"before-{n}" for n in range(6)))
    page = await statement(caller, page_size=3)
    pages = [page]
    while page.next_page_token:
        await charge(caller, f"meanwhile-{len(pages)}")
        page = await statement(caller, page_size=3, page_token=page.next_page_token)
        pages.append(page)
    assert [len(page.entries) for page in pages] == [3, 3, 1]
    ends = {(page.opening_micros, page.closing_micros) for page in pages}
    assert ends == {(0, 94 * CREDIT)}
    assert sum(entry.amount_micros for page in pages for entry in page.entries) == 94 * CREDIT


async def test_a_statements_token_is_good_for_its_period_alone(caller: Caller) -> None:
    await caller.account(account_id="acme")
    await caller.account(account_id="other")
    await charge(caller, "a", "b")
    token = (await statement(caller, page_size=1)).next_page_token
    for changes in (
        {"from": stamp("2020-01-01T00:00")},
        {"until": stamp("2040-01-01T00:00")},
        {"account_id": "other"},
    ):
        body: dict[str, Any] = {"account_id": "acme", "page_token": token} | changes
        told = await failure(caller.accounts.GetStatement(accounts_pb.GetStatementRequest(**body)))
        assert told[:3] == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD", ("page_token",))


async def test_a_statement_of_an_account_without_entries_is_empty(caller: Caller) -> None:
    await caller.account(account_id="acme", credits_=0)
    assert await statement(caller) == accounts_pb.GetStatementResponse()
