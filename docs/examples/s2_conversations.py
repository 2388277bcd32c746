"""S2: a chat that is paid by conversations, one credit each, however many messages they have."""

import asyncio
from uuid import uuid4

from creditgate import (
    AsyncClient,
    ConversationPricing,
    ConversationTerms,
    CycleUnit,
    InsufficientCredits,
    Rate,
    Usage,
    UsageMeasure,
)

# Half an hour after its last message a conversation has ended, and the next one is a new credit.
TERMS = ConversationTerms(
    pricing=ConversationPricing.CONVERSATION, inactivity_timeout_seconds=30 * 60
)


async def sell(credits: AsyncClient) -> None:
    """Write down the plan: 4 credits a month; a conversation costs 1, with sales 2."""
    rates = [
        Rate.of("chat.conversation", unit_price=1),
        Rate.of("chat.conversation", model="sales", unit_price=2),
        Rate.of("chat.message", unit_price="0.25"),
    ]
    await credits.put_rate_card("s2-chats", version=1, rates=rates)
    await credits.put_plan(
        "s2-chats",
        version=1,
        cycle=CycleUnit.MONTH,
        allowance=4,
        rate_card_id="s2-chats",
        conversation_terms=TERMS,
    )


async def chat(credits: AsyncClient, shop: str, visitor: str, *, kind: str, messages: int) -> None:
    """Answer the messages of a visitor, who then leaves."""
    conversation = credits.conversation(shop, conversation_id=visitor, type=kind)
    try:
        for number in range(messages):
            # The first message holds the credit; leaving confirms the start, and charges it.
            async with conversation.message(f"message-{number}"):
                await asyncio.sleep(0)  # the model thinks
    except InsufficientCredits as denied:
        print(f"{visitor}: not answered, {denied.answer.shortfall} short")
        return
    record = await conversation.close()
    print(f"{visitor}: {record.messages} messages for {record.charged}, {record.ending}")


async def two_tabs(credits: AsyncClient, shop: str, visitor: str) -> None:
    """Answer two first messages at the same moment."""
    conversation = credits.conversation(shop, conversation_id=visitor)

    async def answer(message: str) -> None:
        async with conversation.message(message):
            await asyncio.sleep(0)

    await asyncio.gather(answer("tab-1"), answer("tab-2"))
    record = await credits.get_conversation(shop, conversation_id=visitor)
    print(f"{visitor}: {record.messages} messages at once for {record.charged}, {record.state}")


async def report(credits: AsyncClient, shop: str) -> None:
    """Tell which of the two models would be cheaper for this shop."""
    totals = (await credits.get_summary(shop)).conversations
    instead = await credits.quote(shop, usage=Usage("chat.message", totals.messages))
    print(f"{totals.sessions} conversations for {totals.charged}: {totals.per_message} a message")
    print(f"by messages they were {instead.price}")
    lengths = await credits.distribution(shop, measure=UsageMeasure.SESSION_MESSAGES, bounds=[3, 6])
    for each in lengths.bins:
        upper = f"to {each.high - 1}" if each.high else "or more"
        print(f"  {each.low} {upper} messages: {each.count}")


async def main() -> None:
    async with AsyncClient() as credits:
        await sell(credits)
        shop = f"shop-{uuid4()}"
        await credits.create_account(shop)
        await credits.update_account(shop, plan="s2-chats@1")

        await chat(credits, shop, "ann", kind="support", messages=7)
        await chat(credits, shop, "bob", kind="sales", messages=2)
        await two_tabs(credits, shop, "carol")
        await chat(credits, shop, "dave", kind="support", messages=3)

        await report(credits, shop)


if __name__ == "__main__":
    asyncio.run(main())
