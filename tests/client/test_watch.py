"""Watching an account with both clients, and from a shell."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from click.testing import CliRunner

import creditgate
from creditgate import AccountState, AccountStatus, Event, EventKind, HoldMustEnd
from creditgate.cli import load
from creditgate.v1 import event_service_pb2 as events
from tests.client.conftest import Fake


def versions(changes: list[creditgate.Change]) -> list[int]:
    return [each.balance.version for each in changes if isinstance(each, AccountState)]


def test_the_account_as_it_stands_then_each_change(fake: Fake) -> None:
    with fake.client() as client:
        changes = client.watch("acme")
        first = next(changes)
        assert isinstance(first, AccountState)
        assert [first.balance.available, first.open_holds] == [100, 0]
        assert first.status is AccountStatus.ACTIVE
        reserved = client.reserve("acme", hold_id="a", amount=5, ttl_seconds=30)
        second = next(changes)
        assert isinstance(second, AccountState)
        assert [second.balance.available, second.open_holds] == [95, 1]
        fake.advance(seconds=20)
        assert reserved.hold is not None
        assert next(changes) == HoldMustEnd(
            hold_id="a", ends_at=reserved.hold.expires_at, held_micros=5_000_000
        )
        client.extend("acme", hold_id="a", total=6, ttl_seconds=30)
        third = next(changes)
        assert isinstance(third, AccountState)
        assert third.balance.held == 6
        fake.advance(seconds=25)
        again = next(changes)
        assert isinstance(again, HoldMustEnd)
        assert again.held == 6
        assert again.ends_at == reserved.hold.expires_at + timedelta(seconds=20)
        changes.close()  # type: ignore[attr-defined]


async def test_the_same_for_asyncio(fake: Fake) -> None:
    async with fake.async_client() as client:
        changes = client.watch("acme", warn_before_seconds=0)
        assert versions([await anext(changes)]) == [1]
        await client.reserve("acme", hold_id="a", amount=5, ttl_seconds=1)
        assert versions([await anext(changes)]) == [2]
        fake.advance(seconds=2)
        fake.sweep()
        assert versions([await anext(changes)]) == [3]


def test_a_watch_goes_on_after_an_interruption_and_tells_nothing_twice(fake: Fake) -> None:
    with fake.client() as client:
        changes = client.watch("acme")
        assert versions([next(changes)]) == [1]
        fake.stop()
        fake.start()
        client.charge("acme", hold_id="a", amount=5)
        fake.stop()
        fake.refuse(2)
        fake.start()
        assert versions([next(changes)]) == [2]
        asked = [each for each in fake.requests if isinstance(each, events.WatchAccountRequest)]
        assert asked[0].after_version == 0
        assert {each.after_version for each in asked[1:]} <= {1, 2}


async def test_the_same_interruption_for_asyncio(fake: Fake) -> None:
    async with fake.async_client() as client:
        changes = client.watch("acme")
        assert versions([await anext(changes)]) == [1]
        fake.stop()
        fake.start()
        await client.charge("acme", hold_id="a", amount=5)
        assert versions([await anext(changes)]) == [2]


def test_events_come_before_the_state_they_led_to_and_none_twice(fake: Fake) -> None:
    with fake.client() as client:
        changes = client.watch("acme")
        began = next(changes)
        assert isinstance(began, AccountState)
        for number in range(3):
            client.charge("acme", hold_id=f"c-{number}", amount=100)
            client.add_grant("acme", grant_id=f"g-{number}", amount=100)
            fake.stop()
            fake.start()
        told: list[Event] = []
        while len(told) < 9:
            if isinstance(change := next(changes), Event):
                told.append(change)
        assert [each.number - began.event_number for each in told] == [*range(1, 10)]
        last = next(changes)
        assert isinstance(last, AccountState)
        assert last.event_number == told[-1].number
        kinds = (EventKind.BALANCE_LOW, EventKind.CREDITS_EXHAUSTED, EventKind.CREDITS_RESUMED)
        assert tuple(each.kind for each in told) == kinds * 3
        assert told == [
            each for each in client.list_events("acme") if each.number > began.event_number
        ]
        later = client.watch("acme", after_version=told[-1].balance.version)
        assert [next(later), next(later)] == [told[-1], last]


def test_who_begins_from_a_version_is_told_how_it_is_now(fake: Fake) -> None:
    with fake.client() as client:
        for changes in (client.watch("acme"), client.watch("acme", after_version=2)):
            assert versions([next(changes)]) == [1]


def test_what_is_refused_is_raised_and_so_is_what_lasts_too_long(fake: Fake) -> None:
    with fake.client(patience_seconds=0.5) as client:
        with pytest.raises(creditgate.NotFound):
            next(client.watch("nobody"))
        with pytest.raises(creditgate.InvalidRequest) as caught:
            next(client.watch("acme", warn_before_seconds=601))
        assert caught.value.field == "warn_before"
        changes = client.watch("acme")
        next(changes)
        fake.stop()
        with pytest.raises(creditgate.Unavailable):
            next(changes)


def test_closing_the_client_ends_its_watches(fake: Fake) -> None:
    client = fake.client()
    changes = client.watch("acme")
    next(changes)
    threading.Timer(0.1, client.close).start()
    with pytest.raises(creditgate.Unavailable):
        next(changes)


async def test_closing_the_client_ends_its_watches_for_asyncio(fake: Fake) -> None:
    client = fake.async_client()
    changes = client.watch("acme")
    await anext(changes)
    asyncio.get_running_loop().call_later(0.1, lambda: asyncio.ensure_future(client.close()))
    with pytest.raises(creditgate.Unavailable):
        await anext(changes)


async def test_a_cancelled_watch_is_cancelled(fake: Fake) -> None:
    async with fake.async_client() as client:
        changes = client.watch("acme")
        await anext(changes)
        waiting = asyncio.ensure_future(anext(changes))
        await asyncio.sleep(0.05)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting


async def test_leaving_the_loop_ends_the_call(fake: Fake) -> None:
    async with fake.async_client() as client:
        for _ in range(100):  # more than the fake serves at once
            changes: Any = client.watch("acme")
            await anext(changes)
            await changes.aclose()


@pytest.fixture
def shell(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    monkeypatch.setenv("CREDITGATE_TARGET", fake.target)
    monkeypatch.setenv("CREDITGATE_API_KEY", "key")
    return lambda *words: CliRunner().invoke(load(), words, prog_name="creditgate")


def test_from_a_shell(fake: Fake, shell: Any) -> None:
    with fake.client() as client:
        client.reserve("acme", hold_id="a", amount=5, ttl_seconds=5)
        client.update_account("acme", status=AccountStatus.SUSPENDED)
    told = shell("watch", "acme", "--count", "2")
    assert (told.exit_code, told.stderr) == (0, "")
    state, ending = told.stdout.splitlines()
    assert state.endswith("available 95  settled 100  held 5  open holds 1  suspended")
    assert ending.startswith("hold a  must end by ")
    assert ending.endswith("holds 5")
    lines = shell("watch", "acme", "--count", "2", "--json").stdout.splitlines()
    plain = [json.loads(line) for line in lines]
    assert (plain[0]["balance"]["held"], plain[0]["status"]) == ("5", "SUSPENDED")
    assert (plain[1]["hold_id"], plain[1]["held"]) == ("a", "5")
    assert shell("watch", "nobody").exit_code == 1
    with fake.client() as client:
        client.commit("acme", hold_id="a", used=100)
    lines = shell("watch", "acme", "--count", "3", "--after", "2").stdout.splitlines()
    assert [line.split("  ")[2] for line in lines[:2]] == ["balance.low", "credits.exhausted"]
    assert lines[0].startswith("event 2  ")
    assert "available 0" in lines[2]
