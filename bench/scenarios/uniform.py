"""Reserve on accounts drawn from 10,000: the whole service beside its parts."""

from __future__ import annotations

from bench.closed import COLUMNS, best_ratio, compare, figures, rows, throughput_ratio
from bench.loads import Bench
from bench.section import Ask, Section

ACCOUNTS = 10_000
SERVERS = (
    "`bare` is grpcio handing bytes back; `echo` is the server without its ledger (keys, deadlines,"
    " telemetry, messages, answered from memory); `direct` is the server with one transaction per"
    " call; `lanes` is the server."
)


async def run(bench: Bench) -> Section:
    found = await compare(bench, ("bare", "echo", "direct", "lanes"), accounts=ACCOUNTS)
    gain = throughput_ratio(found, "lanes", "direct", level=256)
    share = throughput_ratio(found, "lanes", "echo", level=256)
    best = ", ".join(
        f"lanes {best_ratio(found, 'lanes', other):.2f} x {other}"
        for other in ("direct", "echo", "bare")
    )
    return Section(
        title=f"Reserve in a closed loop, {ACCOUNTS:,} accounts",
        columns=COLUMNS,
        rows=rows(found),
        asks=[
            Ask.at_least(
                "lanes, as a multiple of one transaction per call, 256 in flight",
                wanted=4, measured=gain,
            ),
            Ask.at_least(
                "Reserve, as a share of the echo on the same stack, 256 in flight",
                wanted=60, measured=share * 100, unit="%",
            ),
        ],
        notes=[SERVERS, f"Each at its best level: {best}."],
        figures=figures(found),
    )  # fmt: skip
