"""S3 with the SDK's calls, which count seconds, renew, warn and cut by themselves."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from creditgate import (
    AsyncCall,
    CallTerms,
    CycleUnit,
    FinalAction,
    FinalReason,
    InsufficientCredits,
    Rate,
)
from creditgate.testing import FakeClock
from tests.client.calls import answered
from tests.scenarios.world import World, instant

TEN_O_CLOCK = instant("2030-02-01T10:00")
DESK = "sip:desk@clinic.example"


class Phone:
    """Calls of a customer with 3 credits, at one a minute in blocks of 6 seconds."""

    def __init__(self, world: World) -> None:
        self.world, self.clock = world, FakeClock()
        self.warned: list[int] = []
        self._seconds = 0

    def call(self, call_id: str) -> AsyncCall:
        return self.world.client.call(
            "clinic",
            call_id=call_id,
            meter="voice.call",
            clock=self.clock,
            on_warning=lambda call: self.warned.append(call.seconds),
        )

    async def go_on(self, call: AsyncCall, *, seconds: int) -> None:
        """Let time pass; what the call asks meanwhile is answered before more of it has passed."""
        for _ in range(seconds):
            self._seconds += 1
            await self.world.at(TEN_O_CLOCK + timedelta(seconds=self._seconds))
            self.clock.advance(seconds=1)
            await answered(call)


@pytest.fixture
async def phone(world: World) -> Phone:
    rate = Rate.of("voice.call", unit_price=1, unit_size=60, increment=6)
    await world.client.put_rate_card("voice", version=1, rates=[rate])
    terms = CallTerms(final_action=FinalAction.REDIRECT, redirect_target=DESK)
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
    await world.at(TEN_O_CLOCK)
    return Phone(world)


async def test_a_call_is_paid_from_answer_to_hang_up_without_its_pauses(phone: Phone) -> None:
    async with phone.call("call-1") as call:
        assert call.balance.held == 1, "held before it is connected"
        await phone.go_on(call, seconds=20)
        call.answered()
        await phone.go_on(call, seconds=40)
        call.on_hold()
        await phone.go_on(call, seconds=90)
        call.resumed()
        await phone.go_on(call, seconds=33)
        call.hung_up("caller")
    assert (call.seconds, call.hold.charged) == (73, Decimal("1.3"))
    assert (call.balance.settled, call.balance.held) == (Decimal("1.7"), Decimal(0))
    assert (call.hold.termination_cause, phone.warned) == ("caller", [])


async def test_a_call_whose_credits_run_out_is_warned_and_cut_on_the_second(phone: Phone) -> None:
    async with phone.call("call-1") as call:
        call.answered()
        await phone.go_on(call, seconds=179)
        (warned,) = phone.warned  # once, 30 s before, or when it asked and was told of the end
        assert 150 <= warned <= 170
        assert not call.cut.is_set()
        assert call.final is not None
        assert (call.final.reason, call.final.redirect_target) == (FinalReason.CREDITS, DESK)
        await phone.go_on(call, seconds=1)
        assert call.cut.is_set()
        await phone.go_on(call, seconds=30)
    assert (call.seconds, call.hold.charged) == (180, Decimal(3))
    assert (call.hold.uncollected, call.balance.settled) == (Decimal(0), Decimal(0))
    assert call.hold.termination_cause == "credits"
    with pytest.raises(InsufficientCredits):
        async with phone.call("call-2"):
            pass


async def test_a_top_up_in_mid_call_takes_the_end_back(phone: Phone) -> None:
    async with phone.call("call-1") as call:
        call.answered()
        await phone.go_on(call, seconds=171)
        assert call.warned
        await phone.world.client.add_grant("clinic", grant_id="payment-1", amount=2)
        await phone.go_on(call, seconds=29)
        assert (call.cut.is_set(), call.warned, call.final) == (False, False, None)
    assert (call.seconds, call.hold.charged) == (200, Decimal("3.4"))
    assert call.balance.settled == Decimal("1.6")


async def test_a_call_that_is_never_answered_costs_nothing(phone: Phone) -> None:
    for cause in ("busy", "no-answer", ""):
        async with phone.call(f"call-{cause}") as call:
            await phone.go_on(call, seconds=30)
            if cause:
                call.hung_up(cause)
        assert (call.seconds, call.hold.charged) == (0, Decimal(0))
        assert (call.balance.available, call.balance.held) == (Decimal(3), Decimal(0))
        assert call.hold.termination_cause == (cause or "not-answered")


async def test_a_call_that_is_transferred_is_two_legs_each_rounded(phone: Phone) -> None:
    async with phone.call("call-1") as call:
        call.answered()
        await phone.go_on(call, seconds=20)
        await call.transferred("call-1/doctor")
        assert (call.balance.settled, call.balance.held) == (Decimal("2.6"), Decimal(1))
        await phone.go_on(call, seconds=31)
        call.hung_up("caller")
    legs = [hold async for hold in phone.world.client.list_holds("clinic")]
    assert [(leg.hold_id, leg.charged, leg.termination_cause) for leg in legs] == [
        ("call-1", Decimal("0.4"), "transferred"),
        ("call-1/doctor", Decimal("0.6"), "caller"),
    ]
    assert (call.balance.settled, call.balance.held) == (Decimal(2), Decimal(0))
