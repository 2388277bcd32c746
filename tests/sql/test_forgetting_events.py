"""Old events are forgotten once they were dispatched, from the oldest on."""

from __future__ import annotations

import pytest

from creditgate_server.postgres.sweeps import PostgresSweeps
from creditgate_server.workers.forget_events import ForgetEvents
from tests.support.clock import stamp
from tests.support.pair import Pair, Pairs

pytestmark = pytest.mark.asyncio(loop_scope="module")

CREDIT = 1_000_000


async def at(pair: Pair, text: str) -> None:
    await pair.set_time(stamp(text).ToMicroseconds())


async def numbers(pair: Pair) -> list[int]:
    return [event.number for event in (await pair.direct.list_events("acme")).events]


async def test_only_dispatched_events_of_more_than_so_many_days_are_forgotten(
    pair: Pair, pairs: Pairs
) -> None:
    await at(pair, "2030-01-01")
    await pair.ask("create_account", "acme")
    for day in range(1, 6):
        await at(pair, f"2030-01-{day:02}")
        await pair.ask("add_grant", "acme", grant_id=f"g{day}", amount=CREDIT)
        await pair.ask("charge", "acme", hold_id=f"c{day}", amount=CREDIT)
    assert await numbers(pair) == list(range(1, 16))

    sweeps = PostgresSweeps(pairs.pool)
    forget = ForgetEvents(sweeps, days=30)
    await at(pair, "2030-02-02")
    await forget()
    assert await numbers(pair) == list(range(1, 16)), "nobody has been told of them"

    await pair.connection.execute(
        "UPDATE creditgate.events SET dispatched = true WHERE event_no < 15 AND account_key = $1",
        pair.direct.key("acme").account_key,
    )
    assert await forget() is False
    assert await numbers(pair) == list(range(7, 16)), "those of the first two days are gone"
    await at(pair, "2031-01-01")
    assert await ForgetEvents(sweeps, days=30, limit=2)() is True
    assert await numbers(pair) == list(range(9, 16))
    await forget()
    assert await numbers(pair) == [15]
    await pair.prove()
