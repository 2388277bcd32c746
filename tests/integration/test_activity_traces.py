"""Each entry leads to the trace of the work it was for."""

from __future__ import annotations

from typing import Any

import pytest

import creditgate
from creditgate.v1 import account_service_pb2 as accounts_pb
from creditgate.v1 import authorization_service_pb2 as pb
from creditgate.v1 import conversation_service_pb2 as conversation_pb
from creditgate.v1 import hold_pb2
from creditgate.v1 import usage_service_pb2 as usage_pb
from creditgate_server.rpc.traces import with_trace
from tests.support.database import Database
from tests.support.server import CREDIT, Caller, running_server

TRACE, OTHER = "4bf92f3577b34da6a3ce929d0e0e4736", "0af7651916cd43dd8448eb211c80319c"


def under(caller: Caller, trace_id: str) -> dict[str, Any]:
    """How a call is made in a trace that is not sampled."""
    traceparent = f"00-{trace_id}-00f067aa0ba902b7-00"
    key = ("authorization", f"Bearer {caller.key}")
    return {"metadata": [key, ("traceparent", traceparent)]}


async def traces(caller: Caller) -> dict[str, str]:
    request = usage_pb.ListActivityRequest(account_id="acme")
    found = (await caller.usage.ListActivity(request)).activities
    return {it.hold_id or it.name: it.trace_id for it in found}


async def test_an_entry_names_the_trace_its_hold_began_in(database: Database) -> None:
    async with running_server(database.url) as server, server.caller() as caller:
        await caller.account(account_id="acme")
        plain = pb.ChargeRequest(account_id="acme", hold_id="plain", amount_micros=CREDIT)
        described = pb.ReserveRequest(
            account_id="acme",
            hold_id="described",
            amount_micros=CREDIT,
            attributes=hold_pb2.Attributes(agent="ann"),
            labels={"team": "red"},
        )
        await caller.authorization.Charge(plain, **under(caller, TRACE))
        await caller.authorization.Reserve(described, **under(caller, TRACE))
        commit = pb.CommitRequest(account_id="acme", hold_id="described", used_micros=CREDIT)
        await caller.authorization.Commit(commit, **under(caller, OTHER))
        await caller.authorization.Charge(
            pb.ChargeRequest(account_id="acme", hold_id="alone", amount_micros=CREDIT)
        )
        refund = accounts_pb.RefundRequest(
            account_id="acme", refund_id="r", hold_id="plain", amount_micros=1
        )
        await caller.accounts.Refund(refund, **under(caller, OTHER))
        shown = {"plain": TRACE, "described": TRACE, "alone": "", "first": ""}
        assert await traces(caller) == shown

        # In another trace it is the same request, and what was said of the work is as it was.
        assert (await caller.authorization.Charge(plain, **under(caller, OTHER))).replayed
        assert (await caller.authorization.Reserve(described, **under(caller, OTHER))).replayed
        assert (await caller.authorization.Reserve(described)).replayed
        assert await traces(caller) == shown
        hold = await caller.authorization.GetHold(
            pb.GetHoldRequest(account_id="acme", hold_id="described")
        )
        assert (hold.hold.attributes.agent, dict(hold.hold.labels)) == ("ann", {"team": "red"})


async def test_messages_have_theirs(database: Database) -> None:
    async with running_server(database.url) as server, server.caller() as caller:
        await caller.account(account_id="acme")
        await let_messages_cost_a_credit(caller)
        said: dict[str, Any] = {"account_id": "acme", "conversation_id": "talk", "message_id": "m"}
        request = conversation_pb.ReserveMessageRequest(**said)
        await caller.conversations.ReserveMessage(request, **under(caller, TRACE))
        again = await caller.conversations.ReserveMessage(request, **under(caller, OTHER))
        assert again.replayed
        await caller.conversations.CommitMessage(conversation_pb.CommitMessageRequest(**said))
        assert await traces(caller) == {"talk##m": TRACE, "first": ""}


async def let_messages_cost_a_credit(caller: Caller) -> None:
    async with creditgate.AsyncClient(caller.target, api_key=caller.key) as client:
        rate = creditgate.Rate.of("chat.message", unit_price=1)
        await client.put_rate_card("std", version=1, rates=[rate])
        await client.put_plan("pro", version=1, rate_card_id="std")
        await client.update_account("acme", plan="pro@1")


@pytest.mark.parametrize(
    ("details", "kept"),
    [
        (None, '{"trace_id":"t"}'),
        ('{"labels":{"k":"}"}}', '{"labels":{"k":"}"},"trace_id":"t"}'),
    ],
)
def test_the_trace_is_kept_beside_what_was_said(details: str | None, kept: str) -> None:
    assert with_trace(details, "t") == kept
