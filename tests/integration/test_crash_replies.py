"""Replies that get lost, and commits cut in their middle: errors tell the truth, retries converge.

Server A reaches PostgreSQL over a wire that is cut on order; server B reaches it directly.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest

from tests.support.database import Database
from tests.support.figures import Figures
from tests.support.load import CREDIT, Caller, Reply, charge, commit, release, reserve
from tests.support.load_servers import fleet
from tests.support.postgres_faults import broken_rules, slow_commits, superuser
from tests.support.proxy import Cut, PostgresProxy

ACCOUNT = "acme"


class Pair(NamedTuple):
    """A caller of each server, and the wire of server A."""

    a: Caller
    b: Caller
    wire: PostgresProxy


@asynccontextmanager
async def pair(database: Database, folder: Path, **environ: str) -> AsyncIterator[Pair]:
    async with (
        PostgresProxy(database.url) as wire,
        fleet(database, folder, urls=[wire.url, database.url], count=2, **environ) as servers,
    ):
        a, b = await servers.callers(2)
        await b.open_account(ACCOUNT, credit_micros=1_000_000 * CREDIT)
        yield Pair(a, b, wire)


class Step(NamedTuple):
    """A request, and how to see in the database whether it was carried out, and how often."""

    request: Any
    done: str
    hold_id: str


def step(verb: str, hold_id: str) -> Step:
    """A request on a hold that is there for commit and release, and not for the others."""
    count = "SELECT count(*) FROM creditgate.holds WHERE hold_id = $1"
    charged = "SELECT count(*) FROM creditgate.entries WHERE hold_id = $1 AND kind = 2"
    return {
        "reserve": Step(reserve(ACCOUNT, hold_id, 3 * CREDIT), count, hold_id),
        "charge": Step(charge(ACCOUNT, hold_id, 3 * CREDIT), charged, hold_id),
        "commit": Step(commit(ACCOUNT, hold_id, 2 * CREDIT), charged, hold_id),
        "release": Step(release(ACCOUNT, hold_id), f"{count} AND state = 3", hold_id),
    }[verb]


async def effects(database: Database, step: Step) -> int:
    async with superuser(database) as connection:
        return int(await connection.fetchval(step.done, step.hold_id))


def outcome(reply: Reply) -> tuple[Any, ...]:
    """What all answers to one request must agree on."""
    hold = reply.message.hold
    return (reply.verdict, hold.state, hold.granted_micros, hold.charged_micros, hold.used_micros)


@pytest.mark.parametrize(
    "cuts",
    [pytest.param(32, id="short"), pytest.param(400, id="full", marks=pytest.mark.faults)],
)
async def test_a_commit_cut_in_its_middle_is_told_truly_and_done_once(
    database: Database, tmp_path: Path, figures: Figures, cuts: int
) -> None:
    kinds = [Cut.BEFORE_COMMIT, Cut.AFTER_COMMIT, Cut.AFTER_COMMIT, Cut.BACKEND_ENDED]
    verbs = ["reserve", "charge", "commit", "release"]
    heard: Counter[str] = Counter()
    random = Random(cuts)
    async with pair(database, tmp_path) as (a, b, wire):
        for number in range(cuts):
            cut, verb = kinds[number % 4], random.choice(verbs)
            hold_id = f"cut-{number}"
            if verb in {"commit", "release"}:
                await b.ask(reserve(ACCOUNT, hold_id, 3 * CREDIT))
            work = step(verb, hold_id)
            done = wire.cut_next(cut, delay_seconds=random.uniform(0, 0.008))
            reply = await a.send(work.request)
            assert await done is cut
            before_retry = await effects(database, work)
            retry = await b.insist(work.request)
            again = await a.insist(work.request)

            heard["told " + reply.verdict] += 1
            heard["committed_but_error"] += bool(before_retry and not reply.ok)
            heard["lied_not_done"] += bool(before_retry and (reply.not_executed or reply.refused))
            heard["lied_done"] += bool(reply.ok and not before_retry)
            heard["resolved"] += retry.ok
            heard["dup"] += await effects(database, work) - 1
            assert outcome(retry) == outcome(again)
            if cut is Cut.AFTER_COMMIT:
                assert before_retry == 1, f"{verb} was to be committed before the cut"
            if cut is Cut.BEFORE_COMMIT:
                assert before_retry == 0, f"{verb} was to be cut before its commit"
    assert heard["committed_but_error"] >= cuts // 2 - 1
    assert heard["resolved"] == cuts
    assert (heard["lied_not_done"], heard["lied_done"], heard["dup"]) == (0, 0, 0)
    assert await broken_rules(database) == []
    figures(cuts=cuts, **{name.replace(" ", "_"): count for name, count in heard.items()})


@pytest.mark.parametrize("cut", [Cut.LOST_ROUTE, Cut.DURING_COMMIT], ids=lambda cut: cut.name)
async def test_a_retry_waits_for_the_commit_still_under_way(
    database: Database, tmp_path: Path, figures: Figures, cut: Cut
) -> None:
    """The wire is cut while PostgreSQL commits; the retry comes to the other server at once.

    Where PostgreSQL hears nothing of the cut, it commits. Else it notices, and rolls back.
    """
    await slow_commits(database, seconds=1.5)
    found: Counter[str] = Counter()
    async with pair(database, tmp_path, lock_timeout_ms="2500", statement_timeout_ms="4000") as (
        a,
        b,
        wire,
    ):
        for number, verb in enumerate(["reserve", "charge"]):
            work = step(verb, f"slow-{number}")
            wire.cut_next(cut, delay_seconds=0.4)
            reply = await a.send(work.request)
            visible = await effects(database, work)
            retry = await b.send(work.request)
            again = await a.insist(work.request)
            found["unknown"] += reply.unknown
            found["visible_at_retry"] += visible
            found["retry_ok"] += retry.ok
            found["replayed"] += retry.message.replayed
            found["effects"] += await effects(database, work)
            assert outcome(retry) == outcome(again)
    assert found["unknown"] == found["retry_ok"] == found["effects"] == 2
    assert found["visible_at_retry"] == 0
    assert found["replayed"] == (2 if cut is Cut.LOST_ROUTE else 0)
    assert await broken_rules(database) == []
    figures(commit_seconds=1.5, cut_at_seconds=0.4, **found)


async def test_a_lock_that_outlasts_the_retry_is_told_as_not_executed(
    database: Database, tmp_path: Path, figures: Figures
) -> None:
    """With the usual lock timeout the retry is told to come again, and the last one is answered."""
    await slow_commits(database, seconds=0.9)
    async with pair(database, tmp_path) as (a, b, wire):
        work = step("charge", "slow-0")
        wire.cut_next(Cut.LOST_ROUTE, delay_seconds=0.2)
        reply = await a.send(work.request)
        retry = await b.send(work.request)
        answer = await b.insist(work.request)
        assert (reply.reason, retry.reason) == ("OUTCOME_UNKNOWN", "NOT_EXECUTED")
        assert answer.ok
        assert answer.message.replayed
        assert await effects(database, work) == 1
    figures(first=reply.verdict, retry=retry.verdict, last=answer.verdict, effects=1)


async def test_a_reply_that_comes_too_late_is_the_same_from_the_other_server(
    database: Database, tmp_path: Path, figures: Figures
) -> None:
    """The caller gives up before the commit ends, and hears the truth from the other server."""
    await slow_commits(database, seconds=0.25)
    count = 8
    async with pair(database, tmp_path) as (a, b, _):
        for number in range(count):
            verb = ["reserve", "charge", "commit", "release"][number % 4]
            work = step(verb, f"slow-{number}")
            if verb in {"commit", "release"}:
                await b.ask(reserve(ACCOUNT, work.hold_id, 3 * CREDIT))
            reply = await a.send(work.request, timeout_seconds=0.15)
            assert reply.code == "DEADLINE_EXCEEDED"
            retry = await b.insist(work.request)
            assert retry.ok
            assert outcome(retry) == outcome(await a.insist(work.request))
            assert await effects(database, work) == 1
    assert await broken_rules(database) == []
    figures(lost_replies=count, retried_elsewhere=count, effects=count, dup=0)
