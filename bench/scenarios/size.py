"""A small database and one with a million accounts and five million holds, beside each other."""

from __future__ import annotations

from statistics import median

from bench.database import CREDITS_MICROS, Database
from bench.figures import ratio
from bench.job import Measured
from bench.loads import Bench, WrongResultError, check
from bench.section import Ask, Section
from bench.stack import running

ACCOUNTS_SMALL = 10_000
ACCOUNTS = 1_000_000
HOLDS_PER_ACCOUNT = 5
ROUNDS = 4
IN_FLIGHT = 64
_CHARGE = 1_000

# Each account has had four holds that were committed, and every tenth has one that is open; the
# fifth of the others was released.
_HOLDS = f"""
INSERT INTO creditgate.holds
SELECT a.bucket, a.account_key, 'old-' || n,
       CASE WHEN n < 5 THEN 2 WHEN a.open THEN 1 ELSE 3 END, 1,
       {_CHARGE}, {_CHARGE}, {_CHARGE}, CASE WHEN n = 5 AND a.open THEN {_CHARGE} ELSE 0 END, 0,
       CASE WHEN n < 5 THEN {_CHARGE} ELSE 0 END, CASE WHEN n < 5 THEN {_CHARGE} ELSE 0 END,
       0, 0, false, n < 5, '\\x00', now(), now() + interval '1 day',
       CASE WHEN n < 5 OR NOT a.open THEN now() END, '', NULL
  FROM (SELECT s.*, abs(hashtext(s.account_id)) % 10 = 0 AS open
          FROM creditgate.accounts AS s) AS a,
       generate_series(1, {HOLDS_PER_ACCOUNT}) AS n
"""
_ENTRIES = f"""
INSERT INTO creditgate.entries
SELECT a.bucket, a.account_key, 1 + n, 1, 2, -{_CHARGE}, {CREDITS_MICROS} - n * {_CHARGE},
       'old-' || n, NULL, '{{1}}', ARRAY[{_CHARGE}::bigint], now()
  FROM creditgate.accounts AS a, generate_series(1, 4) AS n
"""
_GRANTS = f"UPDATE creditgate.grants SET remaining_micros = remaining_micros - 4 * {_CHARGE}"
_ACCOUNTS = f"""
UPDATE creditgate.accounts AS a
   SET settled_micros = settled_micros - 4 * {_CHARGE}, version = 6,
       held_micros = o.open * {_CHARGE}, open_holds = o.open,
       due_at = CASE o.open WHEN 1 THEN now() + interval '12 hours' ELSE 'infinity' END
  FROM (SELECT bucket, account_key, (abs(hashtext(account_id)) % 10 = 0)::int AS open
          FROM creditgate.accounts) AS o
 WHERE a.bucket = o.bucket AND a.account_key = o.account_key
"""


async def run(bench: Bench) -> Section:
    found: dict[str, list[Measured]] = {"small": [], "large": []}
    sizes = {"small": ACCOUNTS_SMALL, "large": ACCOUNTS}
    async with (
        bench.cluster.database(accounts=ACCOUNTS_SMALL) as small,
        bench.cluster.database(accounts=ACCOUNTS) as large,
    ):
        await _fill(bench, large)
        databases = {"small": small, "large": large}
        for number in range(ROUNDS):
            for name, database in databases.items():
                async with running("lanes", database) as server:
                    job = bench.job(
                        server, database, names=f"{name}-{number}-", in_flight=IN_FLIGHT,
                        connections=4, work="cycles", accounts=sizes[name], seed=number,
                    )  # fmt: skip
                    measured = await bench.measure(f"{name} database", server, job)
                    await check("lanes", database, job, measured)
                    found[name].append(measured)
        for name, database in databases.items():
            if broken := await database.broken():
                raise WrongResultError(f"{name}: the ledger breaks {broken}")
    return _section(found, sizes)


async def _fill(bench: Bench, database: Database) -> None:
    """Give the accounts a past, and prove that it is one the ledger could have had."""
    async with database.connection() as connection:
        for statement in (_HOLDS, _ENTRIES, _GRANTS, _ACCOUNTS):
            await connection.execute(statement)
            bench.say(f"large database: {' '.join(statement.split()[:3])}")
        await connection.execute("VACUUM ANALYZE")
        await connection.execute("CHECKPOINT")
    if broken := await database.broken():
        raise WrongResultError(f"the past that was made up breaks {broken}")


def _section(found: dict[str, list[Measured]], sizes: dict[str, int]) -> Section:
    throughput = {
        name: median(each.per_second for each in rounds) for name, rounds in found.items()
    }
    slower = (1 - ratio(throughput["large"], throughput["small"])) * 100
    return Section(
        title=f"Reserve and Commit, {IN_FLIGHT} in flight, by size of the database",
        columns=("accounts", "holds", "calls/s", "reserve p99 ms", "commit p99 ms",
                 "server us/call", "PostgreSQL us/call"),
        rows=[
            (
                sizes[name],
                HOLDS_PER_ACCOUNT * ACCOUNTS if name == "large" else 0,
                throughput[name],
                *(median(r.latency_ms[of]["p99"] for r in rounds) for of in ("reserve", "commit")),
                *(median(r.cpu_us_per_call[of] for r in rounds) for of in ("server", "postgres")),
            )
            for name, rounds in found.items()
        ],
        asks=[
            Ask.at_most(
                "1 M accounts and 5 M holds, throughput lost", wanted=20, measured=slower, unit="%"
            )
        ],
        notes=[f"Medians of {ROUNDS} rounds, in turns; accounts drawn from all there are."],
        figures={name: [each.facts() for each in rounds] for name, rounds in found.items()},
    )  # fmt: skip
