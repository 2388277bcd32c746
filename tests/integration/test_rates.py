"""Metered work under concurrency, over two servers, while its rate card changes; older servers."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import grpc

from creditgate.v1 import account_service_pb2 as accounts_pb
from creditgate.v1 import authorization_service_pb2 as pb
from creditgate.v1 import catalog_service_pb2 as catalog_pb
from creditgate.v1 import hold_pb2
from creditgate_server.domain.account_keys import account_key
from tests.support.calls import failure, good_plan, good_rate_card
from tests.support.database import Database
from tests.support.figures import Figures
from tests.support.server import CREDIT, Caller, running_server

REQUESTS = 400
GRANTED = 100
# 7 s in blocks of 6: 12 s.
SECONDS, BILLED = 7, 12


def card(version: int, price: int) -> catalog_pb.PutRateCardRequest:
    rate = hold_pb2.Rate(meter="voice.call", model="*", unit_price_micros=price, increment=6)
    return catalog_pb.PutRateCardRequest(rate_card=good_rate_card(version=version, rates=[rate]))


async def on_plan(caller: Caller, version: int) -> None:
    plan = good_plan(
        plan_id="metered",
        version=version,
        allowance_micros=GRANTED * BILLED * CREDIT,
        welcome_micros=0,
        overdraft_limit_micros=0,
        rate_card_id="std",
        budgets=[],
        limits=catalog_pb.PlanLimits(),
    )
    await caller.catalog.PutPlan(catalog_pb.PutPlanRequest(plan=plan))


async def choose(caller: Caller, account_id: str, version: int) -> None:
    change = accounts_pb.PlanChange(plan_id="metered", version=version)
    change.timing = accounts_pb.PLAN_TIMING_NOW
    await caller.accounts.UpdateAccount(
        accounts_pb.UpdateAccountRequest(account_id=account_id, plan=change)
    )


async def test_concurrent_usage_is_granted_exactly_and_keeps_its_price(
    database: Database, figures: Figures
) -> None:
    usage = hold_pb2.Usage(meter="voice.call", quantity=SECONDS)
    async with (
        running_server(database.url) as first,
        running_server(database.url) as second,
        Caller(first.target, first.key, first.tenant_id) as one,
        Caller(second.target, first.key, first.tenant_id) as two,
    ):
        await one.catalog.PutRateCard(card(1, CREDIT))
        await on_plan(one, 1)
        await one.accounts.CreateAccount(accounts_pb.CreateAccountRequest(account_id="busy"))
        await choose(one, "busy", 1)

        async def reserve(number: int) -> pb.ReserveResponse:
            caller = (one, two)[number % 2]
            request = pb.ReserveRequest(account_id="busy", hold_id=f"h-{number}", usage=usage)
            answer: pb.ReserveResponse = await caller.authorization.Reserve(request)
            return answer

        answers = await asyncio.gather(*map(reserve, range(REQUESTS)))
        granted = [each.hold for each in answers if each.decision == pb.DECISION_GRANTED]
        assert len(granted) == GRANTED
        assert {each.granted_micros for each in granted} == {BILLED * CREDIT}

        # A dearer card comes while the holds are committed: none of them costs more.
        await one.catalog.PutRateCard(card(2, 5 * CREDIT))
        await on_plan(one, 2)

        async def commit(number: int, hold: hold_pb2.Hold) -> int:
            caller = (one, two)[number % 2]
            charged = 0
            for total, keep_open in ((3, True), (SECONDS, True), (5, True), (SECONDS, False)):
                request = pb.CommitRequest(
                    account_id="busy", hold_id=hold.hold_id, used_quantity=total
                )
                request.keep_open = keep_open
                charged += (await caller.authorization.Commit(request)).charged_micros
            return charged

        *charged, _ = await asyncio.gather(
            *(commit(number, hold) for number, hold in enumerate(granted)),
            choose(two, "busy", 2),
        )
        assert charged == [BILLED * CREDIT] * GRANTED
        key = account_key(first.tenant_id, "busy")
        connection = await database.connect()
        broken = await connection.fetch("SELECT * FROM creditgate.verify($1)", key.bucket)
        await connection.close()
        assert broken == []
        figures(asked=REQUESTS, granted=GRANTED, wrong_prices=0)


async def test_a_server_of_the_version_before_goes_on_working(database: Database) -> None:
    """It calls `apply` and `put_plan` without what it does not know."""
    async with running_server(database.url) as server, server.caller() as caller:
        await caller.catalog.PutRateCard(card(1, CREDIT))
        await on_plan(caller, 1)
        await caller.account(account_id="old")
        key = account_key(server.tenant_id, "old")
        connection = await database.connect()
        operation = (
            *(1, key.bucket, key.account_key, "h", 5, 0, None, 60_000, False, b"f", "", None),
        )
        rows = await connection.fetch(
            "SELECT * FROM creditgate.apply($1::creditgate.operation[])", [operation]
        )
        assert (rows[0]["outcome"], rows[0]["hold_granted_micros"]) == (1, 5)
        rows = await connection.fetch(
            "SELECT p_outcome FROM creditgate.put_plan("
            "  (SELECT (p.tenant_id, 'older', 1, p.name, p.allowance_micros, p.cycle_unit,"
            "           p.rollover_max_micros, p.welcome_micros, p.overdraft_limit_micros,"
            "           p.overage_policy, NULL, NULL, NULL, p.fingerprint, p.created_at,"
            "           p.thresholds, p.expiry_notice_ms)::creditgate.plans"
            "     FROM creditgate.plans AS p WHERE p.plan_id = 'metered'),"
            "  '{}'::creditgate.budget[])"
        )
        assert rows[0]["p_outcome"] == 10
        await connection.close()


async def test_a_rate_card_of_another_tenant_prices_nothing(database: Database) -> None:
    async with running_server(database.url) as server, server.caller() as caller:
        plan = good_plan(plan_id="theirs", rate_card_id=f"absent-{uuid4()}")
        told = await failure(caller.catalog.PutPlan(catalog_pb.PutPlanRequest(plan=plan)))
        assert told[:2] == (grpc.StatusCode.NOT_FOUND, "RATE_CARD_NOT_FOUND")
