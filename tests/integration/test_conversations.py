"""First messages at once: however many servers are asked, each conversation is charged once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import grpc

from creditgate.v1 import account_service_pb2 as accounts_pb
from creditgate.v1 import authorization_service_pb2 as pb
from creditgate.v1 import catalog_service_pb2 as catalog_pb
from creditgate.v1 import conversation_pb2, hold_pb2
from creditgate.v1 import conversation_service_pb2 as conversations_pb
from creditgate.v1 import usage_service_pb2 as usage_pb
from tests.support.calls import good_plan, good_rate_card, read_failure
from tests.support.database import Database
from tests.support.figures import Figures
from tests.support.postgres_faults import broken_rules, vary
from tests.support.server import CREDIT, Caller, running_server

CONVERSATIONS, MESSAGES = 100, 10
AT_ONCE = 400
DEADLINE_SECONDS = 5
RECALL = "    v_contexts := creditgate.recall(p_utterances, v_now);\n"
ALLOWANCE = 1_000 * CREDIT


async def on_plan(caller: Caller, account_id: str) -> None:
    """Open an account whose conversations cost one credit each."""
    rate = hold_pb2.Rate(meter="chat.conversation", model="*", unit_price_micros=CREDIT)
    card = good_rate_card(rates=[rate])
    await caller.catalog.PutRateCard(catalog_pb.PutRateCardRequest(rate_card=card))
    pricing = conversation_pb2.CONVERSATION_PRICING_CONVERSATION
    plan = good_plan(
        allowance_micros=ALLOWANCE,
        welcome_micros=0,
        overdraft_limit_micros=0,
        rate_card_id="std",
        budgets=[],
        limits=catalog_pb.PlanLimits(),
        conversation_terms=conversation_pb2.ConversationTerms(pricing=pricing),
    )
    await caller.catalog.PutPlan(catalog_pb.PutPlanRequest(plan=plan))
    await caller.accounts.CreateAccount(accounts_pb.CreateAccountRequest(account_id=account_id))
    change = accounts_pb.PlanChange(plan_id="pro", version=1, timing=accounts_pb.PLAN_TIMING_NOW)
    request = accounts_pb.UpdateAccountRequest(account_id=account_id, plan=change)
    await caller.accounts.UpdateAccount(request)


class Tally(NamedTuple):
    """What became of the messages of all conversations."""

    said: Counter[str]
    opened: int
    settled_micros: int
    held_micros: int
    sessions: list[Any]


async def insist(method: Callable[..., Awaitable[Any]], request: Any) -> Any:
    """Ask, and again what a busy server has not carried out, as callers do."""
    while True:
        try:
            return await method(request, timeout=DEADLINE_SECONDS)
        except grpc.aio.AioRpcError as error:
            if read_failure(error).reason != "NOT_EXECUTED":
                raise
            await asyncio.sleep(0.05)


async def race(callers: tuple[Caller, Caller], account_id: str) -> Tally:
    """Say all messages of all conversations at once, half of them at each server."""
    said: Counter[str] = Counter()
    at_once = asyncio.Semaphore(AT_ONCE)

    async def say(number: int) -> bool:
        talk, message = f"c-{number % CONVERSATIONS}", f"m-{number // CONVERSATIONS}"
        caller = callers[number // CONVERSATIONS % 2]
        named: dict[str, Any] = {
            "account_id": account_id,
            "conversation_id": talk,
            "message_id": message,
        }
        reserve = conversations_pb.ReserveMessageRequest(**named)
        commit = conversations_pb.CommitMessageRequest(**named)
        try:
            async with at_once:
                answer = await insist(caller.conversations.ReserveMessage, reserve)
                said[pb.Decision.Name(answer.decision)] += 1
                await insist(caller.conversations.CommitMessage, commit)
        except grpc.aio.AioRpcError as error:
            said[error.code().name] += 1
            return False
        return bool(answer.opened)

    opened = sum(await asyncio.gather(*map(say, range(CONVERSATIONS * MESSAGES))))
    caller = callers[0]
    request = pb.GetBalanceRequest(account_id=account_id)
    balance = (await caller.authorization.GetBalance(request)).balance
    listed = usage_pb.ListConversationsRequest(account_id=account_id, page_size=1000)
    sessions = (await caller.usage.ListConversations(listed)).conversations
    return Tally(said, opened, balance.settled_micros, balance.held_micros, list(sessions))


async def test_a_thousand_first_messages_charge_a_hundred_conversations(
    database: Database, figures: Figures
) -> None:
    async with (
        running_server(database.url) as first,
        running_server(database.url) as second,
        Caller(first.target, first.key, first.tenant_id) as one,
        Caller(second.target, first.key, first.tenant_id) as two,
    ):
        await on_plan(one, "busy")
        tally = await race((one, two), "busy")
    assert tally.said == {"DECISION_GRANTED": CONVERSATIONS * MESSAGES}
    assert tally.opened == CONVERSATIONS
    assert tally.settled_micros == ALLOWANCE - CONVERSATIONS * CREDIT
    assert tally.held_micros == 0
    assert len(tally.sessions) == CONVERSATIONS
    for session in tally.sessions:
        assert (session.session, session.messages) == (1, MESSAGES)
        assert session.charged_micros == CREDIT
    assert await broken_rules(database) == []
    figures(messages=CONVERSATIONS * MESSAGES, servers=2, charged=CONVERSATIONS, twice=0)


async def test_control_without_the_lock_sessions_lose_what_they_were_told(
    database: Database, figures: Figures
) -> None:
    """The same load shows the fault when the protection is out: sessions read without the lock.

    A pause between reading and writing makes the interleaving certain on any machine.
    """
    await vary(
        database,
        "053_converse.sql",
        ("        FOR NO KEY UPDATE OF a;\n", ";\n"),
        (RECALL, f"{RECALL}    PERFORM pg_sleep(0.005);\n"),
    )
    async with (
        running_server(database.url) as first,
        running_server(database.url) as second,
        Caller(first.target, first.key, first.tenant_id) as one,
        Caller(second.target, first.key, first.tenant_id) as two,
    ):
        await on_plan(one, "busy")
        tally = await race((one, two), "busy")
    broken = await broken_rules(database)
    assert any("a session is charged once, with its first message" in line for line in broken)
    figures(broken=len(broken), failed=sum(tally.said.values()) - tally.said["DECISION_GRANTED"])
