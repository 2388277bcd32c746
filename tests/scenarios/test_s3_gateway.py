"""S3 as its gateway sees it: how long a call may go on, and how it ends, whatever else happens."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from creditgate import (
    CallLeg,
    CallTerms,
    CycleUnit,
    Decision,
    Extension,
    FailureHandling,
    FinalAction,
    FinalReason,
    Quota,
    Rate,
    Reservation,
    Usage,
)
from tests.scenarios.world import World, instant

GATEWAY = CallLeg("gateway-1", 7)
BLOCK = "0.1"
TEN_O_CLOCK = instant("2030-02-01T10:00")


@pytest.fixture
async def clinic(world: World) -> str:
    """A customer with 3 minutes, in blocks of 6 seconds; calls beyond them go to the desk."""
    rate = Rate.of("voice.call", unit_price=1, unit_size=60, increment=6)
    await world.client.put_rate_card("voice", version=1, rates=[rate])
    terms = CallTerms(
        final_action=FinalAction.REDIRECT,
        redirect_target="sip:desk@clinic.example",
        offline_allowance_seconds=60,
    )
    await world.client.put_plan(
        "voice",
        version=1,
        cycle=CycleUnit.MONTH,
        allowance=3,
        rate_card_id="voice",
        call_terms=terms,
    )
    await world.client.create_account("clinic")
    await world.client.update_account("clinic", plan="voice@1")
    return "clinic"


async def at(world: World, second: int) -> None:
    """Let it be so many seconds after ten o'clock."""
    await world.at(TEN_O_CLOCK + timedelta(seconds=second))


async def dial(world: World, name: str, hold_id: str, *, seconds: int = 60) -> Reservation:
    """Hold credits for the first slice of a call, before it is connected."""
    usage = Usage("voice.call", seconds)
    return await world.client.reserve(
        name, hold_id=hold_id, usage=usage, minimum=BLOCK, ttl_seconds=300, call=GATEWAY
    )


async def renew(world: World, name: str, hold_id: str, *, used: int) -> Extension:
    """Report what a call has used, and ask for another minute, or what there is of it."""
    return await world.client.extend(
        name,
        hold_id=hold_id,
        quantity=used + 60,
        used_quantity=used,
        minimum=BLOCK,
        ttl_seconds=300,
    )


def quota_of(answer: Reservation | Extension) -> Quota:
    assert answer.quota is not None
    return answer.quota


def reason(quota: Quota) -> FinalReason | None:
    """Why a call gets no more, if it does not."""
    return None if quota.final is None else quota.final.reason


async def test_a_call_is_told_how_long_it_may_go_on_and_what_then(
    world: World, clinic: str
) -> None:
    await at(world, 0)
    quota = quota_of(await dial(world, clinic, "call-1"))
    assert (quota.granted_quantity, quota.final) == (60, None)
    assert quota.funded_until == TEN_O_CLOCK + timedelta(seconds=60)
    assert (quota.renew_before_seconds, quota.warn_before_seconds) == (10, 30)

    await at(world, 20 + 50)  # it rang for 20 s, which nobody pays for
    quota = quota_of(await renew(world, clinic, "call-1", used=50))
    assert (quota.granted_quantity, quota.final) == (114, None)  # in whole blocks
    assert quota.funded_until == TEN_O_CLOCK + timedelta(seconds=20 + 114)

    await at(world, 20 + 100 + 30)  # 30 s on hold, which nobody pays for either
    quota = quota_of(await renew(world, clinic, "call-1", used=100))
    assert (quota.granted_quantity, quota.final) == (162, None)

    await at(world, 50 + 150)
    partial = await renew(world, clinic, "call-1", used=150)
    quota = quota_of(partial)
    assert (partial.decision, quota.granted_quantity) == (Decision.GRANTED_PARTIAL, 180)
    assert quota.funded_until == TEN_O_CLOCK + timedelta(seconds=50 + 180)
    assert quota.final is not None
    assert (quota.final.reason, quota.final.action) == (FinalReason.CREDITS, FinalAction.REDIRECT)
    assert quota.final.redirect_target == "sip:desk@clinic.example"

    paid = await world.client.commit(clinic, hold_id="call-1", used_quantity=180)
    assert (paid.hold.charged, paid.uncollected) == (Decimal(3), Decimal(0))
    assert (paid.balance.settled, paid.balance.held) == (Decimal(0), Decimal(0))
    denied = await dial(world, clinic, "call-2")
    assert denied.decision is Decision.DENIED_INSUFFICIENT_CREDITS
    assert (quota_of(denied).granted_quantity, reason(quota_of(denied))) == (0, FinalReason.CREDITS)


async def test_a_top_up_in_mid_call_lets_it_go_on(world: World, clinic: str) -> None:
    await at(world, 0)
    last = quota_of(await dial(world, clinic, "call-1", seconds=180))
    assert (last.granted_quantity, reason(last)) == (180, FinalReason.CREDITS)
    await at(world, 140)
    await world.client.add_grant(clinic, grant_id="payment-1", amount=2)
    more = await renew(world, clinic, "call-1", used=140)
    assert (more.decision, more.charged) == (Decision.GRANTED, Decimal("2.4"))
    assert (quota_of(more).granted_quantity, reason(quota_of(more))) == (204, None)
    paid = await world.client.commit(clinic, hold_id="call-1", used_quantity=199)
    assert (paid.hold.charged, paid.balance.settled) == (Decimal("3.4"), Decimal("1.6"))


async def test_a_second_call_gets_what_the_first_leaves(world: World, clinic: str) -> None:
    await at(world, 0)
    await dial(world, clinic, "call-1", seconds=120)
    second = quota_of(await dial(world, clinic, "call-2", seconds=120))
    assert (second.granted_quantity, reason(second)) == (60, FinalReason.CREDITS)
    await world.client.commit(clinic, hold_id="call-1", used_quantity=30)
    more = quota_of(await renew(world, clinic, "call-2", used=40))
    assert (more.granted_quantity, reason(more)) == (102, None)


async def test_while_nobody_answers_a_call_goes_on_within_its_allowance(
    world: World, clinic: str
) -> None:
    await at(world, 0)
    quota = quota_of(await dial(world, clinic, "call-1"))
    assert quota.on_reserve_failure is FailureHandling.TERMINATE
    assert quota.on_extend_failure is FailureHandling.CONTINUE_WITHIN_ALLOWANCE
    most = quota.granted_quantity + int(quota.offline_allowance_seconds)
    await at(world, 600)  # nobody answered; the gateway cut it at the end of the allowance
    paid = await world.client.commit(clinic, hold_id="call-1", used_quantity=most)
    assert (paid.late, paid.charged, paid.uncollected) == (True, Decimal(2), Decimal(0))
    assert paid.balance.settled == 1


async def test_a_gateway_that_restarts_finds_its_calls(world: World, clinic: str) -> None:
    await at(world, 0)
    for number in range(3):
        await dial(world, clinic, f"call-{number}", seconds=30)
    await renew(world, clinic, "call-1", used=20)
    left = [
        hold
        async for hold in world.client.list_holds(
            gateway_id=GATEWAY.gateway_id, epoch_below=GATEWAY.epoch + 1
        )
    ]
    assert {hold.hold_id for hold in left} == {"call-0", "call-1", "call-2"}
    # Of the first it had written down 25 seconds; of the others it knows nothing more.
    await world.client.commit(clinic, hold_id="call-0", used_quantity=25)
    for hold_id in ("call-1", "call-2"):
        await world.client.release(clinic, hold_id=hold_id, termination_cause="gateway-restart")
    balance = await world.client.get_balance(clinic)
    assert (balance.settled, balance.held) == (3 - Decimal("0.5") - Decimal("0.4"), Decimal(0))
