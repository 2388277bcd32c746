"""Workers that sum up are killed with SIGKILL at any instant while the ledger grows."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.integration.test_usage_sums import BROKEN, THROUGH, made_up
from tests.property.seeds import first_seed
from tests.support.database import Connection, Database
from tests.support.figures import Figures
from tests.support.usage_ledger import UsageLedger

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]
ROUNDS, ENTRIES = 12, 3_000
COUNTED = """
SELECT coalesce(sum(holds) FILTER (WHERE unit = 0), 0)::int
  FROM creditgate.usage_slots WHERE bucket = $1 AND account_key = $2 AND grouping = 0
"""


class Workers:
    """Two processes of background work. One of them is killed, again and again."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._environ = os.environ | {
            "CREDITGATE_DATABASE_URL": database.url,
            "CREDITGATE_KEY_PEPPER": "a pepper for tests, long enough to be one",
            "CREDITGATE_USAGE_INTERVAL_MS": "50",
        }
        self._log = folder / "workers.log"
        self._processes = [self._start(), self._start()]

    def _start(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "creditgate_server", "work"],
                env=self._environ,
                stdout=log,
                stderr=log,
            )

    def kill_one(self, place: int) -> None:
        """Kill one with SIGKILL, and start another in its place."""
        victim = self._processes[place]
        victim.send_signal(signal.SIGKILL)
        victim.wait()
        self._processes[place] = self._start()

    def end(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()


async def test_two_workers_killed_at_any_instant_count_each_entry_once(
    database: Database, tmp_path: Path, figures: Figures
) -> None:
    chance = random.Random(first_seed(anywhere=True))
    owner = await database.connect()
    ledgers = [await made_up(owner, seed=seed, entries=ENTRIES) for seed in (1, 2)]
    workers = Workers(database, tmp_path)
    try:
        for place in range(ROUNDS):
            await asyncio.sleep(chance.uniform(0.5, 3.0))
            workers.kill_one(place % 2)
            for ledger in ledgers:
                await ledger.grow(chance.randint(300, 900))
                assert await owner.fetch(BROKEN, ledger.account.bucket) == []
        for ledger in ledgers:
            await caught_up(owner, ledger)
    finally:
        workers.end()
    for ledger in ledgers:
        assert await owner.fetch(BROKEN, ledger.account.bucket) == []
        counted = await owner.fetchval(COUNTED, *ledger.account)
        assert counted == sum(part.first for part in ledger.parts)
    await owner.close()
    parts = sum(len(ledger.parts) for ledger in ledgers)
    figures(killed=ROUNDS, workers=2, parts=parts, counted_twice=0, missed=0)


async def caught_up(owner: Connection, ledger: UsageLedger) -> None:
    """Wait until so little is left that it is read off the ledger."""
    until = time.monotonic() + 120
    while ledger.version - (await owner.fetchval(THROUGH, *ledger.account) or 0) >= 500:
        assert time.monotonic() < until
        await asyncio.sleep(0.2)
    while await owner.fetchval("SELECT creditgate.roll_up($1, $2, 1000)", *ledger.account):
        pass
