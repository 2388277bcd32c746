"""The benchmark of usage in small: its past is one the ledger could have had, and all is read."""

from __future__ import annotations

import pytest

from bench.database import Cluster
from bench.loads import Bench
from bench.scenarios import usage
from bench.usage import hot


@pytest.mark.slow
async def test_a_year_in_small_is_read_and_is_true(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends without a figure where an answer, an export or a rule of the ledger is wrong."""
    monkeypatch.setattr(usage, "TIMES", 2)
    monkeypatch.setattr(hot, "ROUNDS", 1)
    with Cluster() as cluster:
        bench = Bench(
            cluster=cluster, seconds=0.5, rounds=1, entries=8_000, accounts=40, say=lambda _: None
        )
        section = await usage.run(bench)
    assert section.figures["entries"] > 7_000
    assert {each["entries"] > 0 for each in section.figures["exported meanwhile"]} == {True}
    assert {row[1] for row in section.rows} >= {"average", "largest", "quiet", "busy"}
