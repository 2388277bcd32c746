"""Commit, Release and expiry of one hold at the same instant end in one state (P8, P9).

A trigger of the test's own writes down every change of a hold's state with the database's clock,
so what is judged here is what happened, not what the service says of it.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest

from tests.support.database import Database
from tests.support.figures import Figures
from tests.support.load import CREDIT, Caller, Reply, commit, release, reserve
from tests.support.load_servers import fleet
from tests.support.postgres_faults import broken_rules, superuser, vary, watch_transitions

ACCOUNTS = 20
REQUESTS_PER_SECOND = 500
SWEEPS = {"sweep_interval_ms": "50"}

_ENDS = """
SELECT h.hold_id, h.state, h.late, h.charged_micros, h.uncollected_micros,
       (SELECT count(*) FROM public.transitions AS t
         WHERE t.hold_id = h.hold_id AND t.became > 1) AS ends,
       (SELECT count(*) FROM public.transitions AS t
         WHERE t.hold_id = h.hold_id AND t.became = 4 AND t.at < t.expires_at) AS early,
       (SELECT max(extract(epoch FROM t.at - t.expires_at)) FROM public.transitions AS t
         WHERE t.hold_id = h.hold_id AND t.became = 4)::float8 AS swept_after,
       (SELECT count(*) FROM creditgate.entries AS e
         WHERE e.hold_id = h.hold_id AND e.kind = 2) AS charges,
       (SELECT coalesce(-sum(e.amount_micros), 0)::bigint FROM creditgate.entries AS e
         WHERE e.hold_id = h.hold_id AND e.kind = 2) AS entries_micros
  FROM creditgate.holds AS h
"""


class End(NamedTuple):
    """What became of one hold."""

    hold_id: str
    state: int
    late: bool
    charged_micros: int
    uncollected_micros: int
    ends: int
    early: int
    swept_after: float | None
    charges: int
    entries_micros: int


async def ends_of_holds(database: Database) -> list[End]:
    """Everything that became of the holds, once none is open any more."""
    async with superuser(database) as connection:
        until = time.monotonic() + 10
        while await connection.fetchval("SELECT count(*) FROM creditgate.holds WHERE state = 1"):
            assert time.monotonic() < until, "holds stay open"
            await asyncio.sleep(0.1)
        return [End(*row) for row in await connection.fetch(_ENDS)]


class Shot(NamedTuple):
    """One hold, and what is sent about it at the instant of its expiry."""

    account_id: str
    hold_id: str
    requests: Sequence[Any]


async def fire(
    callers: Sequence[Caller],
    shot: Shot,
    random: Random,
    *,
    ttl_ms: int,
    spread_seconds: float,
    over_seconds: float = 3,
) -> list[Reply]:
    """Reserves, then sends all requests at the expiry, up to `spread_seconds` before or after."""
    await asyncio.sleep(random.uniform(0, over_seconds))
    caller = random.choice(callers)
    reply = await caller.insist(reserve(shot.account_id, shot.hold_id, CREDIT, ttl_ms=ttl_ms))
    ends_at = reply.message.hold.expires_at.ToNanoseconds() / 1e9
    # A request is on its way for about as long as the last one was, however busy the machine is.
    fire_at = ends_at - 0.6 * reply.seconds + random.uniform(-spread_seconds, spread_seconds)

    async def send(request: Any) -> Reply:
        at = fire_at + random.uniform(0, 0.005)
        await asyncio.sleep(max(at - time.time(), 0))
        return await random.choice(callers).insist(request)

    return list(await asyncio.gather(*map(send, shot.requests)))


async def open_accounts(caller: Caller) -> None:
    for n in range(ACCOUNTS):
        await caller.open_account(f"account-{n}", credit_micros=100_000 * CREDIT)


async def commit_at_expiry(database: Database, folder: Path, *, count: int) -> list[Reply]:
    """Commits so many holds at the instant they expire, two servers sweeping all the time."""
    random = Random(count)
    await watch_transitions(database)
    async with fleet(database, folder, count=2, **SWEEPS) as servers:
        callers = await servers.callers(16)
        await open_accounts(callers[0])
        shots = []
        for n in range(count):
            account_id, hold_id = f"account-{n % ACCOUNTS}", f"race-{n}"
            shots.append(Shot(account_id, hold_id, [commit(account_id, hold_id, CREDIT)]))
        fired = (fire(callers, shot, random, ttl_ms=400, spread_seconds=0.05) for shot in shots)
        return [replies[0] for replies in await asyncio.gather(*fired)]


async def test_commit_against_sweep_ends_in_one_state_and_one_charge(
    database: Database, tmp_path: Path, figures: Figures
) -> None:
    count = 1_000
    replies = await commit_at_expiry(database, tmp_path, count=count)
    ends = await ends_of_holds(database)
    states = Counter(end.state for end in ends)
    assert len(ends) == count == states[2] + states[4]
    assert [end for end in ends if end.ends != 1] == []
    assert [end for end in ends if end.early] == []
    assert [end for end in ends if (end.state == 4) != end.late] == []
    charged = {(end.charges, end.charged_micros, end.entries_micros) for end in ends}
    assert charged == {(1, CREDIT, CREDIT)}
    assert Counter(reply.ok for reply in replies) == {True: count}
    assert Counter(reply.message.late for reply in replies)[True] == states[4]
    assert min(states[2], states[4]) > count // 50, "a race that one side always wins is none"
    late_seconds = max(end.swept_after or 0 for end in ends)
    assert late_seconds < 5
    assert await broken_rules(database) == []
    figures(
        races=count, committed=states[2], expired_then_charged_late=states[4], both=0, neither=0,
        early=0, charged_once=count, expired_at_most_ms_late=round(late_seconds * 1000),
    )  # fmt: skip


async def test_control_a_sweep_that_does_not_look_at_the_state_ends_holds_twice(
    database: Database, tmp_path: Path, figures: Figures
) -> None:
    """The same race shows the fault when the protection is out."""
    await vary(
        database,
        "049_advance.sql",
        ("AND o.state = 1\n            AND o.expires_at <= p", "AND o.expires_at <= p"),
    )
    await commit_at_expiry(database, tmp_path, count=150)
    ends = await ends_of_holds(database)
    twice = sum(end.ends > 1 for end in ends)
    assert twice > 0
    figures(races=150, ended_twice=twice)


def volley(account_id: str, hold_id: str, random: Random, *, size: int) -> list[Any]:
    """Requests that contradict each other: totals, some of them final, and releases."""
    return [
        release(account_id, hold_id)
        if random.random() < 0.25
        else commit(
            account_id,
            hold_id,
            random.choice([100_000, 300_000, 900_000]),
            keep_open=random.random() < 0.5,
        )
        for _ in range(size)
    ]


@pytest.mark.parametrize(
    ("holds", "size"),
    [
        pytest.param(200, 8, id="short"),
        pytest.param(200, 100, id="full", marks=pytest.mark.faults),
    ],
)
async def test_a_volley_at_one_hold_leaves_one_end_and_the_charge_that_was_answered(
    database: Database, tmp_path: Path, figures: Figures, holds: int, size: int
) -> None:
    random = Random(holds)
    await watch_transitions(database)
    async with fleet(database, tmp_path, count=2, **SWEEPS) as servers:
        callers = await servers.callers(16)
        await open_accounts(callers[0])
        shots = []
        for n in range(holds):
            account_id, hold_id = f"account-{n % ACCOUNTS}", f"volley-{n}"
            requests = volley(account_id, hold_id, random, size=size)
            shots.append(Shot(account_id, hold_id, requests))
        seconds = holds * size / REQUESTS_PER_SECOND
        fired = (
            fire(callers, shot, random, ttl_ms=500, spread_seconds=0.05, over_seconds=seconds)
            for shot in shots
        )
        replies = dict(zip([s.hold_id for s in shots], await asyncio.gather(*fired), strict=True))
        ends = await ends_of_holds(database)

    verdicts = Counter(reply.verdict for heard in replies.values() for reply in heard)
    assert set(verdicts) <= {"OK", "HOLD_COMMITTED", "HOLD_RELEASED"}
    assert len(ends) == holds
    assert [end for end in ends if end.ends != 1 or end.early] == []
    for end in ends:
        answered = sum(
            reply.message.charged_micros
            for reply in replies[end.hold_id]
            if reply.ok and hasattr(reply.message, "charged_micros")
        )
        assert answered == end.charged_micros == end.entries_micros, end
        assert end.uncollected_micros == 0
    states = Counter(end.state for end in ends)
    assert await broken_rules(database) == []
    figures(
        holds=holds, requests=holds * size, terminal=len(ends), double_terminal=0,
        committed=states[2], released=states[3], expired=states[4],
        charged_micros=sum(end.charged_micros for end in ends), **verdicts,
    )  # fmt: skip
