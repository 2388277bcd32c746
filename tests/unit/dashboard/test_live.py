"""How many pages are kept live, and what they are told."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from creditgate_server.dashboard.dependencies import Rules
from creditgate_server.dashboard.live import Lives
from creditgate_server.dashboard.problems import RefusedError
from creditgate_server.domain.account_keys import AccountKey, account_key
from creditgate_server.domain.balances import Balance
from creditgate_server.domain.errors import NotExecutedError
from creditgate_server.domain.events import Event
from creditgate_server.domain.watches import Sight, Watched

TENANT = uuid4()
A, B, C = (account_key(TENANT, name) for name in "abc")
NOW = datetime(2030, 1, 1, tzinfo=UTC)


class Sights:
    """Accounts whose versions the test sets; counts the looks."""

    def __init__(self) -> None:
        self.versions = {A: 1, B: 1}
        self.looks: list[int] = []
        self.away = False

    async def look(self, watched: Sequence[Watched]) -> Sequence[Sight]:
        self.looks.append(len(watched))
        if self.away:
            raise NotExecutedError("the database is away")
        seen = [(each, self.versions.get(each.account)) for each in watched]
        return [
            Sight(each.account, 1, 0, 0, Balance(0, 0, 0, version, NOW), [])
            for each, version in seen
            if version is not None and version != each.version
        ]

    async def events(self, account: AccountKey, *, after: int, limit: int) -> Sequence[Event]:
        raise AssertionError("nobody asks")

    async def last_event_before(self, account: AccountKey, version: int) -> int:
        raise AssertionError("nobody asks")


async def yes() -> bool:
    return True


def test_places_are_bounded_of_all_and_of_each_account() -> None:
    lives = Lives(Sights(), Rules(lives_max=3, account_lives_max=2))
    with ExitStack() as stack:
        for account in (A, A):
            stack.enter_context(lives.follow(account))
        with pytest.raises(RefusedError), lives.follow(A):
            pass
        with lives.follow(B):
            with pytest.raises(RefusedError), lives.follow(C):
                pass
            assert lives.count == 3
        assert lives.count == 2
        lives.drain()
        with pytest.raises(RefusedError), lives.follow(B):
            pass
    assert lives.count == 0


async def test_one_look_is_for_all_pages_and_tells_each_of_what_is_new() -> None:
    sights = Sights()
    lives = Lives(sights, Rules(live_interval_seconds=0.02, key_cache_seconds=0))
    with lives.follow(A) as first, lives.follow(A) as second, lives.follow(B) as other:
        streams = [lives.stream(each, yes) for each in (first, second, other)]
        assert [await anext(each) for each in streams] == [b"retry: 2000\n\n"] * 3
        async with asyncio.timeout(5), lives.running():
            for each, version in zip(streams, (1, 1, 1), strict=True):
                assert await anext(each) == f"event: changed\ndata: {version}-0-1-0\n\n".encode()
            sights.away = True
            await asyncio.sleep(0.05)
            sights.away = False
            sights.versions[A] = 2
            for each in streams[:2]:
                assert await anext(each) == b"event: changed\ndata: 2-0-1-0\n\n"
            lives.drain()
            assert [line async for line in streams[0]] == []
    # Two accounts, however many pages.
    assert set(sights.looks) == {2}


async def test_a_page_whose_account_or_right_is_gone_is_told_so() -> None:
    async def no() -> bool:
        return False

    async def unknown() -> bool:
        raise NotExecutedError("the database is away")

    lives = Lives(Sights(), Rules(live_interval_seconds=0.02, key_cache_seconds=0))
    async with asyncio.timeout(5), lives.running():
        for account, allowed, last in (
            (C, yes, b"event: ended\ndata:\n\n"),
            (A, no, b"event: ended\ndata:\n\n"),
            (A, unknown, b"event: changed\ndata: 1-0-1-0\n\n"),
        ):
            with lives.follow(account) as follower:
                stream = lives.stream(follower, allowed)
                await anext(stream)
                assert await anext(stream) == last
