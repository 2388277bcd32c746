"""Two hundred thousand accounts whose cycles end at the same instant, and everybody's calls."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from bench.database import Database
from bench.figures import ratio
from bench.job import Measured
from bench.loads import Bench, WrongResultError, check
from bench.section import Ask, Row, Section
from bench.stack import Server, running
from bench.subscriptions import DAILY, put

FREE, DUE = 10_000, 200_000
RATE = 200.0
# The resets begin this long after they are prepared, which has to be done by then.
_AHEAD = timedelta(seconds=90)
_WINDOWS = 20
_ALL_SECONDS_MAX = 1_800.0
_LOOK_SECONDS = 1.0

# The grant that each account has becomes the allowance of a cycle that ends at the instant.
_ACCOUNTS = f"""
UPDATE creditgate.accounts
   SET plan_id = 'daily', plan_version = 1, cycle_unit = 1, cycle_no = 0, due_at = $1,
       cycle_ends_at = $1, anchor_at = $1::timestamptz - interval '1 day',
       cycle_starts_at = $1::timestamptz - interval '1 day'
 WHERE split_part(account_id, '-', 2)::integer >= {FREE}
"""
_GRANTS = """
UPDATE creditgate.grants AS g
   SET kind = 1, expires_at = a.cycle_ends_at,
       grant_id = creditgate.cycle_grant_id(a.cycle_starts_at, 'allowance')
  FROM creditgate.accounts AS a
 WHERE a.bucket = g.bucket AND a.account_key = g.account_key AND a.plan_id IS NOT NULL
"""
_DONE = """
SELECT count(*) FILTER (WHERE cycle_no = 1), count(*) FILTER (WHERE cycle_no > 1)
  FROM creditgate.accounts WHERE plan_id IS NOT NULL
"""
_TWICE = f"""
SELECT count(*) FROM creditgate.grants
HAVING count(*) <> {FREE} + 2 * {DUE}
"""


@dataclass(frozen=True, kw_only=True)
class Storm:
    """What came of one instant: calls before it and from it on, and how fast the resets were."""

    quiet: Measured
    during: Measured
    done_in_window: int
    seconds: float


async def run(bench: Bench) -> Section:
    found = {}
    for who, accounts in (("others", FREE), ("all", FREE + DUE)):
        async with (
            bench.cluster.database(accounts=FREE + DUE) as database,
            running("lanes", database, CREDITGATE_RECONCILE_INTERVAL_MS="86400000") as server,
        ):
            found[who] = await _storm(bench, server, database, who, accounts=accounts)
            if broken := await database.broken():
                raise WrongResultError(f"{who}: the ledger breaks {broken}")
    return _section(found)


async def _storm(
    bench: Bench, server: Server, database: Database, who: str, *, accounts: int
) -> Storm:
    at = await _prepare(bench, database)
    load = partial(_load, bench, server, database, accounts=accounts)
    quiet = await load(f"{who}-quiet-", seconds=bench.seconds)
    await asyncio.sleep(max((at - await _now(database)).total_seconds() - 1, 0))
    # The driver warms up for the second that is left.
    during = await load(f"{who}-during-", seconds=bench.seconds * _WINDOWS)
    done, _ = await _done(database)
    await _all_done(bench, database)
    seconds = (await _now(database) - at).total_seconds()
    return Storm(quiet=quiet, during=during, done_in_window=done, seconds=seconds)


async def _prepare(bench: Bench, database: Database) -> datetime:
    """Put the accounts into a cycle; answer the instant at which it ends."""
    await put(database, DAILY)
    at = await _now(database) + _AHEAD
    async with database.connection() as connection:
        await connection.execute(_ACCOUNTS, at)
        await connection.execute(_GRANTS)
        await connection.execute("VACUUM ANALYZE")
        await connection.execute("CHECKPOINT")
    left = (at - await _now(database)).total_seconds()
    bench.say(f"{DUE:,} cycles end in {left:.0f} s")
    if left < bench.seconds + 10:
        raise WrongResultError("the instant came before all was prepared for it")
    return at


async def _load(
    bench: Bench, server: Server, database: Database, names: str, *, accounts: int, seconds: float
) -> Measured:
    job = bench.job(
        server, database, names=names, accounts=accounts, work="cycles", rate=RATE, in_flight=4,
        connections=4, timeout_seconds=5, seconds=seconds,
    )  # fmt: skip
    measured = await bench.measure(names, server, job)
    await check("lanes", database, job, measured)
    return measured


async def _all_done(bench: Bench, database: Database) -> None:
    async with asyncio.timeout(_ALL_SECONDS_MAX):
        while (found := await _done(database))[0] < DUE:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(_LOOK_SECONDS)
    async with database.connection() as connection:
        if found[1] or await connection.fetchval(_TWICE) is not None:
            raise WrongResultError("a cycle turned twice")
    bench.say(f"all {DUE:,} cycles have turned, each once")


async def _done(database: Database) -> tuple[int, int]:
    """How many cycles have turned, and how many more often than once."""
    async with database.connection() as connection:
        row = await connection.fetchrow(_DONE)
    assert row is not None, "a count is there"
    return row[0], row[1]


async def _now(database: Database) -> datetime:
    async with database.connection() as connection:
        now: datetime = await connection.fetchval("SELECT creditgate.clock()")
    return now


def _section(found: dict[str, Storm]) -> Section:
    asks = {
        "others": "p99 of Reserve while 200,000 other accounts are reset, by that before",
        "all": "the same, of calls on the accounts that are reset, too",
    }
    return Section(
        title=f"{DUE:,} cycles that end at one instant; {RATE:g} calls/s in an open loop",
        columns=("calls on", "when", "reserve p50 ms", "reserve p99 ms", "commit p99 ms",
                 "not granted", "resets in the time", "all reset after s"),
        rows=[row for who, storm in found.items() for row in _rows(who, storm)],
        asks=[
            Ask.at_most(what, wanted=3, measured=_slower(found[who])) for who, what in asks.items()
        ],
        notes=["Each instant is one of a database of its own; the server sweeps as always."],
        figures={
            who: {"quiet": storm.quiet.facts(), "during": storm.during.facts(),
                  "done_in_window": storm.done_in_window, "seconds": storm.seconds}
            for who, storm in found.items()
        },
    )  # fmt: skip


def _slower(storm: Storm) -> float:
    during, quiet = (each.latency_ms["reserve"]["p99"] for each in (storm.during, storm.quiet))
    return ratio(during, quiet)


def _rows(who: str, storm: Storm) -> list[Row]:
    return [
        (who, when, each.latency_ms["reserve"]["p50"], each.latency_ms["reserve"]["p99"],
         each.latency_ms["commit"]["p99"], _not_granted(each), *more)
        for when, each, more in (
            ("before", storm.quiet, ("", "")),
            ("from the instant on", storm.during, (storm.done_in_window, round(storm.seconds))),
        )
    ]  # fmt: skip


def _not_granted(measured: Measured) -> int:
    right = {"reserve granted", "commit accepted"}
    return sum(count for verdict, count in measured.answered.items() if verdict not in right)
