"""Who asks much, or fails often, keeps nobody else waiting."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from creditgate_server.dashboard.problems import RefusedError
from creditgate_server.dashboard.throttle import Throttle
from creditgate_server.dashboard.turns import Turns
from creditgate_server.domain.account_keys import account_key

TENANT = uuid4()


def test_a_throttle_forgets_failures_one_by_one() -> None:
    now = [0.0]
    throttle = Throttle(per_minute=2, clock=lambda: now[0])
    throttle.failed("a")
    throttle.failed("a")
    assert (throttle.allows("a"), throttle.allows("b")) == (False, True)
    now[0] = 29.9
    assert not throttle.allows("a")
    now[0] = 30.0
    assert throttle.allows("a")
    throttle.failed("a")
    assert not throttle.allows("a")


async def test_whoever_looks_at_one_account_much_waits_for_himself_alone() -> None:
    turns, a, b = (
        Turns(at_once=1, waiting_max=1),
        account_key(TENANT, "a"),
        account_key(TENANT, "b"),
    )
    order: list[str] = []

    async def look(name: str, go_on: asyncio.Event) -> None:
        async with turns.of(a):
            order.append(name)
            await go_on.wait()

    first, second = asyncio.Event(), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(look("first", first))
        group.create_task(look("second", second))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert order == ["first"]
        async with turns.of(b):
            pass
        with pytest.raises(RefusedError):
            async with turns.of(a):
                pass
        first.set()
        second.set()
    assert order == ["first", "second"]
    assert not turns._asking
    assert not turns._gates
