"""Calls go on until they are answered; what is reported is true."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest

import creditgate
from tests.client.awaits import until
from tests.client.conftest import Fake


async def test_a_lost_reply_is_asked_for_again(fake: Fake) -> None:
    fake.lose_replies(3)
    async with fake.async_client() as client:
        answer = await client.charge("acme", hold_id="work", amount=5)
    assert answer.replayed
    assert answer.balance.settled == 95
    assert fake.sent() == ["Charge"] * 4
    assert len({request.SerializeToString() for request in fake.requests}) == 1


def test_a_lost_reply_is_asked_for_again_while_blocking(fake: Fake) -> None:
    fake.lose_replies(3)
    with fake.client() as client:
        answer = client.charge("acme", hold_id="work", amount=5)
    assert (answer.replayed, fake.sent()) == (True, ["Charge"] * 4)


async def test_every_reply_of_a_hold_may_be_lost(fake: Fake) -> None:
    async with fake.async_client() as client:
        fake.lose_replies(2)
        async with client.hold("acme", amount=5, hold_id="work") as hold:
            hold.use(2)
            fake.lose_replies(2)
            await hold.extend(8)
            hold.use(1)
            fake.lose_replies(2)
        balance = await client.get_balance("acme")
    assert fake.sent() == ["Reserve"] * 3 + ["Extend"] * 3 + ["Commit"] * 3 + ["GetBalance"]
    assert [balance.settled, balance.held] == [97, 0]


async def test_shed_work_is_sent_again(fake: Fake) -> None:
    fake.refuse(3)
    began = time.monotonic()
    async with fake.async_client() as client:
        await client.reserve("acme", hold_id="work", amount=5)
    # RetryInfo asks for 50 ms each time.
    assert time.monotonic() - began >= 0.15
    assert fake.sent() == ["Reserve"] * 4


async def test_shed_to_the_end_nothing_was_done(fake: Fake) -> None:
    fake.refuse(1_000)
    async with fake.async_client(patience_seconds=0.3) as client:
        with pytest.raises(creditgate.NotExecuted, match="nothing was done") as caught:
            await client.reserve("acme", hold_id="work", amount=5)
    assert caught.value.retry_after_seconds == 0.05
    assert fake.state() == "NONE"


async def test_unknown_to_the_end_is_reported_as_unknown(fake: Fake) -> None:
    fake.lose_replies(1_000)
    async with fake.async_client(patience_seconds=0.3) as client:
        with pytest.raises(creditgate.OutcomeUnknown, match="sent again"):
            await client.charge("acme", hold_id="work", amount=5)
        assert fake.state() == "COMMITTED", "it was done, and the caller was told it may have been"
        fake.clear_faults()
        assert (await client.charge("acme", hold_id="work", amount=5)).replayed


async def test_unknown_once_is_unknown_also_when_shed_later(fake: Fake) -> None:
    fake.lose_replies(1)
    fake.refuse(1_000)
    async with fake.async_client(patience_seconds=0.3) as client:
        with pytest.raises(creditgate.OutcomeUnknown):
            await client.charge("acme", hold_id="work", amount=5)


async def test_refusals_are_raised_at_once(fake: Fake) -> None:
    async with fake.async_client() as client:
        await client.reserve("acme", hold_id="work", amount=5)
        with pytest.raises(creditgate.NameReused):
            await client.reserve("acme", hold_id="work", amount=6)
        with pytest.raises(creditgate.NotFound):
            await client.get_balance("nobody")
        with pytest.raises(creditgate.InvalidRequest) as caught:
            await client.reserve("acme", hold_id="no blanks", amount=6)
    assert caught.value.field == "hold_id"
    assert fake.sent() == ["Reserve", "Reserve", "GetBalance", "Reserve"]


async def test_a_wrong_key_is_not_tried_again(fake: Fake) -> None:
    async with fake.async_client(api_key="wrong") as client:
        with pytest.raises(creditgate.Unauthenticated):
            await client.get_balance("acme")
    assert fake.sent() == ["GetBalance"]


async def test_a_server_that_comes_back_within_patience_is_no_error(fake: Fake) -> None:
    async with fake.async_client(patience_seconds=10) as client:
        await client.reserve("acme", hold_id="work", amount=5)
        await asyncio.to_thread(fake.stop)
        commit = asyncio.create_task(client.commit("acme", hold_id="work", used=2))
        await asyncio.sleep(0.3)
        fake.start()
        settlement = await commit
    assert settlement.charged == 2


async def test_a_restart_in_the_middle_of_a_hold_is_no_error(fake: Fake) -> None:
    async with fake.async_client(patience_seconds=10) as client:
        async with client.hold("acme", amount=5, hold_id="work") as hold:
            hold.use(2)
            await asyncio.to_thread(fake.stop)
            starting = asyncio.get_running_loop().call_later(0.3, fake.start)
        starting.cancel()
    assert fake.state() == "COMMITTED"


async def test_a_server_that_is_not_there_did_nothing() -> None:
    async with creditgate.AsyncClient("127.0.0.1:1", patience_seconds=0.3) as client:
        with pytest.raises(creditgate.NotExecuted, match="failed to connect"):
            await client.reserve("acme", hold_id="work", amount=5)


async def test_calls_end_when_patience_does(fake: Fake) -> None:
    fake.lose_replies(1_000)
    async with fake.async_client(patience_seconds=0.5) as client:
        began = time.monotonic()
        with pytest.raises(creditgate.OutcomeUnknown):
            await client.charge("acme", hold_id="work", amount=5)
    assert time.monotonic() - began < 3


async def test_closing_a_client_ends_its_calls(fake: Fake) -> None:
    fake.refuse(1_000)
    client = fake.async_client(patience_seconds=30)
    call = asyncio.create_task(client.charge("acme", hold_id="work", amount=5))
    await until(lambda: len(fake.sent()) > 1)
    await client.close()
    with pytest.raises((creditgate.Unavailable, RuntimeError)):
        await asyncio.wait_for(call, 5)
    with pytest.raises(RuntimeError, match="has been closed"):
        await client.get_balance("acme")


def test_a_closed_blocking_client_says_so(fake: Fake) -> None:
    client = fake.client()
    client.get_balance("acme")
    client.close()
    with pytest.raises(RuntimeError, match="has been closed"):
        client.get_balance("acme")


@pytest.mark.parametrize("clock", [time.time, time.monotonic])
async def test_the_callers_cancellation_is_its_own(fake: Fake, clock: Callable[[], float]) -> None:
    """A cancelled call ends at once and is not taken for a failure of the service."""
    fake.refuse(1_000)
    async with fake.async_client(patience_seconds=30) as client:
        call = asyncio.create_task(client.charge("acme", hold_id="work", amount=5))
        await until(lambda: len(fake.sent()) > 1)
        began = clock()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert clock() - began < 1
