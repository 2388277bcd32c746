"""The worked example of docs/conversations.md, and every number in it."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

from creditgate import (
    AsyncClient,
    Conversation,
    ConversationPricing,
    ConversationTerms,
    CycleUnit,
    Rate,
)
from tests.scenarios.world import World

TEXT = (Path(__file__).parents[2] / "docs" / "conversations.md").read_text()


def rows() -> list[dict[str, str]]:
    """The rows of the page's table of calls, by the heads of their columns."""
    tables = re.findall(r"(?:^\|.*\n)+", TEXT, re.MULTILINE)
    lines = next(each for each in tables if " available |" in each).splitlines()
    heads, _, *cells = ([cell.strip() for cell in line.split("|")[1:-1]] for line in lines)
    return [dict(zip(heads, row, strict=True)) for row in cells]


async def on_plan(client: AsyncClient) -> None:
    rates = [
        Rate.of("chat.conversation", unit_price=1),
        Rate.of("chat.conversation", model="sales", unit_price=3),
        Rate.of("chat.message", unit_price="0.1"),
    ]
    await client.put_rate_card("std", version=1, rates=rates)
    terms = ConversationTerms(pricing=ConversationPricing.BOTH)
    await client.put_plan(
        "pro",
        version=1,
        allowance=10,
        cycle=CycleUnit.MONTH,
        rate_card_id="std",
        conversation_terms=terms,
    )
    await client.create_account("acme")
    await client.update_account("acme", plan="pro@1")


async def call(client: AsyncClient, text: str) -> tuple[str, Conversation | None]:
    """Do what a row says: (what was answered, the session)."""
    verb, _, message_id = text.rpartition(" ")
    named: dict[str, Any] = {"conversation_id": "talk-1", "message_id": message_id}
    if verb == "reserve":
        asked = await client.reserve_message("acme", type="sales", **named)
        opened = ", opened" if asked.opened else ""
        return asked.decision.value + opened, asked.conversation
    if verb == "commit":
        charged = await client.commit_message("acme", **named)
        return f"charged {charged.charged:f}", charged.conversation
    if verb in {"release", "hand off"}:
        freed = await client.release_message("acme", handed_off=verb == "hand off", **named)
        return "", freed.conversation
    if text == "close":
        closed = await client.close_conversation("acme", conversation_id="talk-1")
        return "", closed.conversation
    assert text == "look"
    return "", await client.get_conversation("acme", conversation_id="talk-1")


async def test_every_row_is_what_is_answered(world: World) -> None:
    await on_plan(world.client)
    for row in rows():
        await world.at(f"2030-01-07T{row['at']}")
        answer, session = await call(world.client, row["call"])
        assert answer == row["answer"], row
        assert session is not None
        state = session.ending or session.state
        assert f"{session.session} {state.value}" == row["session"], row
        assert session.messages == int(row["messages"]), row
        assert session.charged == Decimal(row["charged"]), row
        if row["call"] == "look":
            # What time alone has freed shows with the next sweep, or to the next who needs it.
            await world.client.release("acme", hold_id=f"look-{row['at']}")
        assert (await world.client.get_balance("acme")).available == Decimal(row["available"]), row
