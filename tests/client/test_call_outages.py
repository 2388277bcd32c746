"""Calls while nobody answers, and what becomes of their seconds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import creditgate
from creditgate import CallTerms, FailureHandling
from creditgate._async import call as _async_call
from creditgate._call import outbox as _outbox
from creditgate.testing import FakeClock
from tests.client.awaits import until
from tests.client.calls import Minutes, calling, entries, price, priced, settled
from tests.client.conftest import Fake


@pytest.fixture(autouse=True)
def minutes(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> Minutes:
    priced(fake)
    monkeypatch.setattr(_async_call, "ASK_PATIENCE_SECONDS", 0.2)
    monkeypatch.setattr(_outbox, "RESEND_SECONDS_MIN", 0.01)
    return Minutes(fake)


@pytest.fixture
async def credits_(fake: Fake) -> AsyncIterator[creditgate.AsyncClient]:
    async with fake.async_client(patience_seconds=1) as client:
        yield client


async def test_a_dead_server_cuts_at_the_right_second(
    fake: Fake, minutes: Minutes, tmp_path: Path
) -> None:
    """Only what was granted is used, by the timer alone, and charged when the server is back."""
    async with fake.async_client(patience_seconds=0.2, journal=tmp_path) as client:
        async with calling(client, minutes.clock) as call:
            call.answered()
            minutes.pass_(20)
            fake.stop()
            minutes.pass_(39.999)
            assert not call.cut.is_set()
            minutes.pass_(0.001)
            assert call.cut.is_set()
        assert not call.settled
        assert len(entries(tmp_path)) == 1
        fake.start()
        await asyncio.wait_for(until(lambda: not entries(tmp_path)), 5)
    assert settled(fake) == ("COMMITTED", price(60), "unreachable")


async def test_without_a_journal_a_call_that_cannot_be_charged_says_so(
    fake: Fake, minutes: Minutes
) -> None:
    async with fake.async_client(patience_seconds=0.1) as client:
        with pytest.raises(creditgate.Unavailable):  # noqa: PT012 - the call goes on
            async with calling(client, minutes.clock) as call:
                call.answered()
                await minutes.go_on(5, call)
                fake.stop()
    fake.start()


async def test_what_a_call_has_used_is_kept_while_nobody_answers(
    fake: Fake, minutes: Minutes, tmp_path: Path
) -> None:
    async with fake.async_client(patience_seconds=0.2, journal=tmp_path) as client:
        lost = calling(client, minutes.clock, gateway_id="edge", epoch=1)
        await lost.__aenter__()
        lost.answered()
        fake.refuse(1_000)
        await minutes.go_on(52, lost)
        fake.clear_faults()
        await until(lambda: bool(entries(tmp_path)))
        kept = [json.loads(each.read_text()) for each in entries(tmp_path)]
        assert [(each["is_final"], each["epoch"]) for each in kept] == [(False, 1)]
        assert 38 <= int(kept[0]["commit"]["usedQuantity"]) <= 52


async def test_final_totals_are_sent_when_the_next_process_starts(
    fake: Fake, minutes: Minutes, tmp_path: Path
) -> None:
    async with (
        fake.async_client(patience_seconds=0.1, journal=tmp_path) as client,
        calling(client, minutes.clock) as call,
    ):
        call.answered()
        await minutes.go_on(33, call)
        fake.stop()
    assert not call.settled
    fake.start()
    async with fake.async_client(journal=tmp_path):
        await asyncio.wait_for(until(lambda: not entries(tmp_path)), 5)
    assert settled(fake) == ("COMMITTED", price(33), "hang-up")


async def test_a_journal_has_one_client_at_a_time(fake: Fake, tmp_path: Path) -> None:
    async with fake.async_client(journal=tmp_path):
        with pytest.raises(RuntimeError, match="another client"):
            async with fake.async_client(journal=tmp_path):
                pass
    async with fake.async_client(journal=tmp_path):
        pass


async def test_what_the_service_refuses_is_set_aside_and_told(
    fake: Fake, credits_: creditgate.AsyncClient, minutes: Minutes, tmp_path: Path
) -> None:
    async with fake.async_client(journal=tmp_path) as client:
        with pytest.raises(creditgate.HoldReleased):  # noqa: PT012 - the call goes on
            async with calling(client, minutes.clock) as call:
                call.answered()
                await minutes.go_on(10, call)
                await credits_.release("acme", hold_id="work")
    assert entries(tmp_path, "*.refused")
    assert not entries(tmp_path)


def lets_in(fake: Fake, handling: FailureHandling, *, allowance_seconds: int = 0) -> None:
    """Let `acme` be on a plan that connects calls although nobody answers."""
    terms = CallTerms(on_reserve_failure=handling, offline_allowance_seconds=allowance_seconds)
    with fake.client() as client:
        client.put_plan("open", version=1, rate_card_id="voice", call_terms=terms)
        client.update_account("acme", plan="open@1")


async def learn(client: creditgate.AsyncClient, clock: FakeClock) -> None:
    """Make a call that is never answered: its quota says what to do with the next one."""
    async with client.call("acme", call_id="first", meter="voice.call", clock=clock):
        pass


async def test_a_new_call_is_not_connected_while_nobody_answers(
    fake: Fake, minutes: Minutes
) -> None:
    async with fake.async_client(patience_seconds=0.1) as client:
        await learn(client, minutes.clock)
        fake.stop()
        with pytest.raises(creditgate.Unavailable):
            async with calling(client, minutes.clock):
                pytest.fail("connected")


async def test_a_new_call_runs_for_the_allowance_while_nobody_answers(
    fake: Fake, minutes: Minutes, tmp_path: Path
) -> None:
    lets_in(fake, FailureHandling.CONTINUE_WITHIN_ALLOWANCE, allowance_seconds=45)
    async with fake.async_client(patience_seconds=0.1, journal=tmp_path) as client:
        fake.refuse(10_000)
        with pytest.raises(creditgate.Unavailable):
            async with calling(client, minutes.clock):
                pytest.fail("nothing is known of the account")
        fake.clear_faults()
        await learn(client, minutes.clock)
        fake.refuse(10_000)
        async with calling(client, minutes.clock) as call:
            with pytest.raises(LookupError):
                _ = call.hold
            minutes.clock.advance(seconds=30)
            call.answered()
            assert call.seconds_left == 45
            await minutes.go_on(44, call)
            assert not call.cut.is_set()
            await minutes.go_on(3, call)
            assert call.cut.is_set()
        assert not call.settled
        fake.clear_faults()
        await asyncio.wait_for(until(lambda: not entries(tmp_path)), 5)
    assert settled(fake) == ("COMMITTED", price(45), "unreachable")


async def test_a_call_that_began_unheld_is_held_when_somebody_answers(
    fake: Fake, minutes: Minutes
) -> None:
    lets_in(fake, FailureHandling.CONTINUE)
    async with fake.async_client(patience_seconds=0.1) as client:
        await learn(client, minutes.clock)
        fake.refuse(10_000)
        async with calling(client, minutes.clock) as call:
            call.answered()
            assert (call.seconds_left, call.funded_until) == (None, None)
            await minutes.go_on(100, call)
            assert not call.cut.is_set()
            fake.clear_faults()
            await minutes.go_on(12, call)
            assert call.hold.granted_quantity >= 170
            assert call.funded_until is not None
    assert settled(fake) == ("COMMITTED", price(112), "hang-up")


async def test_a_call_that_began_unheld_is_cut_when_it_is_denied(
    fake: Fake, minutes: Minutes, tmp_path: Path
) -> None:
    """What it had used by then is owed, and charged once there are credits."""
    lets_in(fake, FailureHandling.CONTINUE)
    async with fake.async_client(patience_seconds=0.1, journal=tmp_path) as client:
        await learn(client, minutes.clock)
        await client.charge("acme", hold_id="else", amount=100)
        fake.refuse(1_000)
        async with calling(client, minutes.clock) as call:
            call.answered()
            await minutes.go_on(20, call)
            fake.clear_faults()
            await minutes.go_on(10, call)
            assert call.cut.is_set()
        assert not call.settled
        await client.add_grant("acme", grant_id="more", amount=5)
        await asyncio.wait_for(until(lambda: not entries(tmp_path)), 5)
    state, charged, _ = settled(fake)
    assert state == "COMMITTED"
    assert price(20) <= charged <= price(30)
