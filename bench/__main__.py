"""`python -m bench [scenarios]`: measure, and write bench/results/<out>.json and .md."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from time import monotonic

import asyncpg

from bench import machine, report
from bench.database import Cluster
from bench.loads import Bench
from bench.scenarios import ALL, DEFAULT, LONG
from bench.section import Section


def main() -> None:
    """Run the scenarios that are named, or all but the long ones."""
    given = _arguments()
    names = given.names or list(DEFAULT)
    command = " ".join(["python -m bench", *sys.argv[1:]])
    occasion = machine.occasion(command)
    begun = monotonic()

    def say(text: str) -> None:
        print(f"{monotonic() - begun:6.0f} s  {text}", flush=True)

    with Cluster(given.postgres) as cluster:
        bench = Bench(
            cluster=cluster,
            seconds=given.seconds,
            rounds=given.rounds,
            entries=given.entries,
            say=say,
        )
        sections, version = asyncio.run(_measure(bench, names))
    occasion |= {"seconds_per_load": given.seconds, "rounds": given.rounds,
                 "took_seconds": round(monotonic() - begun)}  # fmt: skip
    facts = machine.facts(postgres=version)
    print(report.as_markdown(occasion, facts, sections))
    files = report.write(
        given.out or _out(names), occasion=occasion, machine=facts, sections=sections
    )
    print("written:", *(each.name for each in files), "in bench/results")


async def _measure(bench: Bench, names: list[str]) -> tuple[dict[str, Section], str]:
    # What was begun is to be ended and removed also when somebody ends this: it may be gigabytes.
    task = asyncio.current_task()
    assert task is not None, "asyncio.run has made one"
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    connection = await asyncpg.connect(bench.cluster.postgres.url())
    version = str(await connection.fetchval("SHOW server_version"))
    await connection.close()
    sections = {}
    for name in names:
        bench.say(f"--- {name}")
        sections[name] = await ALL[name](bench)
    return sections, version


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="scenario", choices=[[], *ALL],
        help=f"{', '.join(DEFAULT)}; long: {', '.join(LONG)}",
    )  # fmt: skip
    parser.add_argument("--seconds", type=float, default=3.0, help="to measure each load (3)")
    parser.add_argument("--rounds", type=int, default=2, help="of each closed loop (2)")
    parser.add_argument(
        "--entries", type=int, default=10_000_000, help="of the past that is read (10000000)"
    )
    parser.add_argument("--out", help="name of the result files")
    parser.add_argument("--postgres", metavar="MAJOR", help="PostgreSQL's version to use")
    return parser.parse_args()


def _out(names: list[str]) -> str:
    if names == list(DEFAULT):
        return "default"
    return "long" if names == list(LONG) else "-".join(names)


if __name__ == "__main__":
    main()
