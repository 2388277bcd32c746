"""A hold outlives its ttl for as long as its body runs, and no longer."""

from __future__ import annotations

import asyncio
import time

import pytest

import creditgate
from creditgate._hold import HoldOptions
from tests.client.awaits import until
from tests.client.conftest import Fake

TTL_SECONDS = 0.15


def beats(fake: Fake) -> int:
    return fake.sent().count("Extend")


async def test_a_long_body_keeps_its_hold(fake: Fake) -> None:
    async with (
        fake.async_client() as client,
        client.hold("acme", amount=5, hold_id="work", ttl_seconds=TTL_SECONDS) as hold,
    ):
        # Time passes for the service as it does for us.
        for _ in range(4):
            seen = beats(fake)
            fake.advance(seconds=TTL_SECONDS * 0.6)
            await asyncio.wait_for(until(lambda seen=seen: beats(fake) > seen), 5)  # type: ignore[misc]
        fake.sweep()
        assert fake.state() == "OPEN"
        hold.use(2)
    assert fake.state() == "COMMITTED"
    assert not hold.hold.late


def test_a_long_blocking_body_keeps_its_hold(fake: Fake) -> None:
    with (
        fake.client() as client,
        client.hold("acme", amount=5, hold_id="work", ttl_seconds=TTL_SECONDS) as hold,
    ):
        for _ in range(4):
            seen = beats(fake)
            fake.advance(seconds=TTL_SECONDS * 0.6)
            wait_for_a_beat(fake, seen)
        fake.sweep()
        assert fake.state() == "OPEN"
        hold.use(2)
    assert fake.state() == "COMMITTED"


def wait_for_a_beat(fake: Fake, seen: int) -> None:
    deadline = time.monotonic() + 5
    while beats(fake) <= seen:
        assert time.monotonic() < deadline
        time.sleep(0.005)


async def test_a_heartbeat_charges_nothing(fake: Fake) -> None:
    async with (
        fake.async_client() as client,
        client.hold("acme", amount=5, hold_id="work", ttl_seconds=TTL_SECONDS) as hold,
    ):
        hold.use(2)
        await until(lambda: beats(fake) > 1)
        assert hold.hold.charged == 0
        await hold.release()


async def test_heartbeats_end_with_the_body(fake: Fake) -> None:
    async with (
        fake.async_client() as client,
        client.hold("acme", amount=5, hold_id="work", ttl_seconds=TTL_SECONDS),
    ):
        await until(lambda: beats(fake) > 0)
    seen = beats(fake)
    await asyncio.sleep(TTL_SECONDS)
    assert beats(fake) == seen


async def test_a_heartbeat_has_a_limit(fake: Fake) -> None:
    async with (
        fake.async_client() as client,
        client.hold("acme", amount=5, ttl_seconds=0.03, lifetime_seconds_max=0.02),
    ):
        await asyncio.sleep(0.2)
        assert beats(fake) <= 2


async def test_a_hold_that_ended_meanwhile_is_told_and_still_charged(fake: Fake) -> None:
    async with (
        fake.async_client() as client,
        client.hold("acme", amount=5, hold_id="work", ttl_seconds=TTL_SECONDS) as hold,
    ):
        fake.advance(seconds=60)
        await asyncio.wait_for(until(lambda: hold.lost), 5)
        seen = beats(fake)
        await asyncio.sleep(TTL_SECONDS)
        assert beats(fake) == seen, "there is nothing left to renew"
        hold.use(2)
    assert hold.hold.late
    assert hold.hold.charged == 2
    assert hold.hold.state is creditgate.HoldState.EXPIRED


async def test_a_failed_heartbeat_is_tried_again(fake: Fake) -> None:
    async with (
        fake.async_client() as client,
        client.hold("acme", amount=5, hold_id="work", ttl_seconds=TTL_SECONDS) as hold,
    ):
        fake.refuse(3)
        fake.lose_replies(1)
        await asyncio.wait_for(until(lambda: beats(fake) > 5), 5)
        assert not hold.lost
        fake.clear_faults()


@pytest.mark.parametrize("ttl_seconds", [1.0, 60.0, 86_400.0])
def test_heartbeats_come_at_a_fraction_of_the_ttl(ttl_seconds: float) -> None:
    options = HoldOptions(ttl_seconds, "release", 86_400.0)
    pauses = [options.heartbeat_seconds() for _ in range(200)]
    assert ttl_seconds / 4 < min(pauses) < max(pauses) <= ttl_seconds / 3
    assert len(set(pauses)) > 100, "spread"
