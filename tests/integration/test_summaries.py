"""Summaries as their callers see them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration

from creditgate.v1 import account_pb2, hold_pb2, summary_pb2
from creditgate.v1 import account_service_pb2 as accounts_pb
from creditgate.v1 import authorization_service_pb2 as pb
from creditgate.v1 import catalog_service_pb2 as catalog_pb
from creditgate.v1 import conversation_service_pb2 as conversations_pb
from creditgate.v1 import usage_pb2 as ranges_pb
from creditgate.v1 import usage_service_pb2 as usage_pb
from creditgate_server.domain.account_keys import account_key
from tests.support.archive import archive, empty
from tests.support.calls import failure
from tests.support.clock import DatabaseClock, set_clock, stamp
from tests.support.database import Database
from tests.support.figures import Figures
from tests.support.server import CREDIT, Caller, running_server

PLAN, ROLLOVER = account_pb2.GRANT_KIND_PLAN, account_pb2.GRANT_KIND_ROLLOVER
PURCHASED = account_pb2.GRANT_KIND_PURCHASED
CARD = catalog_pb.RateCard(
    rate_card_id="std",
    version=1,
    rates=[
        hold_pb2.Rate(
            meter="voice.call",
            model="*",
            unit_price_micros=600_000,
            unit_size=60,
            tiers=[hold_pb2.RateTier(from_quantity=600, unit_price_micros=300_000)],
        ),
        hold_pb2.Rate(meter="chat.message", model="*", unit_price_micros=2_000_000),
    ],
)
PRO = catalog_pb.Plan(
    plan_id="pro",
    version=1,
    allowance_micros=20 * CREDIT,
    cycle=catalog_pb.CYCLE_UNIT_MONTH,
    rollover_max_micros=5 * CREDIT,
    rate_card_id="std",
)
YEARLY = catalog_pb.Plan()
YEARLY.CopyFrom(PRO)
YEARLY.cycle, YEARLY.rollover_max_micros = catalog_pb.CYCLE_UNIT_YEAR, 0


@pytest.fixture
async def caller(database: Database) -> AsyncIterator[Caller]:
    async with running_server(database.url, run_workers=False) as server, server.caller() as caller:
        yield caller


async def summary(caller: Caller, **range_: Any) -> summary_pb2.Summary:
    wanted = ranges_pb.UsageRange(**range_) if range_ else None
    request = usage_pb.GetSummaryRequest(account_id="acme", range=wanted)
    answer: usage_pb.GetSummaryResponse = await caller.usage.GetSummary(request)
    return answer.summary


async def charge(caller: Caller, hold_id: str, credits_: int) -> None:
    request = pb.ChargeRequest(account_id="acme", hold_id=hold_id, amount_micros=credits_ * CREDIT)
    await caller.authorization.Charge(request)


async def subscribe(caller: Caller, *, zone: str = "UTC", plan: catalog_pb.Plan = PRO) -> None:
    """Put the account on a plan from now on."""
    await caller.catalog.PutRateCard(catalog_pb.PutRateCardRequest(rate_card=CARD))
    await caller.catalog.PutPlan(catalog_pb.PutPlanRequest(plan=plan))
    change = accounts_pb.UpdateAccountRequest(
        account_id="acme",
        time_zone=zone,
        plan=accounts_pb.PlanChange(plan_id="pro", version=1),
    )
    await caller.accounts.UpdateAccount(change)


async def call(caller: Caller, name: str, *, seconds: int, used: int = 0) -> None:
    await caller.authorization.Reserve(
        pb.ReserveRequest(
            account_id="acme",
            hold_id=name,
            usage=hold_pb2.Usage(meter="voice.call", quantity=seconds),
            call=hold_pb2.Call(gateway_id="gw", gateway_epoch=1),
            ttl=Duration(seconds=86_400),
        )
    )
    if used:
        request = pb.CommitRequest(
            account_id="acme", hold_id=name, used_quantity=used, keep_open=True
        )
        await caller.authorization.Commit(request)


def days(of: summary_pb2.Summary) -> list[tuple[str, int, int]]:
    return [(day.date, day.consumed_micros // CREDIT, day.holds) for day in of.days]


async def test_a_cycle_its_days_and_where_they_lead(caller: Caller, clock: DatabaseClock) -> None:
    await set_clock(clock, "2030-01-10T18:30")  # midnight of the eleventh in Kolkata
    await caller.account(account_id="acme", credits_=100)
    await subscribe(caller, zone="Asia/Kolkata")
    await set_clock(clock, "2030-01-11T18:29:59")
    await charge(caller, "a", 7)
    await set_clock(clock, "2030-01-11T18:30")
    await charge(caller, "b", 2)
    await charge(caller, "c", 1)
    refund = accounts_pb.RefundRequest(
        account_id="acme", refund_id="r", hold_id="a", amount_micros=4 * CREDIT
    )
    await caller.accounts.Refund(refund)
    await set_clock(clock, "2030-01-13T06:30")
    found = await summary(caller)

    assert found.account_id == "acme"
    assert found.period == summary_pb2.SummaryPeriod(
        kind=summary_pb2.SUMMARY_PERIOD_KIND_CYCLE,
        starts_at=stamp("2030-01-10T18:30"),
        ends_at=stamp("2030-02-10T18:30"),
        time_zone="Asia/Kolkata",
        days_left=29,
    )
    assert days(found) == [("2030-01-11", 7, 1), ("2030-01-12", -1, 2), ("2030-01-13", 0, 0)]
    assert (found.consumed_micros, found.holds) == (6 * CREDIT, 3)
    assert found.allowance_micros == 20 * CREDIT
    assert found.balance.settled_micros == 114 * CREDIT
    trend = found.trend
    assert trend.peak == found.days[0]
    assert trend.average_micros == 2_400_000  # two days and a half
    assert (trend.recent_micros, trend.before_micros) == (6 * CREDIT, 0)
    assert trend.projected_micros == 31 * 2_400_000
    # As many days as the credits last, at 2.4 a day.
    wanted = stamp("2030-01-13T06:30").ToDatetime() + timedelta(days=47.5)
    assert trend.run_out_at.ToDatetime() == wanted
    sources = {source.kind: source for source in found.sources}
    assert sources[PLAN].given_micros == 20 * CREDIT
    assert sources[PLAN].next_expiry_at == stamp("2030-02-10T18:30")
    assert not sources[PURCHASED].HasField("next_expiry_at")
    assert sum(source.remaining_micros for source in found.sources) == 114 * CREDIT


async def test_the_next_cycle_begins_anew(caller: Caller, clock: DatabaseClock) -> None:
    await set_clock(clock, "2030-01-31T00:00")
    await caller.account(account_id="acme")
    await subscribe(caller)
    await charge(caller, "a", 12)
    await set_clock(clock, "2030-02-28T00:00")
    await charge(caller, "b", 30)
    found = await summary(caller)
    assert found.period.starts_at == stamp("2030-02-28T00:00")
    assert found.period.ends_at == stamp("2030-03-31T00:00")
    assert days(found) == [("2030-02-28", 30, 1)]
    given = {source.kind: source.given_micros // CREDIT for source in found.sources}
    assert given == {PLAN: 20, ROLLOVER: 5, PURCHASED: 0}
    assert (found.allowance_micros, found.overage_micros) == (25 * CREDIT, 5 * CREDIT)


async def test_without_cycles_it_is_the_month_of_the_accounts_zone(
    caller: Caller, clock: DatabaseClock
) -> None:
    await set_clock(clock, "2029-12-31T10:59")
    await caller.account(account_id="acme")
    await caller.accounts.UpdateAccount(
        accounts_pb.UpdateAccountRequest(account_id="acme", time_zone="Pacific/Auckland")
    )
    await charge(caller, "old", 1)
    await set_clock(clock, "2029-12-31T11:00")  # midnight there
    await charge(caller, "new", 2)
    found = await summary(caller)
    assert found.period.kind == summary_pb2.SUMMARY_PERIOD_KIND_MONTH
    assert found.period.starts_at == stamp("2029-12-31T11:00")
    assert found.period.ends_at == stamp("2030-01-31T11:00")
    assert found.period.days_left == 31
    assert days(found) == [("2030-01-01", 2, 1)]
    assert not found.allowance_micros
    assert not found.overage_micros
    assert found.trend.recent_micros == 3 * CREDIT


async def test_ranges(caller: Caller, clock: DatabaseClock) -> None:
    await set_clock(clock, "2030-01-01T00:00")
    await caller.account(account_id="acme")
    for day in range(1, 5):
        await set_clock(clock, f"2030-01-0{day}T12:00")
        await charge(caller, f"day-{day}", day)
    everything = await summary(caller, last=Duration(seconds=86_400 * 365))
    assert everything.period == summary_pb2.SummaryPeriod(
        kind=summary_pb2.SUMMARY_PERIOD_KIND_RANGE,
        starts_at=stamp("2030-01-01T00:00"),
        ends_at=stamp("2030-01-04T12:00"),
        time_zone="UTC",
    )
    assert [day[1] for day in days(everything)] == [1, 2, 3, 4]
    assert everything.trend.projected_micros == 10 * CREDIT
    middle = {"from": stamp("2030-01-01T12:00"), "until": stamp("2030-01-03T12:00")}
    assert days(await summary(caller, **middle)) == [
        ("2030-01-01", 1, 1),
        ("2030-01-02", 2, 1),
        ("2030-01-03", 0, 0),
    ]
    assert [day[1] for day in days(await summary(caller, last=Duration(seconds=86_400)))] == [3, 4]
    ahead = {"from": stamp("2030-01-04T00:00"), "until": stamp("2030-01-07T00:00")}
    half = await summary(caller, **ahead)
    assert half.period.days_left == 3
    assert [day[1] for day in days(half)] == [4]
    # Ten credits in three days and a half: as much for each of the two and a half that are left.
    assert half.trend.projected_micros == 11_142_857
    later = await summary(caller, **{"from": stamp("2030-02-01T00:00")})
    assert not later.days
    assert later.trend.projected_micros == 0


async def test_what_calls_hold_and_cost(caller: Caller, clock: DatabaseClock) -> None:
    await set_clock(clock, "2030-01-01T00:00")
    await caller.account(account_id="acme", credits_=0)
    await subscribe(caller)
    await call(caller, "short", seconds=60)
    found = await summary(caller)
    assert (found.open_holds, found.open_calls, found.holds) == (1, 1, 0)
    assert not found.trend.HasField("run_out_at")
    # Twenty credits at one cent a second.
    assert found.trend.calls_run_out == Duration(seconds=2_000)
    await call(caller, "long", seconds=900, used=600)
    await caller.authorization.Reserve(
        pb.ReserveRequest(account_id="acme", hold_id="chat", amount_micros=4 * CREDIT)
    )
    found = await summary(caller)
    assert (found.open_holds, found.open_calls, found.holds) == (3, 2, 1)
    # Six were charged, four are held by others; the long one has come to the cheaper tier.
    assert found.trend.calls_run_out.ToMicroseconds() == 10 * 1000 * 10**6 // 15
    await caller.authorization.Release(pb.ReleaseRequest(account_id="acme", hold_id="short"))
    await caller.authorization.Release(pb.ReleaseRequest(account_id="acme", hold_id="long"))
    assert not (await summary(caller)).trend.HasField("calls_run_out")


async def test_an_account_with_nothing_left_has_run_out(
    caller: Caller, clock: DatabaseClock
) -> None:
    await set_clock(clock, "2030-01-01T00:00")
    await caller.account(account_id="acme", credits_=1)
    assert not (await summary(caller)).trend.HasField("run_out_at")
    await charge(caller, "all", 1)
    await set_clock(clock, "2030-03-01T00:00")
    assert (await summary(caller)).trend.run_out_at == stamp("2030-03-01T00:00")


async def test_conversations_and_what_a_message_would_cost(
    caller: Caller, clock: DatabaseClock
) -> None:
    await set_clock(clock, "2030-01-01T00:00")
    await caller.account(account_id="acme")
    await subscribe(caller)
    for minute, name in enumerate(("a", "b", "a")):
        await set_clock(clock, f"2030-01-01T00:0{minute}")
        message = f"m-{minute}"
        for ask, request in (
            (caller.conversations.ReserveMessage, conversations_pb.ReserveMessageRequest),
            (caller.conversations.CommitMessage, conversations_pb.CommitMessageRequest),
        ):
            await ask(request(account_id="acme", conversation_id=name, message_id=message))
    totals = (await summary(caller)).conversations
    assert (totals.sessions, totals.messages, totals.seconds) == (2, 3, 120)
    assert (totals.charged_micros, totals.per_message_micros) == (6 * CREDIT, 2 * CREDIT)
    await set_clock(clock, "2030-01-01T01:00")
    assert (await summary(caller)).conversations.seconds == 120 + 2 * 1_800
    later = await summary(caller, **{"from": stamp("2030-01-01T00:01")})
    assert later.conversations.sessions == 1


async def test_what_was_revoked_counts_if_it_ever_began(
    caller: Caller, clock: DatabaseClock
) -> None:
    await set_clock(clock, "2030-01-05T00:00")
    await caller.account(account_id="acme", credits_=5)
    promotional = account_pb2.GRANT_KIND_PROMOTIONAL
    for name, kind, begins in (
        ("begun", PURCHASED, None),
        ("pending", promotional, stamp("2030-01-06T00:00")),
    ):
        request = accounts_pb.AddGrantRequest(
            account_id="acme",
            grant_id=name,
            kind=kind,
            amount_micros=3 * CREDIT,
            effective_at=begins,
        )
        await caller.accounts.AddGrant(request)
        revoke = accounts_pb.RevokeGrantRequest(account_id="acme", grant_id=name)
        await caller.accounts.RevokeGrant(revoke)
    await set_clock(clock, "2030-01-07T00:00")
    await charge(caller, "a", 1)
    found = (await summary(caller)).sources
    shown = [(it.kind, it.given_micros // CREDIT, it.remaining_micros // CREDIT) for it in found]
    assert shown == [(PURCHASED, 8, 4)]


async def test_no_such_account(caller: Caller) -> None:
    assert (await failure(summary(caller))).reason == "ACCOUNT_NOT_FOUND"


async def test_all_of_it_is_of_one_instant(
    caller: Caller, database: Database, figures: Figures
) -> None:
    """While an account is charged and summed up, what is left and what is gone are all there is."""
    await caller.account(account_id="acme", credits_=1_000)
    owner = await database.connect()
    key = account_key(caller.tenant_id, "acme")
    working = True

    async def work(worker: int) -> None:
        number = 0
        while working:
            number += 1
            await charge(caller, f"{worker}-{number}", 1)
            if worker == 0:
                await owner.execute("SELECT creditgate.roll_up($1, $2, 2)", *key)

    async with asyncio.TaskGroup() as group:
        for worker in range(4):
            group.create_task(work(worker))
        apart = torn = 0
        for _ in range(1_000):
            found, again = await asyncio.gather(summary(caller), summary(caller))
            left = found.balance.settled_micros
            days = sum(day.consumed_micros for day in found.days)
            gone = {found.consumed_micros, days, found.holds * CREDIT, found.trend.recent_micros}
            torn += gone != {1_000 * CREDIT - left}
            # What two of them say does not go together: so charges do come in between.
            apart += again.balance.settled_micros + found.consumed_micros != 1_000 * CREDIT
            if apart >= 5 or found.holds > 900:
                break
        working = False
    await owner.close()
    figures(torn=torn, apart=apart)
    assert not torn
    assert apart


async def test_a_year_whose_beginning_is_not_kept_any_more(
    caller: Caller, database: Database, clock: DatabaseClock
) -> None:
    await set_clock(clock, "2029-01-01T08:07")
    await caller.account(account_id="acme")
    await subscribe(caller, plan=YEARLY)
    for number, at in enumerate(("2029-12-31T00:00", "2030-01-01T08:10", "2030-01-01T08:15")):
        await set_clock(clock, at)
        await charge(caller, f"h-{number}", 1)
    owner = await database.connect()
    key = account_key(caller.tenant_id, "acme")
    await set_clock(clock, "2030-05-01T00:00")
    await charge(caller, "late", 2)
    before = await summary(caller)
    assert (before.consumed_micros, before.holds) == (4 * CREDIT, 3)
    for each in (archive, empty):
        await each(owner, key, after=timedelta(days=-90))
    await owner.close()

    found = await summary(caller)
    assert found.period.starts_at == stamp("2030-01-01T08:15")
    assert found.period.ends_at == before.period.ends_at
    assert (found.consumed_micros, found.holds) == (3 * CREDIT, 2)
    assert days(found)[0] == ("2030-01-01", 1, 1)
    assert found.sources == before.sources
    assert found.allowance_micros == 20 * CREDIT
    assert (await summary(caller, **{"from": stamp("2029-06-01T00:00")})).holds == 4
    told = await failure(summary(caller, **{"from": stamp("2030-01-01T08:09")}))
    assert told.reason == "RANGE_ARCHIVED"
