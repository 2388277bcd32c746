"""The hot path, by itself and while exports and queries run, in turns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bench.database import Database
from bench.job import Measured
from bench.loads import Bench, check
from bench.stack import Server
from bench.usage.children import children
from bench.usage.exporter import Exported, Exporting
from bench.usage.questions import QUESTIONS
from bench.usage.reader import Read, Reading

RATE = 200.0
ROUNDS = 4
EXPORTS = 2
"""As many as a server carries at once."""
PAUSE_SECONDS = 0.1
"""Between two questions."""


@dataclass(frozen=True)
class HotPath:
    """Rounds by `quiet` and `busy`, and what was read meanwhile."""

    rounds: dict[str, list[Measured]]
    exported: list[Exported] = field(default_factory=list)
    read: list[Read] = field(default_factory=list)


async def measure(
    bench: Bench, server: Server, database: Database, *, accounts: int, largest: list[int]
) -> HotPath:
    """Reserve and Commit at fixed times, on all accounts."""
    found = HotPath({"quiet": [], "busy": []})
    for number in range(2 * ROUNDS):
        # Each goes first every other time.
        name = "busy" if number % 4 in {1, 2} else "quiet"
        job = bench.job(
            server, database, names=f"{name}-{number}-", work="cycles", rate=RATE, connections=4,
            accounts=accounts, seed=number, seconds=2 * bench.seconds,
        )  # fmt: skip
        asked = _asked(server, database, accounts, largest) if name == "busy" else []
        async with children(asked) as running:
            measured = await bench.measure(f"hot path, {name}", server, job)
            said = [await each.end() for each in running]
        await check("lanes", database, job, measured)
        found.rounds[name].append(measured)
        found.exported.extend(Exported.from_json(each) for each in said[:-1])
        found.read.extend(Read.from_json(each) for each in said[-1:])
    return found


def _asked(
    server: Server, database: Database, accounts: int, largest: list[int]
) -> list[tuple[str, Exporting | Reading]]:
    to: dict[str, Any] = {
        "target": f"{server.host}:{server.port}",
        "api_key": database.tenant.api_key,
    }
    exports = [Exporting(**to, accounts=[each], again=True) for each in largest[:EXPORTS]]
    reading = Reading(
        **to, names=list(QUESTIONS), accounts=list(range(accounts)), pause_seconds=PAUSE_SECONDS
    )
    return [*(("bench.usage.exporter", each) for each in exports), ("bench.usage.reader", reading)]
