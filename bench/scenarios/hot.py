"""Reserve on one account that everybody spends from."""

from __future__ import annotations

from bench.closed import COLUMNS, compare, figures, rows, throughput_ratio
from bench.loads import Bench
from bench.section import Ask, Section


async def run(bench: Bench) -> Section:
    found = await compare(bench, ("direct", "lanes"), accounts=1)
    gain = throughput_ratio(found, "lanes", "direct", level=256)
    return Section(
        title="Reserve in a closed loop, one hot account",
        columns=COLUMNS,
        rows=rows(found),
        asks=[
            Ask.at_least(
                "lanes, as a multiple of one transaction per call, one hot account, 256 in flight",
                wanted=8, measured=gain,
            )
        ],
        figures=figures(found),
    )  # fmt: skip
