"""A gateway that comes back: what it left open is charged as far as it is known, and freed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import creditgate
from creditgate import CallLeg, Usage
from creditgate._async import gateway as _async_gateway
from creditgate._call import outbox as _outbox
from creditgate._call.journal import Entry, Journal
from creditgate._call.reconcile import closings
from creditgate.v1 import authorization_service_pb2 as messages
from tests.client.awaits import until
from tests.client.calls import price, priced
from tests.client.conftest import Fake

OLD, NEW = 1, 2


@pytest.fixture(autouse=True)
def left_behind(fake: Fake, tmp_path: Path) -> None:
    """What a process of epoch 1 left when it was killed, and what is none of its business.

    Five calls: one that only the journal has seconds of, one with reported seconds of which the
    journal has more, one with reported seconds alone, one that rang, and one that is charged.
    """
    priced(fake)
    with fake.client() as client:
        for name in ("journal", "both", "reported", "rang"):
            _reserve(client, name, CallLeg("edge", OLD))
        for name in ("both", "reported"):
            client.extend("acme", hold_id=name, quantity=120, used_quantity=50)
        _reserve(client, "living", CallLeg("edge", NEW))
        _reserve(client, "elsewhere", CallLeg("other", OLD))
        client.reserve("acme", hold_id="chat", amount=1)
    journal = Journal(tmp_path)
    journal.open()
    for name, seconds in (("journal", 42), ("both", 95)):
        journal.write(_entry(name, seconds, epoch=OLD))
    journal.write(_entry("living", 10, epoch=NEW))
    journal.close()


def _reserve(client: creditgate.Client, name: str, leg: CallLeg) -> None:
    usage = Usage("voice.call", 60)
    client.reserve("acme", hold_id=name, usage=usage, ttl_seconds=120, call=leg)


def _entry(name: str, seconds: int, *, epoch: int) -> Entry:
    commit = messages.CommitRequest(account_id="acme", hold_id=name, used_quantity=seconds)
    return Entry(commit=commit, gateway_id="edge", epoch=epoch)


def stands(fake: Fake) -> dict[str, tuple[str, int]]:
    found = {}
    for name in ("journal", "both", "reported", "rang", "living", "elsewhere", "chat"):
        hold = fake.hold(name)
        assert hold is not None
        found[name] = (fake.state(name), hold.charged_micros)
    return found


def settled(fake: Fake) -> None:
    assert stands(fake) == {
        "journal": ("COMMITTED", price(42)),
        "both": ("COMMITTED", price(95)),
        "reported": ("RELEASED", price(50)),
        "rang": ("RELEASED", 0),
        "living": ("OPEN", 0),
        "elsewhere": ("OPEN", 0),
        "chat": ("OPEN", 0),
    }


async def test_a_gateway_that_comes_back(fake: Fake, tmp_path: Path) -> None:
    async with fake.async_client(journal=tmp_path) as client:
        found = await client.reconcile(gateway_id="edge", epoch=NEW)
        assert {hold.hold_id for hold in found.charged} == {"journal", "both"}
        assert {hold.hold_id for hold in found.released} == {"reported", "rang"}
        assert not found.waiting
        settled(fake)
        again = await client.reconcile(gateway_id="edge", epoch=NEW)
        assert not again.charged
        assert not again.released
        with pytest.raises(ValueError, match="epoch"):
            await client.reconcile(gateway_id="edge", epoch=0)
    settled(fake)
    assert [each.name for each in Journal(tmp_path).read()] == [("acme", "living")]


def test_a_blocking_gateway_that_comes_back(fake: Fake, tmp_path: Path) -> None:
    with fake.client(journal=tmp_path) as client:
        found = client.reconcile(gateway_id="edge", epoch=NEW)
        assert {hold.hold_id for hold in found.charged} == {"journal", "both"}
        assert {hold.hold_id for hold in found.released} == {"reported", "rang"}
    settled(fake)


async def test_holds_that_have_expired_meanwhile_are_charged_late(
    fake: Fake, tmp_path: Path
) -> None:
    fake.advance(seconds=600)
    fake.sweep()
    async with fake.async_client(journal=tmp_path) as client:
        await client.reconcile(gateway_id="edge", epoch=NEW)
        charged = stands(fake)
        assert charged["journal"] == ("EXPIRED", price(42))
        assert charged["both"] == ("EXPIRED", price(95))
        assert charged["reported"] == ("EXPIRED", price(50))
        assert (await client.get_balance("acme")).held == 0


async def test_without_a_journal_what_was_reported_stays_charged(fake: Fake) -> None:
    async with fake.async_client() as client:
        found = await client.reconcile(gateway_id="edge", epoch=NEW)
        assert len(found.released) == 4
        assert not found.charged
    assert stands(fake)["both"] == ("RELEASED", price(50))


async def test_a_service_that_goes_away_meanwhile_gets_it_later(
    fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def go_away(*given: Any) -> list[Entry]:
        fake.refuse(1_000)
        return closings(*given)

    monkeypatch.setattr(_async_gateway, "closings", go_away)
    monkeypatch.setattr(_outbox, "RESEND_SECONDS_MIN", 0.01)
    async with fake.async_client(journal=tmp_path, patience_seconds=0.2) as client:
        found = await client.reconcile(gateway_id="edge", epoch=NEW)
        assert len(found.waiting) == 4
        assert not found.charged
        fake.clear_faults()
        ours = ("journal", "both", "reported", "rang")
        await asyncio.wait_for(
            until(lambda: all(stands(fake)[name][0] != "OPEN" for name in ours)), 5
        )
    settled(fake)


async def test_calls_of_a_gateway_without_a_name_are_charged_at_once(
    fake: Fake, tmp_path: Path
) -> None:
    with fake.client() as client:
        _reserve(client, "unnamed", CallLeg("unnamed-1", OLD))
    journal = Journal(tmp_path)
    journal.open()
    journal.write(replace(_entry("unnamed", 7, epoch=OLD), gateway_id="unnamed-1"))
    journal.close()
    async with fake.async_client(journal=tmp_path):
        await asyncio.wait_for(until(lambda: fake.state("unnamed") == "COMMITTED"), 5)
    hold = fake.hold("unnamed")
    assert hold is not None
    assert hold.charged_micros == price(7)
