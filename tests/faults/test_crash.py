"""Servers and PostgreSQL crash under load, and nothing that was acknowledged is lost (P1 to P10).

Every few seconds a server is killed, or PostgreSQL is stopped the way a crash stops it. Callers
insist on their requests. Afterwards the whole history is judged: what was answered must be in the
database once, in the order of the versions, and as the oracle says.
"""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import pytest

from creditgate_server.embedded import EmbeddedPostgres
from creditgate_server.migrate import migrate
from tests.support.database import Database, choose_binaries, unused_folder
from tests.support.figures import Figures
from tests.support.history import History, Session, drain
from tests.support.history_check import Judgement, judge, read_stored
from tests.support.load import CREDIT
from tests.support.load_servers import Fleet, fleet
from tests.support.postgres_faults import broken_rules, settled_sessions

ACCOUNTS = [f"account-{n}" for n in range(12)]
SESSIONS = 24
OPENING = 1_000_000 * CREDIT

# Nothing is written before somebody else's full page asks for it: the most that may be lost.
# Nothing but a commit would write the log within the test, and commits do not.
LOSES_WRITES = {
    "synchronous_commit": "off",
    "wal_writer_delay": "10s",
    "wal_writer_flush_after": "1GB",
    "wal_buffers": "64MB",
    "bgwriter_lru_maxpages": "0",
    "autovacuum": "off",
}


@asynccontextmanager
async def own_postgres(version: str | None, **options: str) -> AsyncIterator[Database]:
    """A PostgreSQL that only this test uses, and breaks."""
    folder = unused_folder("creditgate-crash-")
    postgres = EmbeddedPostgres(folder, binaries=choose_binaries(version), options=options)
    await asyncio.to_thread(postgres.start)
    try:
        await migrate(postgres.url())
        yield Database("postgres", postgres)
    finally:
        await asyncio.to_thread(postgres.stop, "immediate")
        shutil.rmtree(folder)


class Chaos:
    """Breaks one thing after the other, sometimes nothing, and mends it."""

    def __init__(self, servers: Fleet, postgres: EmbeddedPostgres, *, seed: int) -> None:
        self._servers = servers
        self._postgres = postgres
        self._random = Random(seed)
        self.done: Counter[str] = Counter()

    async def run(self, *, seconds: float, pause_seconds: float) -> None:
        """Whole rounds of everything, each in another order, until the time is over."""
        clock = asyncio.get_running_loop().time
        until = clock() + seconds
        while clock() < until:
            ways = [self.kill_server, self.kill_server, self.crash_postgres, self.crash_postgres]
            for way in self._random.sample([*ways, self.be_calm], 5):
                await asyncio.sleep(self._random.uniform(0.5, 1.5) * pause_seconds)
                await way()
                self.done[way.__name__] += 1

    async def kill_server(self) -> None:
        server = self._random.choice(self._servers.servers)
        server.kill()
        await self._servers.restart(server)

    async def crash_postgres(self) -> None:
        await asyncio.to_thread(self._postgres.stop, "immediate")
        await asyncio.to_thread(self._postgres.start)

    async def be_calm(self) -> None:
        await asyncio.sleep(0)


async def live_through(
    database: Database, servers: Fleet, chaos: Chaos, *, seconds: float, pause_seconds: float
) -> Judgement:
    """Runs the load through the chaos to its end, and judges what is left."""
    callers = await servers.callers(6)
    for account_id in ACCOUNTS:
        await callers[0].open_account(account_id, credit_micros=OPENING)
    history = History()
    sessions = [Session(history, callers, ACCOUNTS, seed=seed) for seed in range(SESSIONS)]
    async with asyncio.TaskGroup() as group:
        for session in sessions:
            group.create_task(session.run())
        await chaos.run(seconds=seconds, pause_seconds=pause_seconds)
        await asyncio.gather(*(server.ready() for server in servers.servers))
        await asyncio.sleep(1)
        history.over = True
    await drain(callers, history)
    return judge(history, await read_stored(database), opening_micros=OPENING)


@pytest.mark.parametrize(
    ("seconds", "pause_seconds"),
    [
        pytest.param(8, 1.2, id="short"),
        pytest.param(120, 2.0, id="long", marks=pytest.mark.faults),
    ],
)
@pytest.mark.timeout(600)
async def test_nothing_acknowledged_is_lost_whatever_crashes(
    pytestconfig: pytest.Config,
    tmp_path: Path,
    figures: Figures,
    seconds: float,
    pause_seconds: float,
) -> None:
    async with own_postgres(pytestconfig.getoption("--postgres")) as database:
        async with fleet(database, tmp_path) as servers:
            chaos = Chaos(servers, database.cluster, seed=7)
            found = await live_through(
                database, servers, chaos, seconds=seconds, pause_seconds=pause_seconds
            )
            left = await settled_sessions(database)
        broken = await broken_rules(database)
    figures(**chaos.done, **found.figures(), idle_in_txn=left.idle_in_transaction, seed=7)
    assert found.faults() == {}, found.examples
    assert broken == []
    assert left.idle_in_transaction == 0
    assert found.ok > 1_000, "a weak run: too little was acknowledged"
    assert found.info >= 20, "a weak run: too little was ever in doubt"
    assert found.denied >= 50, "a weak run: too little was ever denied"


@pytest.mark.faults
async def test_control_without_synchronous_commit_acknowledged_writes_are_lost(
    pytestconfig: pytest.Config, tmp_path: Path, figures: Figures
) -> None:
    """The same check finds what a PostgreSQL loses that answers before it has written."""
    version = pytestconfig.getoption("--postgres")
    async with (
        own_postgres(version, **LOSES_WRITES) as database,
        fleet(database, tmp_path, allow_unsafe_durability="true") as servers,
    ):
        chaos = Chaos(servers, database.cluster, seed=8)
        callers = await servers.callers(6)
        for account_id in ACCOUNTS:
            await callers[0].open_account(account_id, credit_micros=OPENING)
        await asyncio.to_thread(database.cluster.stop, "fast")
        await asyncio.to_thread(database.cluster.start)
        history = History()
        sessions = [Session(history, callers, ACCOUNTS, seed=seed) for seed in range(SESSIONS)]
        async with asyncio.TaskGroup() as group:
            for session in sessions:
                group.create_task(session.run())
            # Before PostgreSQL 17 the log is written, if not flushed, page by page: each crash
            # finds the last of them alone.
            for _ in range(3):
                await asyncio.sleep(1)
                await chaos.crash_postgres()
            history.over = True
        found = judge(history, await read_stored(database), opening_micros=OPENING)
    assert found.lost > 0
    figures(ok=found.ok, lost=found.lost)
