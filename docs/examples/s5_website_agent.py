"""S5: a website's agents, who answer messages and calls on the same credits."""

import asyncio
from uuid import uuid4

from creditgate import (
    AsyncClient,
    CallTerms,
    CycleUnit,
    GrantKind,
    Rate,
    Usage,
    UsageGrouping,
)

MESSAGE, VOICE = "chat.message", "voice.call"
PACKAGE = 20  # credits with each billing cycle


async def sell(credits: AsyncClient) -> None:
    """Write down what messages and minutes cost, by model, and that calls have 3 s at most."""
    rates = [
        Rate.of(MESSAGE, model="small", unit_price=1),
        Rate.of(MESSAGE, model="large", unit_price=3),
        Rate.of(VOICE, model="small", unit_price=60, unit_size=60),
        Rate.of(VOICE, model="large", unit_price=90, unit_size=60),
    ]
    await credits.put_rate_card("s5-site", version=1, rates=rates)
    await credits.put_plan(
        "s5-site",
        version=1,
        cycle=CycleUnit.MONTH,
        allowance=PACKAGE,
        rate_card_id="s5-site",
        call_terms=CallTerms(max_duration_seconds=3),
    )


async def chat(credits: AsyncClient, site: str) -> None:
    """Answer two messages of a visitor, and hand the third to a human."""
    visitor = credits.conversation(site, conversation_id="visitor-1")
    for name, model in (("hello", "small"), ("prices", "large")):
        async with visitor.message(name, usage=Usage(MESSAGE, 1, model)):
            await asyncio.sleep(0)  # the model thinks
    async with visitor.message("complaint", usage=Usage(MESSAGE, 1, "small")) as message:
        await message.hand_off()  # it costs nothing
    if record := visitor.record:
        print(f"visitor-1: {record.messages} messages for {record.charged}, {record.ending}")


async def phone(credits: AsyncClient, site: str) -> None:
    """Take a call until it is as long as calls may be."""
    async with credits.call(site, call_id="call-1", meter=VOICE, model="large") as call:
        call.answered()
        await donut(credits, site)
        await call.wait_cut()
    assert call.final is not None
    print(f"call-1: {call.seconds} s for {call.hold.charged}, {call.final.reason}")


async def answer(credits: AsyncClient, site: str, message: str) -> None:
    """Answer a single message at once, if there are credits."""
    answered = await credits.charge(site, hold_id=message, usage=Usage(MESSAGE, 1, "small"))
    print(f"{message}: {answered.decision}")


async def donut(credits: AsyncClient, site: str) -> None:
    """Show the cycle's credits, and apart from them what was bought, which outlives it."""
    summary = await credits.get_summary(site)
    left = {source.kind: source.remaining for source in summary.sources}
    print(f"  package {summary.allowance}, consumed {summary.consumed}", end=", ")
    print(f"remaining {left[GrantKind.PLAN]}, purchased {left.get(GrantKind.PURCHASED, 0)}", end="")
    print(f"; held now {summary.balance.held}")


async def log(credits: AsyncClient, site: str) -> None:
    """Show what was done in the last 7 days, and what each model has cost."""
    async for entry in credits.list_activity(site, days=7, oldest_first=True):
        print(f"  {entry.type:6} {entry.hold_id:18} {entry.model:6} {entry.amount}")
    rows = credits.query_usage(site, by=[UsageGrouping.MODEL], dearest_first=True)
    print("  by model:", {row.model: str(row.consumed) async for row in rows})


async def main() -> None:
    async with AsyncClient() as credits:
        await sell(credits)
        site = f"site-{uuid4()}"
        await credits.create_account(site)
        await credits.update_account(site, plan="s5-site@1")
        await donut(credits, site)
        await chat(credits, site)
        await phone(credits, site)
        await credits.charge(site, hold_id="campaign", usage=Usage(MESSAGE, 11, "small"))

        await answer(credits, site, "at-zero")
        await credits.add_grant(site, grant_id="order-1", amount=30)
        await answer(credits, site, "with-new-credits")
        await donut(credits, site)
        await log(credits, site)


if __name__ == "__main__":
    asyncio.run(main())
