"""One story on a server with a database of its own, and whether its totals are right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bench.database import Database
from bench.life.audit import DifferenceError, audit, settle
from bench.life.story import Lived, Story
from bench.life.world import build
from bench.loads import Bench, WrongResultError
from bench.stack import Server, drive, running
from creditgate import AsyncClient

_SETTLE_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True)
class Told:
    """A story that came out right: `cores` are processor seconds per second of measured time."""

    lived: Lived
    cores: dict[str, float]
    audited: dict[str, int]

    @property
    def per_second(self) -> float:
        """Calls that were due in a second of measured time."""
        return self.lived.calls / self.lived.seconds

    def facts(self) -> dict[str, Any]:
        """The figures for a result file."""
        return {"cores": self.cores, "audited": self.audited, **self.lived.facts()}


async def tell(bench: Bench, **terms: Any) -> Told:
    """Live through a story of these terms. Raises `WrongResultError` where a total is not exact."""
    async with (
        bench.cluster.database(accounts=1) as database,
        running("lanes", database) as server,
    ):
        return await _told(bench, server, database, terms)


async def _told(bench: Bench, server: Server, database: Database, terms: dict[str, Any]) -> Told:
    key = database.tenant.api_key
    story = Story(host=server.host, port=server.port, api_key=key, **terms)
    async with AsyncClient(story.target, api_key=key) as client:
        given = await build(client, story)
        bench.say(f"{story.kind}: {len(given)} accounts, {story.actors:,} callers")
        pids = {"server": server.pid, "postgres": bench.cluster.pid}
        driven = await drive("bench.life", story.to_json(), pids)
        lived = Lived.from_json(driven.said)
        try:
            await settle(client, given, seconds=story.hold_seconds + _SETTLE_SECONDS)
            audited = await audit(client, story, lived, given)
        except DifferenceError as difference:
            raise WrongResultError(f"{story.kind}: {difference}") from difference
    if broken := await database.broken():
        raise WrongResultError(f"{story.kind}: the ledger breaks {broken}")
    cores = {name: round(used / driven.seconds, 3) for name, used in driven.used.items()}
    told = Told(lived=lived, cores=cores, audited=audited)
    bench.say(f"{story.kind}: {told.per_second:.0f}/s, {lived.latency_ms}, cores {cores},"
              f" {lived.counts}, exact: {audited}")  # fmt: skip
    return told
