"""Reserve in batches of a gateway: gRPC is paid once for many operations."""

from __future__ import annotations

from statistics import median

from bench.figures import ratio
from bench.job import Measured
from bench.loads import Bench
from bench.section import Ask, Section
from bench.work import BATCH

OPERATIONS = 256


async def run(bench: Bench) -> Section:
    loads = [{"work": "batches", "in_flight": OPERATIONS // BATCH}]
    found: dict[tuple[int, str], list[Measured]] = {}
    for _ in range(bench.rounds):
        for accounts in (10_000, 1):
            for variant in ("direct", "lanes"):
                measured = await bench.one_server(variant, loads, accounts=accounts)
                found.setdefault((accounts, variant), []).extend(measured)
    throughput = {key: median(each.per_second for each in found[key]) for key in found}

    def gain(accounts: int) -> float:
        return ratio(throughput[accounts, "lanes"], throughput[accounts, "direct"])

    return Section(
        title=f"Reserve in BatchAuthorize of {BATCH}, {OPERATIONS} operations in flight",
        columns=("accounts", "server", "operations/s", "batch p50 ms", "batch p99 ms",
                 "server us/operation", "PostgreSQL us/operation", "driver us/operation"),
        rows=[
            (
                *key,
                throughput[key],
                *(median(each.latency_ms["batch"][p] for each in rounds) for p in ("p50", "p99")),
                *(median(each.cpu_us_per_call[of] for each in rounds)
                  for of in ("server", "postgres", "driver")),
            )
            for key, rounds in found.items()
        ],
        asks=[
            Ask.at_least(
                f"the same in batches of {BATCH}, 256 in flight", wanted=4, measured=gain(10_000)
            ),
            Ask.at_least(
                f"the same in batches of {BATCH}, one hot account, 256 in flight", wanted=8,
                measured=gain(1),
            ),
        ],
        figures={
            f"{variant}, {accounts} accounts": [each.facts() for each in rounds]
            for (accounts, variant), rounds in found.items()
        },
    )  # fmt: skip
