"""Measurements of one server after another, each checked against its database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bench.database import Cluster, Database
from bench.job import Job, Measured
from bench.stack import Server, measure, running

STORELESS = frozenset({"bare", "echo"})
"""Servers that write nothing."""


class WrongResultError(Exception):
    """What a server answered and what its database holds do not agree: there is no figure."""


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What scenarios are given: a database server, and how long to measure."""

    cluster: Cluster
    seconds: float
    rounds: int
    entries: int = 10_000_000
    accounts: int = 10_000
    say: Callable[[str], None]

    def job(self, server: Server, database: Database, **changes: Any) -> Job:
        """A job for a server, with the measured time of this run."""
        usual: dict[str, Any] = {"seconds": self.seconds, "work": "reserves"}
        return Job(
            host=server.host,
            port=server.port,
            api_key=database.tenant.api_key,
            **(usual | changes),
        )

    async def measure(self, label: str, server: Server, job: Job) -> Measured:
        """Do a job, and tell how it went."""
        pids = {"server": server.pid, "postgres": self.cluster.pid}
        measured = await measure(job, pids)
        kinds = " ".join(
            f"{kind} p50 {each['p50']} p99 {each['p99']} ms"
            for kind, each in measured.latency_ms.items()
        )
        cpu = " ".join(f"{name} {each:.0f}" for name, each in measured.cpu_us_per_call.items())
        self.say(f"{label}: {measured.per_second:.0f}/s, {kinds}, us per call: {cpu}")
        return measured

    async def one_server(
        self,
        variant: str,
        loads: Iterable[Mapping[str, Any]],
        *,
        accounts: int = 10_000,
        environ: Mapping[str, str] | None = None,
    ) -> list[Measured]:
        """Put several loads, one after the other, on a server with a database of its own.

        A load is what differs from the usual `Job`.
        """
        found: list[Measured] = []
        async with (
            self.cluster.database() as database,
            running(variant, database, **(environ or {})) as server,
        ):
            for number, load in enumerate(loads):
                job = self.job(server, database, names=f"{variant}-{number}-", **load)
                job = replace(job, accounts=accounts, connections=min(4, job.in_flight))
                label = f"{variant} {_described(job)}"
                measured = await self.measure(label, server, job)
                await check(variant, database, job, measured)
                found.append(measured)
            if broken := await database.broken():
                raise WrongResultError(f"{variant}: the ledger breaks {broken}")
        return found


async def check(variant: str, database: Database, job: Job, measured: Measured) -> None:
    """Compare what was answered with what is in the database. Raises `WrongResultError`."""
    answered = measured.answered
    if wrong := [each for each in answered if each.endswith("wrong")]:
        raise WrongResultError(f"{variant}: answers to something else: {wrong}")
    unknown = sum(n for verdict, n in answered.items() if " status " in verdict)
    if unknown and not job.rate:
        raise WrongResultError(f"{variant}: a closed loop is not to overload it: {answered}")
    granted = 0 if variant in STORELESS else answered.get("reserve granted", 0)
    wanted = {"holds": granted, "committed": answered.get("commit accepted", 0)}
    there = await database.holds(job.names)
    if any(not wanted[name] <= there[name] <= wanted[name] + unknown for name in wanted):
        raise WrongResultError(f"{variant}: {there} in the database, {answered} answered")


def median_round(rounds: Iterable[Measured]) -> Measured:
    """The round whose throughput is the middle one, the lower of two."""
    ordered = sorted(rounds, key=lambda each: each.per_second)
    return ordered[(len(ordered) - 1) // 2]


def _described(job: Job) -> str:
    load = f"{job.rate:g}/s" if job.rate else f"{job.in_flight} in flight"
    return f"{job.work}, {load}, {job.accounts} accounts"
