"""What was found out about reading usage, as a table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from bench.figures import ratio
from bench.section import Ask, Row, Section
from bench.usage import hot
from bench.usage.exports import Export, grown_mb
from bench.usage.hot import HotPath
from bench.usage.questions import PAGES, QUERIES, QUESTIONS, SUMMARIES
from bench.usage.reader import Read
from bench.usage.rollups import CaughtUp

_PAGE_MS, _QUERY_MS, _SLOWER = 20.0, 100.0, 1.2
_GROWTH_MB = 8.0
_NOTES = [
    (
        "Asked one at a time over gRPC, by a process of its own. Of the two largest accounts each "
        "has a tenth of all entries; average are those that have as many as most have."
    ),
    (
        f"The hot path is Reserve and Commit, {hot.RATE:g} calls a second at fixed times on all "
        f"accounts; it is busy while {hot.EXPORTS} exports of the largest accounts and all "
        f"questions, about any account, run in a loop. Medians of {hot.ROUNDS} rounds, in turns."
    ),
]


@dataclass(frozen=True)
class Found:
    """All that was measured; `read` by the kind of the accounts that were asked about."""

    entries: int
    accounts: int
    caught_up: CaughtUp
    read: dict[str, Read]
    exported: list[Export]
    path: HotPath


def section(found: Found) -> Section:
    """The table, what was asked, and all figures."""
    return Section(
        title=f"Usage: {found.entries:,} entries of a year on {found.accounts:,} accounts",
        columns=("what", "of", "p50 ms", "p95 ms", "p99 ms", "max ms", "per second"),
        rows=[
            *_rows_read(found.read),
            *_rows_worked(found),
            *_rows_hot(found.path),
        ],
        asks=[*_asks_read(found.read), *_asks_exports(found.exported), _ask_hot(found.path)],
        notes=_NOTES,
        figures={
            "entries": found.entries,
            "rollups": asdict(found.caught_up),
            "read": {name: each.latency_ms for name, each in found.read.items()},
            "exports": [asdict(each) for each in found.exported],
            "hot path": {
                name: [each.facts() for each in rounds]
                for name, rounds in found.path.rounds.items()
            },
            "read meanwhile": [asdict(each) for each in found.path.read],
            "exported meanwhile": [asdict(each) for each in found.path.exported],
        },
    )  # fmt: skip


def _rows_worked(found: Found) -> Iterable[Row]:
    nothing = ("",) * 4
    for each in found.exported:
        yield (f"export of {each.lines:,} lines, {each.form}", "one", *nothing, each.per_second)
    yield ("entries rolled up, by two workers", "all", *nothing, found.caught_up.per_second)


def _rows_read(read: dict[str, Read]) -> Iterable[Row]:
    for question in QUESTIONS:
        for name, each in read.items():
            took = each.latency_ms[question]
            yield (question, name, *(took[p] for p in ("p50", "p95", "p99", "max")), "")


def _rows_hot(path: HotPath) -> Iterable[Row]:
    for name, rounds in path.rounds.items():
        for kind in ("reserve", "commit"):
            p50, p99, most = (
                median(each.latency_ms[kind][p] for each in rounds) for p in ("p50", "p99", "max")
            )
            rate = median(each.per_second for each in rounds)
            yield (f"hot path, {kind}", name, p50, "", p99, most, rate)


def _asks_read(read: dict[str, Read]) -> Iterable[Ask]:
    for what, questions, wanted in (
        ("summary", SUMMARIES, _PAGE_MS),
        ("page of activity", PAGES, _PAGE_MS),
        ("90-day grouped query", QUERIES, _QUERY_MS),
    ):
        for name, each in read.items():
            slowest = max(each.latency_ms[question]["p95"] for question in questions)
            yield Ask.at_most(
                f"{what}, {name} accounts, p95 (of the slowest)", wanted=wanted, measured=slowest,
                unit="ms",
            )  # fmt: skip


def _asks_exports(exported: list[Export]) -> Iterable[Ask]:
    for each in exported:
        grown: dict[str, Any] = {"server": each.server_mb, "client": each.client_mb}
        for name, samples in grown.items():
            yield Ask.at_most(
                f"memory of the {name}, growth over {each.lines:,} lines of {each.form}",
                wanted=_GROWTH_MB, measured=grown_mb(samples), unit="MB",
            )  # fmt: skip


def _ask_hot(path: HotPath) -> Ask:
    busy, quiet = (
        median(each.latency_ms["reserve"]["p99"] for each in path.rounds[name])
        for name in ("busy", "quiet")
    )
    return Ask.at_most(
        "p99 of Reserve while exports and queries run, by that without", wanted=_SLOWER,
        measured=ratio(busy, quiet),
    )  # fmt: skip
