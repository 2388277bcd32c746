"""Servers are replaced one after the other under load, and no caller of the SDK notices (P19)."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

import creditgate
from tests.support.database import Database
from tests.support.figures import Figures
from tests.support.load import CREDIT
from tests.support.load_servers import Fleet, fleet
from tests.support.postgres_faults import broken_rules, superuser

WORKERS = 12


class Work:
    """Callers that hold and commit without a pause; every exception is a failure."""

    def __init__(self) -> None:
        self.over = False
        self.done: Counter[str] = Counter()
        self.failures: list[BaseException] = []

    async def run(self, client: creditgate.AsyncClient, name: str) -> None:
        number = 0
        while not self.over:
            number += 1
            try:
                async with client.hold("acme", amount=2, hold_id=f"{name}-{number}") as hold:
                    hold.use(1)
            except creditgate.CreditgateError as error:
                self.failures.append(error)
            self.done["holds"] += 1


def both(servers: Fleet, *, first: int) -> str:
    """An address that names both servers, one of them first."""
    targets = servers.targets[first:] + servers.targets[:first]
    return "ipv4:" + ",".join(targets)


async def replace_all(servers: Fleet, *, rounds: int) -> list[int]:
    """Ends each server in order and starts it again; answers the exit codes."""
    codes = []
    for _ in range(rounds):
        for server in servers.servers:
            codes.append(await server.terminate())
            await servers.restart(server)
            await asyncio.sleep(0.5)
    return codes


@pytest.mark.parametrize(
    "rounds", [pytest.param(1, id="once"), pytest.param(10, id="often", marks=pytest.mark.faults)]
)
async def test_a_rolling_restart_fails_nobody(
    database: Database, tmp_path: Path, figures: Figures, rounds: int
) -> None:
    work = Work()
    async with fleet(database, tmp_path) as servers:
        (caller,) = await servers.callers(1)
        await caller.open_account("acme", credit_micros=1_000_000 * CREDIT)
        clients = [
            creditgate.AsyncClient(both(servers, first=n % 2), api_key=servers.api_key)
            for n in range(4)
        ]
        async with asyncio.TaskGroup() as group:
            for n in range(WORKERS):
                group.create_task(work.run(clients[n % 4], f"worker-{n}"))
            codes = await replace_all(servers, rounds=rounds)
            work.over = True
        for client in clients:
            await client.close()
    async with superuser(database) as connection:
        committed = await connection.fetchval(
            "SELECT count(*) FROM creditgate.holds WHERE state = 2 AND charged_micros = 1000000"
        )
    assert work.failures == []
    assert codes == [0] * 2 * rounds
    assert committed == work.done["holds"] > 100
    assert await broken_rules(database) == []
    figures(restarts=2 * rounds, holds=committed, client_failures=0, exit_codes=sorted(set(codes)))
