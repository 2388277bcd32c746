"""What is granted is what is there: not a credit more, not a credit less (P3, P4)."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from tests.support.database import Database
from tests.support.figures import Figures
from tests.support.load import CREDIT, Caller, reserve, spread
from tests.support.load_servers import fleet
from tests.support.postgres_faults import broken_rules, superuser, vary

CLIENTS = 64


class Tally(NamedTuple):
    """What became of the reserves on one account; overspend is held beyond what there is."""

    granted: int
    denied: int
    overspend_micros: int
    errors: int


async def race(
    database: Database, callers: list[Caller], *, balance: int, asks: list[int]
) -> Tally:
    """Reserves the amounts on a new account, all callers at once, and looks at what came of it."""
    account_id = f"race-{Random().getrandbits(64):x}"
    await callers[0].open_account(account_id, credit_micros=balance)
    requests = [reserve(account_id, f"hold-{n}", micros) for n, micros in enumerate(asks)]
    replies = await spread(callers, requests)
    async with superuser(database) as connection:
        held = await connection.fetchval(
            "SELECT coalesce(sum(h.held_micros), 0)::bigint FROM creditgate.holds AS h"
            "  JOIN creditgate.accounts AS a USING (bucket, account_key) WHERE a.account_id = $1",
            account_id,
        )
    return Tally(
        granted=sum(reply.granted for reply in replies),
        denied=sum(reply.denied for reply in replies),
        overspend_micros=max(held - balance, 0),
        errors=sum(not reply.ok for reply in replies),
    )


@pytest.mark.parametrize(
    "repeats",
    [pytest.param(1, id="once"), pytest.param(20, id="often", marks=pytest.mark.faults)],
)
@pytest.mark.timeout(900)
async def test_a_thousand_credits_are_granted_a_thousand_times(
    database: Database, tmp_path: Path, figures: Figures, repeats: int
) -> None:
    async with fleet(database, tmp_path) as servers:
        callers = await servers.callers(CLIENTS)
        tallies = [
            await race(database, callers, balance=1_000 * CREDIT, asks=[CREDIT] * 5_000)
            for _ in range(repeats)
        ]
    assert tallies == [Tally(1_000, 4_000, 0, 0)] * repeats
    assert await broken_rules(database) == []
    figures(
        clients=CLIENTS, servers=2, runs=repeats, reserves=5_000 * repeats,
        granted=sum(t.granted for t in tallies), denied=sum(t.denied for t in tallies),
        overspend_micros=sum(t.overspend_micros for t in tallies),
    )  # fmt: skip


async def test_what_is_left_over_is_denied_and_never_split(
    database: Database, tmp_path: Path, figures: Figures
) -> None:
    async with fleet(database, tmp_path) as servers:
        callers = await servers.callers(20)
        of_500 = [await race(database, callers, balance=500, asks=[75] * 20) for _ in range(20)]
        of_1 = [
            await race(database, callers, balance=CREDIT, asks=[300_000] * 8) for _ in range(20)
        ]
    assert of_500 == [Tally(6, 14, 0, 0)] * 20
    assert of_1 == [Tally(3, 5, 0, 0)] * 20
    assert await broken_rules(database) == []
    figures(runs=40, twenty_of_75_on_500=6, eight_of_0_30_on_1=3, overspend_micros=0)


async def test_control_without_the_lock_more_is_granted_than_there_is(
    database: Database, tmp_path: Path, figures: Figures
) -> None:
    """The same load shows the fault when the protection is out: accounts read without their lock.

    A pause between reading and writing makes the interleaving certain on any machine.
    """
    await vary(
        database,
        "050_apply.sql",
        ("        FOR NO KEY UPDATE OF a);\n", ");\n    PERFORM pg_sleep(0.002);\n"),
    )
    async with fleet(database, tmp_path) as servers:
        callers = await servers.callers(CLIENTS)
        tally = await race(database, callers, balance=200 * CREDIT, asks=[CREDIT] * 1_000)
    assert tally.granted > 200
    assert tally.overspend_micros > 0
    broken = await broken_rules(database)
    assert any("held = sum of open holds" in line for line in broken)
    figures(granted_of_200=tally.granted, overspend_micros=tally.overspend_micros)
