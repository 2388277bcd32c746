"""The benchmark's stories, small ones: their totals are exact, and one that is not is found."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bench.life.__main__ import live
from bench.life.audit import DifferenceError, audit, settle
from bench.life.story import Story
from bench.life.world import build
from creditgate import AsyncClient
from tests.support.clock import DatabaseClock
from tests.support.server import Running

TERMS: dict[str, dict[str, Any]] = {
    "calls": {"cuts": (80.0, 120.0), "crash_at": 100.0, "actors": 30},
    "chat": {"actors": 60},
    # What is counted by the clock may be off by as much as this machine is late.
    "clients": {"actors": 30, "tolerance": 600},
}
TOLD = {"calls": "asked again", "chat": "given up", "clients": "calls ended"}


# The client's calls go by this machine's clock, and want one that is not busy.
KINDS = ["calls", "chat", pytest.param("clients", marks=pytest.mark.slow)]


@pytest.mark.parametrize("kind", KINDS)
async def test_all_that_was_lived_through_is_charged_exactly(
    server: Running, clock: DatabaseClock, kind: str
) -> None:
    # The database's clock stands still: nothing is forgotten before it is moved.
    host, _, port = server.target.rpartition(":")
    story = Story(
        host=host, port=int(port), api_key=server.key, kind=kind, rich=3, poor=3, factor=120.0,
        warm_until=20.0, ends_at=180.0, topup_at=90.0, topup_micros=10**7, **TERMS[kind],
    )  # fmt: skip
    async with AsyncClient(story.target, api_key=story.api_key) as client:
        given = await build(client, story)
        lived = await live(story)
        await clock.advance(seconds=3_600)
        await settle(client, given, seconds=20)
        audited = await audit(client, story, lived, given)
        assert audited["holds"] > 30
        assert audited["charged_micros"] > 10**6
        assert lived.counts[TOLD[kind]]

        await client.charge("rich-0", hold_id="by-somebody-else", amount="0.000001")
        with pytest.raises(DifferenceError, match="by-somebody-else"):
            await audit(client, story, lived, given)
        with pytest.raises(DifferenceError, match="meant"):
            await audit(client, replace(story, seed=2), lived, given)
