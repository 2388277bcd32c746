"""Reading a year of usage: summaries, activity, queries and exports, beside the hot path."""

from __future__ import annotations

from collections.abc import Sequence

from bench.database import Database
from bench.loads import Bench, WrongResultError
from bench.section import Section
from bench.stack import Server, running
from bench.usage import hot, rollups
from bench.usage.children import child
from bench.usage.exports import Export, export, grown_mb
from bench.usage.found import Found, section
from bench.usage.past import Size, write
from bench.usage.questions import QUESTIONS
from bench.usage.reader import Read, Reading

TIMES = 60
"""How often each question is asked, about accounts of each kind."""
LINES_MAX = 300_000
"""Of an export: enough to see whether memory grows, in a minute or two."""
_QUIET = {
    # Proofs read all of the ledger; they are made once, in the end.
    "CREDITGATE_RECONCILE_INTERVAL_MS": "86400000",
}


async def run(bench: Bench) -> Section:
    size = Size(entries=bench.entries, accounts=bench.accounts)
    async with bench.cluster.database(accounts=size.accounts) as database:
        entries = await write(database, size, bench.say)
        caught_up = await rollups.catch_up(database, bench.say)
        kinds = size.kinds()
        async with running("lanes", database, **_QUIET) as server:
            read = {
                name: await _read(bench, server, database, name, numbers)
                for name, numbers in kinds.items()
                if name != "large"
            }
            exported = [
                await _export(bench, server, database, form, f"account-{number}")
                for form, number in (("csv", kinds["largest"][0]), ("jsonl", kinds["large"][0]))
            ]
            path = await hot.measure(
                bench, server, database, accounts=size.accounts, largest=kinds["largest"]
            )
        if broken := await database.broken():
            raise WrongResultError(f"the ledger breaks {broken}")
    found = Found(entries, size.accounts, caught_up, read, exported, path)
    return section(found)


async def _read(
    bench: Bench, server: Server, database: Database, name: str, numbers: Sequence[int]
) -> Read:
    reading = Reading(
        target=f"{server.host}:{server.port}", api_key=database.tenant.api_key,
        names=list(QUESTIONS), accounts=list(numbers), times=TIMES,
    )  # fmt: skip
    async with child("bench.usage.reader", reading) as reader:
        read = Read.from_json(await reader.answer())
    for question, took in read.latency_ms.items():
        bench.say(f"{name} accounts, {question}: p50 {took['p50']} p95 {took['p95']} ms")
    if read.refused:
        raise WrongResultError(f"{name} accounts: {read.refused}")
    return read


async def _export(
    bench: Bench, server: Server, database: Database, form: str, account_id: str
) -> Export:
    """Export an account's activity, and compare what came with what there is."""
    async with database.connection() as connection:
        there = await connection.fetchval(
            "SELECT count(*) FROM creditgate.entries AS e JOIN creditgate.accounts AS a"
            " USING (bucket, account_key) WHERE a.account_id = $1",
            account_id,
        )
    found = await export(server, database, form, account_id, limit=LINES_MAX)
    # Of a CSV the first line says what the columns are.
    if found.lines - (form == "csv") != min(there, LINES_MAX):
        raise WrongResultError(f"{found.lines} lines of {there} entries")
    server_mb, client_mb = grown_mb(found.server_mb), grown_mb(found.client_mb)
    bench.say(
        f"{form}: {found.lines} lines, {found.per_second:.0f}/s,"
        f" server grown by {server_mb:.1f}, client by {client_mb:.1f} MB"
    )
    return found
