"""S3: an AI that answers the phone, paid by the minute from answer to hang-up.

So that nobody waits for minutes, these calls have seconds; nothing else is different.
"""

import asyncio
from uuid import uuid4

from creditgate import (
    AsyncCall,
    AsyncClient,
    CallTerms,
    CycleUnit,
    FinalAction,
    InsufficientCredits,
    Rate,
    Usage,
    UsageMeasure,
)

VOICE = "voice.call"
LEAST = "0.08"  # credits that a call needs to be connected at all


async def sell(credits: AsyncClient) -> None:
    """Write down the plan: 30 credits a month, 0.6 a minute in blocks of 3 s, and 0.05 a call."""
    rate = Rate.of(VOICE, unit_price="0.6", unit_size=60, increment=3, connection_fee="0.05")
    await credits.put_rate_card("s3-voice", version=1, rates=[rate])
    await credits.put_plan(
        "s3-voice",
        version=1,
        cycle=CycleUnit.MONTH,
        allowance=30,
        rate_card_id="s3-voice",
        call_terms=CallTerms(
            warn_before_seconds=1,
            final_action=FinalAction.REDIRECT,  # of a call whose credits are used up
            redirect_target="sip:desk@clinic.example",
            offline_allowance_seconds=60,  # how much longer a call goes on if nobody answers here
        ),
    )


async def ann(call: AsyncCall) -> None:
    """Ring, talk, be put on hold, talk again, hang up."""
    await asyncio.sleep(0.3)
    call.answered()
    await asyncio.sleep(1.2)
    call.on_hold()
    await asyncio.sleep(1.0)
    call.resumed()
    await asyncio.sleep(0.9)
    call.hung_up("caller")


async def bob(call: AsyncCall) -> None:
    """Talk for as long as it is paid."""
    call.answered()
    await call.wait_cut()  # exact to the moment, even if the service has gone away meanwhile
    if call.final:
        print(f"bob: {call.final.reason}, {call.final.action} to {call.final.redirect_target}")


def warn(call: AsyncCall) -> None:
    """Tell the caller."""
    print(f"{call.call_id}: the call ends soon")


async def billing_page(credits: AsyncClient, clinic: str) -> None:
    """Show the period, and how long calls were; the projection is in `summary.trend`."""
    summary = await credits.get_summary(clinic)
    print(f"billing page: {summary.consumed} of {summary.allowance} used", end=", ")
    for source in summary.sources:
        print(f"{source.kind} {source.remaining} left", end=", ")
    print(f"overage {summary.overage}")
    calls = await credits.distribution(clinic, measure=UsageMeasure.CALL_SECONDS)
    print(f"{calls.count} calls, half of them up to {calls.p50} s")


async def main() -> None:
    async with AsyncClient() as credits:
        await sell(credits)
        clinic = f"clinic-{uuid4()}"
        await credits.create_account(clinic)
        await credits.update_account(clinic, plan="s3-voice@1")
        for seconds in (1, 3, 4, 61):
            quote = await credits.quote(clinic, usage=Usage(VOICE, seconds))
            print(f"{seconds} s cost {quote.price}")
        await credits.charge(clinic, hold_id="calls-so-far", amount="29.84")

        # Credits are held before the phone rings; while the call runs it asks for more by itself.
        async with credits.call(clinic, call_id="ann", meter=VOICE, minimum=LEAST) as call:
            await ann(call)
        print(f"ann: {call.seconds} s for {call.hold.charged}, {call.balance.settled} left")

        async with credits.call(clinic, call_id="engaged", meter=VOICE, minimum=LEAST) as call:
            call.hung_up("busy")
        print(f"engaged: {call.seconds} s for {call.hold.charged}")

        async with credits.call(
            clinic, call_id="bob", meter=VOICE, minimum=LEAST, on_warning=warn
        ) as call:
            await bob(call)
        print(f"bob: {call.seconds} s for {call.hold.charged}, {call.balance.settled} left")

        try:
            async with credits.call(clinic, call_id="eve", meter=VOICE, minimum=LEAST):
                print("never comes here")
        except InsufficientCredits as denied:
            print(f"eve: not connected, {denied.answer.shortfall} short")
        bought = await credits.add_grant(clinic, grant_id="order-1", amount=10)
        print(f"bought 10: {bought.balance.settled} left, and eve may call again")
        await billing_page(credits, clinic)


if __name__ == "__main__":
    asyncio.run(main())
