"""Usage as its callers see it: pages, tokens, and what is not kept any more."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from creditgate.v1 import account_service_pb2 as accounts_pb
from creditgate.v1 import authorization_service_pb2 as pb
from creditgate.v1 import catalog_service_pb2 as catalog_pb
from creditgate.v1 import hold_pb2, usage_pb2
from creditgate.v1 import usage_service_pb2 as messages
from creditgate_server.domain.account_keys import account_key
from tests.support.archive import archive, empty
from tests.support.calls import failure
from tests.support.clock import DatabaseClock, set_clock, stamp
from tests.support.database import Database
from tests.support.server import CREDIT, Caller, Running, new_tenant, running_server

AGENT, MODEL = usage_pb2.USAGE_GROUPING_AGENT, usage_pb2.USAGE_GROUPING_MODEL
DAY, HOUR = usage_pb2.USAGE_UNIT_DAY, usage_pb2.USAGE_UNIT_HOUR
DEAREST = usage_pb2.USAGE_ORDER_DEAREST_FIRST


@pytest.fixture
async def running(database: Database) -> AsyncIterator[Running]:
    async with running_server(database.url, run_workers=False) as server:
        yield server


@pytest.fixture
async def caller(running: Running) -> AsyncIterator[Caller]:
    async with running.caller() as caller:
        yield caller


async def ask(caller: Caller, **more: Any) -> messages.QueryUsageResponse:
    request = messages.QueryUsageRequest(**{"account_id": "acme"} | more)
    answer = await caller.usage.QueryUsage(request)
    assert isinstance(answer, messages.QueryUsageResponse)
    return answer


async def rest(caller: Caller, first: messages.QueryUsageResponse, **asked: Any) -> list[Any]:
    """All rows of an answer, read on from its first page."""
    rows, answer = [*first.rows], first
    while answer.next_page_token:
        answer = await ask(caller, **asked, page_token=answer.next_page_token)
        rows += answer.rows
    return rows


async def charge(caller: Caller, name: str, *, agent: str, amount: int = CREDIT) -> None:
    await caller.authorization.Charge(
        pb.ChargeRequest(
            account_id="acme",
            hold_id=name,
            amount_micros=amount,
            attributes=hold_pb2.Attributes(agent=agent),
        )
    )


async def refusal(call: Any) -> tuple[grpc.StatusCode, str, Sequence[str]]:
    told = await failure(call)
    return told.code, told.reason, told.fields


def range_of(start: str = "", until: str = "") -> usage_pb2.UsageRange:
    bounds = {"from": start, "until": until}
    return usage_pb2.UsageRange(**{name: stamp(at) for name, at in bounds.items() if at})  # type: ignore[arg-type]


async def test_pages_are_of_what_there_was_when_the_first_was_read(caller: Caller) -> None:
    await caller.account(account_id="acme", credits_=100)
    for number in range(9):
        agent = f"agent-{number % 5}"
        await charge(caller, f"h-{number}", agent=agent, amount=(number + 1) * CREDIT)
    for more in ({"order": DEAREST}, {"unit": HOUR, "range": usage_pb2.UsageRange()}, {}):
        asked: dict[str, Any] = {"by": [AGENT], "page_size": 2, **more}
        first = await ask(caller, **asked)
        whole = list((await ask(caller, **asked | {"page_size": 1000})).rows)
        # The cheapest becomes the dearest, and a group more comes.
        await charge(caller, f"late-{len(more)}", agent="agent-0", amount=9 * CREDIT)
        await charge(caller, f"new-{len(more)}", agent=f"new-{len(more)}")
        assert len(first.rows) == 2
        assert await rest(caller, first, **asked) == whole
        assert list((await ask(caller, **asked | {"page_size": 1000})).rows) != whole
    assert [
        row.value for row in (await ask(caller, by=[AGENT], order=DEAREST, page_size=1)).rows
    ] == ["agent-0"]


async def test_a_token_is_good_for_its_question_alone(
    caller: Caller, running: Running, database: Database
) -> None:
    await caller.account(account_id="acme", credits_=100)
    for agent in ("a", "b", "c"):
        await charge(caller, agent, agent=agent)
    asked: dict[str, Any] = {"by": [AGENT], "page_size": 1}
    token = (await ask(caller, **asked)).next_page_token
    assert (await ask(caller, **asked, page_token=token)).rows[0].value == "b"
    # The page may have another size.
    assert len((await ask(caller, by=[AGENT], page_size=9, page_token=token)).rows) == 2
    others: list[dict[str, Any]] = [
        {"by": [MODEL]},
        {"order": DEAREST},
        {"unit": DAY},
        {"range": range_of("2020-01-01")},
        {"filter": usage_pb2.UsageFilter(agent="a")},
        {"account_id": "other"},
    ]
    await caller.account(account_id="other")
    wrong = (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD", ("page_token",))
    for other in others:
        assert await refusal(ask(caller, **asked | other, page_token=token)) == wrong, other
    _, key = await new_tenant(database.url)
    async with running.caller(key) as stranger:
        await stranger.account(account_id="acme")
        assert await refusal(ask(stranger, **asked, page_token=token)) == wrong


async def put_rates(caller: Caller) -> None:
    rates = [hold_pb2.Rate(meter="voice.call", model="*", unit_price_micros=CREDIT)]
    card = catalog_pb.RateCard(rate_card_id="std", version=1, rates=rates)
    await caller.catalog.PutRateCard(catalog_pb.PutRateCardRequest(rate_card=card))
    plan = catalog_pb.Plan(plan_id="pro", version=1, rate_card_id="std", rate_card_version=1)
    await caller.catalog.PutPlan(catalog_pb.PutPlanRequest(plan=plan))
    change = accounts_pb.PlanChange(plan_id="pro", version=1)
    await caller.accounts.UpdateAccount(
        accounts_pb.UpdateAccountRequest(account_id="acme", plan=change)
    )


async def call(caller: Caller, name: str, *, seconds: int) -> None:
    await caller.authorization.Reserve(
        pb.ReserveRequest(
            account_id="acme",
            hold_id=name,
            usage=hold_pb2.Usage(meter="voice.call", quantity=60),
            call=hold_pb2.Call(gateway_id="gw", gateway_epoch=1),
            attributes=hold_pb2.Attributes(agent="ann"),
        )
    )
    await caller.authorization.Commit(
        pb.CommitRequest(account_id="acme", hold_id=name, used_quantity=seconds)
    )


async def calls(caller: Caller, **more: Any) -> messages.GetDistributionResponse:
    measure = usage_pb2.USAGE_MEASURE_CALL_SECONDS
    request = messages.GetDistributionRequest(account_id="acme", measure=measure, **more)
    answer = await caller.usage.GetDistribution(request)
    assert isinstance(answer, messages.GetDistributionResponse)
    return answer


async def test_what_is_not_kept_any_more_is_answered_as_far_as_it_was_summed_up(
    caller: Caller, running: Running, database: Database
) -> None:
    connection = await database.connect()
    clock = DatabaseClock(connection)
    await clock.stop()
    await set_clock(clock, "2030-01-01T10:05")
    await caller.account(account_id="acme", credits_=1000)
    await put_rates(caller)
    for number, at in enumerate(("2030-01-01T10:10", "2030-01-01T23:50", "2030-01-02T10:00")):
        await set_clock(clock, at)
        await call(caller, f"call-{number}", seconds=10 * (number + 1))
    asked: list[dict[str, Any]] = [
        {"unit": DAY},
        {"unit": HOUR, "by": [MODEL]},
        {"unit": DAY, "by": [AGENT]},
        {"by": [AGENT], "range": range_of("2030-01-02")},
        {"range": range_of("2030-01-01T10:15", "2030-01-01T23:45")},
        {"range": range_of("2030-01-01T10:15", "2030-01-01T23:51")},
        {"unit": HOUR, "by": [AGENT], "range": range_of("2030-01-02T10:00", "2030-01-03")},
    ]
    before = [list((await ask(caller, **each)).rows) for each in asked]
    told = await calls(caller)
    assert (told.count, told.maximum, told.p50) == (3, 30, 20)

    # Archived, all of it is still there; then all but the last day is not.
    key = account_key(running.tenant_id, "acme")
    await set_clock(clock, "2031-01-01")
    assert await archive(connection, key)
    assert [list((await ask(caller, **each)).rows) for each in asked] == before
    assert await calls(caller) == told
    hours: dict[str, Any] = {"unit": HOUR, "by": [AGENT], "range": range_of("", "2030-01-03")}
    assert len((await ask(caller, **hours)).rows) == 3
    assert await empty(connection, key, after=timedelta(days=-363, hours=-20))

    lost = (grpc.StatusCode.FAILED_PRECONDITION, "RANGE_ARCHIVED", ())
    for each, rows in zip(asked[:5], before, strict=False):
        assert list((await ask(caller, **each)).rows) == rows, each
    assert await refusal(ask(caller, **asked[5])) == lost
    assert list((await ask(caller, **asked[6])).rows) == before[6]
    assert await refusal(ask(caller, **hours)) == lost
    middle = range_of("2030-01-01T12:00")
    assert await refusal(ask(caller, by=[AGENT], range=middle)) == lost
    assert (await ask(caller, by=[MODEL], range=middle)).rows[0].holds == 2
    # Days are kept as those of the zone they were summed up for.
    zone = accounts_pb.UpdateAccountRequest(account_id="acme", time_zone="Asia/Tokyo")
    await caller.accounts.UpdateAccount(zone)
    assert await refusal(ask(caller, unit=DAY, by=[AGENT])) == lost
    assert (await ask(caller, unit=DAY)).rows[0].starts_at == stamp("2029-12-31T15:00")

    # Of calls those are left that are kept, and nobody is told of fewer than there were.
    assert (await calls(caller)).count == 1
    assert (await calls(caller, range=range_of("2030-01-02"))).count == 1
    assert await refusal(calls(caller, range=range_of("2030-01-01"))) == lost
    await connection.close()


async def test_a_range_that_ends_before_it_begins_has_nothing(caller: Caller) -> None:
    await caller.account(account_id="acme", credits_=10)
    await charge(caller, "h", agent="a")
    future = Timestamp(seconds=4_000_000_000)
    later = usage_pb2.UsageRange(**{"from": future})  # type: ignore[arg-type]
    assert not (await ask(caller, range=later, unit=DAY)).rows
    assert not (await calls(caller, range=later)).count
