from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from creditgate_server.domain.errors import NotExecutedError
from creditgate_server.workers.loop import Loop


class Pauses:
    """A clock the test turns by hand: the loop sleeps until `end()`."""

    def __init__(self) -> None:
        self._asked: asyncio.Queue[float] = asyncio.Queue()
        self._wake: asyncio.Queue[None] = asyncio.Queue()

    async def sleep(self, seconds: float) -> None:
        self._asked.put_nowait(seconds)
        await self._wake.get()

    async def begun(self) -> float:
        async with asyncio.timeout(5):
            return await self._asked.get()

    def end(self) -> None:
        self._wake.put_nowait(None)


class Observer:
    def __init__(self) -> None:
        self.finished: list[str] = []
        self.failed: list[str] = []

    def round_finished(self, loop: str, *, seconds: float, at_seconds: float) -> None:
        assert seconds >= 0
        self.finished.append(loop)

    def round_failed(self, loop: str) -> None:
        self.failed.append(loop)


@asynccontextmanager
async def running(
    work: Callable[[], Awaitable[bool]], pauses: Pauses, observer: Observer
) -> AsyncIterator[Loop]:
    loop = Loop(
        work,
        name="sweep",
        interval_seconds=10,
        backoff_seconds_max=60,
        observer=observer,
        sleep=pauses.sleep,
    )
    loop.start()
    try:
        yield loop
    finally:
        await loop.stop()


async def nothing() -> bool:
    return False


async def test_rounds_follow_each_other_after_a_pause_with_jitter() -> None:
    pauses, observer = Pauses(), Observer()
    async with running(nothing, pauses, observer):
        lengths = []
        for _ in range(50):
            lengths.append(await pauses.begun())
            pauses.end()
    assert all(8 <= length <= 12 for length in lengths)
    assert max(lengths) - min(lengths) > 1
    assert observer.finished[:50] == ["sweep"] * 50
    assert observer.failed == []


async def test_a_round_that_left_something_undone_is_followed_at_once() -> None:
    answers = iter([True, True, False])

    async def work() -> bool:
        return next(answers)

    pauses = Pauses()
    async with running(work, pauses, Observer()):
        lengths = []
        for _ in range(3):
            lengths.append(await pauses.begun())
            pauses.end()
    assert lengths[:2] == [0, 0]
    assert lengths[2] >= 8


async def test_errors_are_counted_logged_and_make_the_pause_longer_until_a_round_ends_well(
    caplog: pytest.LogCaptureFixture,
) -> None:
    broken = True

    async def work() -> bool:
        if broken:
            raise NotExecutedError("the database is away")
        return False

    pauses, observer = Pauses(), Observer()
    async with running(work, pauses, observer):
        lengths = []
        for _ in range(6):
            lengths.append(await pauses.begun())
            pauses.end()
        broken = False
        after = 0.0
        while not observer.finished:
            after = await pauses.begun()
            pauses.end()
        assert 8 <= after <= 12
    for length, expected in zip(lengths, (20, 40, 60, 60, 60, 60), strict=True):
        assert expected * 0.8 <= length <= expected * 1.2
    assert len(observer.failed) >= 6
    failures = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert failures[0].getMessage() == (
        "sweep failed (1 in a row): NotExecutedError: the database is away"
    )
    assert failures[0].exc_info is None, "an outage needs no traceback"


async def test_a_bug_is_logged_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> bool:
        raise KeyError("oops")

    pauses = Pauses()
    async with running(work, pauses, Observer()):
        await pauses.begun()
    assert caplog.records[0].exc_info is not None


async def test_stopping_breaks_off_the_round_under_way_and_leaves_no_task() -> None:
    entered, broken_off = asyncio.Event(), False

    async def work() -> bool:
        nonlocal broken_off
        entered.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            broken_off = True
            raise
        return False

    async with running(work, Pauses(), Observer()):
        await asyncio.wait_for(entered.wait(), 5)
        assert "loop sweep" in {task.get_name() for task in asyncio.all_tasks()}
    assert broken_off
    assert "loop sweep" not in {task.get_name() for task in asyncio.all_tasks()}


async def test_stopping_gets_through_to_work_that_loses_a_cancellation() -> None:
    entered, lost = asyncio.Event(), 0

    async def work() -> bool:
        nonlocal lost
        entered.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if lost == 2:
                raise
            lost += 1
        return True

    async with asyncio.timeout(5):
        loop = Loop(
            work, name="deaf", interval_seconds=1, backoff_seconds_max=1, observer=Observer()
        )
        loop.start()
        await entered.wait()
        await loop.stop()
    assert lost == 2


async def test_rounds_never_overlap() -> None:
    under_way = most = 0

    async def work() -> bool:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        return True

    pauses = Pauses()
    async with running(work, pauses, Observer()):
        for _ in range(20):
            pauses.end()
            await pauses.begun()
    assert most == 1


async def test_a_loop_that_ends_closes_what_its_rounds_have_left(
    caplog: pytest.LogCaptureFixture,
) -> None:
    closed: list[str] = []

    async def work() -> bool:
        return False

    async def close() -> None:
        closed.append("closed")
        raise NotExecutedError("away")

    loop = Loop(
        work,
        name="work",
        interval_seconds=1,
        backoff_seconds_max=1,
        observer=Observer(),
        close=close,
    )
    await loop.stop()
    assert closed == [], "what never began has left nothing"
    loop.start()
    await asyncio.sleep(0)
    await loop.stop()
    assert closed == ["closed"]
    assert "away" in caplog.text
