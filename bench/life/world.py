"""The accounts of a story, made as an administrator would."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from bench.life.calls import LONGEST
from bench.life.messages import has_sessions
from bench.life.story import Story
from bench.prices import CARD, Price
from creditgate import (
    AsyncClient,
    CallTerms,
    ConversationPricing,
    ConversationTerms,
    Rate,
    RateTier,
)
from creditgate._types.amount import to_credits

RICH_MICROS, POOR_MICROS = 10**13, 3 * 10**6
_AT_ONCE = 8


async def build(client: AsyncClient, story: Story) -> dict[str, int]:
    """Write a card and a plan, open the accounts and give them credits: answer how much of them."""
    await client.put_rate_card("life", version=1, rates=map(_rate, CARD))
    terms = CallTerms(max_duration_seconds=LONGEST)
    await client.put_plan("life", version=1, rate_card_id="life", thresholds=[], call_terms=terms)
    by_session = ConversationTerms(pricing=ConversationPricing.BOTH)
    await client.put_plan(
        "sessions", version=1, rate_card_id="life", thresholds=[], conversation_terms=by_session
    )
    given = {
        story.account(number): RICH_MICROS if number < story.rich else POOR_MICROS
        for number in range(story.rich + story.poor)
    }
    accounts = iter(given.items())
    await asyncio.gather(*(_open(client, story, accounts) for _ in range(_AT_ONCE)))
    return given


async def _open(client: AsyncClient, story: Story, accounts: Iterable[tuple[str, int]]) -> None:
    for account_id, micros in accounts:
        await client.create_account(account_id)
        talks = story.kind == "chat" and has_sessions(account_id)
        plan = "sessions@1" if talks else "life@1"
        await client.update_account(account_id, plan=plan)
        await client.add_grant(account_id, grant_id="first", amount=to_credits(micros))


def _rate(of: Price) -> Rate:
    return Rate(
        meter=of.meter, model=of.model, unit_price_micros=of.unit_price, unit_size=of.unit_size,
        connection_fee_micros=of.fee, minimum=of.minimum, initial=of.initial,
        increment=of.increment,
        tiers=tuple(RateTier(from_quantity=at, unit_price_micros=price) for at, price in of.tiers),
    )  # fmt: skip
