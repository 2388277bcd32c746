from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pytest

from creditgate_server.domain.account_keys import BUCKETS
from creditgate_server.domain.figures import Archived, OpenHolds
from creditgate_server.workers.archive import Archive
from creditgate_server.workers.expire_holds import ExpireHolds
from creditgate_server.workers.measure_holds import MeasureHolds
from creditgate_server.workers.reconcile import Reconcile


class FakeSweeps:
    """Buckets with something due in them."""

    def __init__(self, due: dict[int, int]) -> None:
        self.due = due
        self.visits: list[int] = []

    async def due_buckets(self, buckets: Sequence[int]) -> Sequence[int]:
        await asyncio.sleep(0)
        return [bucket for bucket in buckets if self.due.get(bucket, 0)]

    async def expire_due(self, bucket: int, *, limit: int) -> int:
        await asyncio.sleep(0)
        self.visits.append(bucket)
        count = min(limit, self.due.get(bucket, 0))
        self.due[bucket] = self.due.get(bucket, 0) - count
        return count


async def test_a_round_visits_every_bucket_with_something_due_and_empties_it() -> None:
    sweeps, swept = FakeSweeps({0: 1, 7: 25, 63: 10}), list[int]()
    sweep = ExpireHolds(sweeps, limit=10, swept=swept.append, first=lambda: 60)
    assert await sweep() is False
    assert sum(sweeps.due.values()) == 0
    assert sum(swept) == 36
    assert sweeps.visits == [63, 63, 0, 7, 7, 7], "round from the first, and no other"
    assert sweeps.visits.count(63) == 2, "a full answer may not have been all"


async def test_a_round_is_bounded_reaches_every_bucket_and_says_that_there_is_more() -> None:
    sweeps = FakeSweeps(dict.fromkeys(range(BUCKETS), 1000))
    sweep = ExpireHolds(sweeps, limit=10, swept=lambda _: None, calls_max=200)
    assert await sweep() is True
    assert len(sweeps.visits) == 200
    assert set(sweeps.visits) == set(range(BUCKETS))


async def test_many_sweepers_end_everything_between_them() -> None:
    sweeps, swept = FakeSweeps(dict.fromkeys(range(BUCKETS), 50)), list[int]()
    await asyncio.gather(*(ExpireHolds(sweeps, limit=7, swept=swept.append)() for _ in range(4)))
    assert sum(swept) == 50 * BUCKETS
    assert sum(sweeps.due.values()) == 0


class FakeArchives:
    """Buckets with rows that may be archived, a few at a time."""

    def __init__(self, left: dict[int, int]) -> None:
        self.left, self.days = left, set[int]()
        self.visits: list[int] = []

    async def archive(self, bucket: int, *, days: int, limit: int) -> Archived:
        self.days.add(days)
        self.visits.append(bucket)
        count = min(limit, self.left.get(bucket, 0))
        self.left[bucket] = self.left.get(bucket, 0) - count
        return Archived(count, 2 * count, self.left[bucket] > 0)


async def test_a_round_archives_what_there_is_in_every_bucket_and_rests_between() -> None:
    archives, archived, rests = FakeArchives({0: 25, 63: 1}), list[Archived](), list[float]()

    async def sleep(seconds: float) -> None:
        rests.append(seconds)

    archive = Archive(
        archives, days=90, archived=archived.append, limit=10, first=lambda: 63, sleep=sleep
    )
    assert await archive() is False
    assert archives.visits == [63, 0, 0, 0, *range(1, 63)]
    assert [found.holds for found in archived] == [1, 10, 10, 5], "what moved nothing is not told"
    assert archives.days == {90}
    assert len(rests) == len(archives.visits)
    assert min(rests) > 0


async def test_an_archiving_round_is_bounded_and_none_is_made_where_nothing_is_archived() -> None:
    archives = FakeArchives({5: 1_000})
    bounded = Archive(archives, days=90, archived=lambda _: None, limit=1, rest=0, steps_max=100)
    assert await bounded() is True
    assert len(archives.visits) == 100
    never = FakeArchives({5: 1_000})
    assert await Archive(never, days=0, archived=lambda _: None)() is False
    assert never.visits == []


class Broken(NamedTuple):
    rule: str
    account_key: str


async def test_violations_are_counted_by_rule_and_logged_by_key_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    found: list[Mapping[str, int]] = []
    broken = [Broken("held", "key-1"), Broken("held", "key-2"), Broken("settled", "key-1")]

    async def verify() -> list[Broken]:
        return broken

    reconcile = Reconcile(verify, rules=["settled", "held", "version"], found=found.append)
    assert await reconcile() is False
    assert found == [{"settled": 1, "held": 2, "version": 0}]
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 2
    assert vars(caplog.records[0])["account_keys"] == ["key-1", "key-2"]

    broken.clear()
    caplog.clear()
    await reconcile()
    assert found[1] == {"settled": 0, "held": 0, "version": 0}, "so that an alert clears"
    assert caplog.records == []


async def test_open_holds_are_summed_over_the_buckets() -> None:
    told: list[dict[str, float]] = []

    class Observer:
        def holds(self, **figures: float) -> None:
            told.append(figures)

    async def read(bucket: int) -> OpenHolds:
        return OpenHolds(1, 10, float(bucket), 0.5, offline_micros=3, unbounded_calls=2)

    assert await MeasureHolds(read, observer=Observer())() is False
    assert told == [
        {
            "open_count": 64,
            "held_micros": 640,
            "oldest_seconds": 63.0,
            "overdue_seconds": 0.5,
            "offline_micros": 192,
            "unbounded_calls": 128,
        }
    ]
