"""The worker that delivers, when the database or the sender fails it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import pytest

from creditgate_server.domain.deliveries import (
    RETRY_SECONDS,
    Answer,
    Backlog,
    DeliveryState,
    EndpointKind,
    EndpointState,
    Places,
    Settled,
    Task,
    Verdict,
    settled,
)
from creditgate_server.domain.errors import NotExecutedError
from creditgate_server.workers.deliver_events import DeliverEvents
from creditgate_server.workers.measure_deliveries import MeasureDeliveries

AT = datetime(2030, 1, 1, tzinfo=UTC)


def task(number: int, **changes: object) -> Task:
    made = Task(
        bucket=0,
        account_key=UUID(int=number),
        endpoint_id="main",
        event_no=1,
        attempts=1,
        tenant_id=UUID(int=1),
        endpoint_kind=EndpointKind.WEBHOOK,
        address="https://example.com",
        endpoint_state=EndpointState.ACTIVE,
        generation=1,
        rotated=False,
        account_id=f"a{number}",
        event_kind=1,
        version=1,
        settled_micros=0,
        held_micros=0,
        overdraft_limit_micros=0,
        body="{}",
        created_at=AT,
        sent_at=AT,
    )
    return made._replace(**changes)  # type: ignore[arg-type]


class FakeOutbox:
    """An outbox with so many tasks, which cannot be told the first few times."""

    def __init__(self, *tasks: Task, failures: int = 0) -> None:
        self.tasks = list(tasks)
        self.failures = failures
        self.noted: list[Settled] = []
        self.places: list[Places] = []

    async def due_buckets(self) -> Sequence[int]:
        return [0] if self.tasks else []

    async def fan_out(self, _bucket: int, *, limit: int) -> int:
        assert limit > 0
        return 0

    async def take(self, _bucket: int, places: Places) -> Sequence[Task]:
        assert places.per_endpoint > 0
        assert places.lease_seconds > 1
        self.places.append(places)
        taken, self.tasks = self.tasks[: places.limit], self.tasks[places.limit :]
        return taken

    async def settle(self, settled: Sequence[Settled]) -> None:
        if self.failures:
            self.failures -= 1
            raise NotExecutedError
        self.noted += settled

    async def forget(self, _bucket: int, *, older_seconds: float, limit: int) -> int:
        assert older_seconds > limit
        return 0

    async def backlog(self, bucket: int) -> Backlog:
        return Backlog(1, float(bucket), 2)


class FakeSender:
    """A sender that does what it is told, and counts how many it does at once."""

    def __init__(self, answer: Answer | Exception) -> None:
        self.answer = answer
        self.now = self.most = 0
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.closed = False

    async def send(self, _task: Task) -> Answer:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await self.go_on.wait()
        finally:
            self.now -= 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def close(self) -> None:
        self.closed = True


class Told:
    def __init__(self) -> None:
        self.results: list[str] = []

    def delivered(self, result: str, *, seconds: float) -> None:
        assert seconds >= 0
        self.results.append(str(result))


def worker(outbox: FakeOutbox, sender: FakeSender, told: Told | None = None) -> DeliverEvents:
    return DeliverEvents(
        outbox,
        sender,
        at_once=10,
        timeout_seconds=1,
        pause_seconds=0.01,
        retention_seconds=86_400,
        observer=told or Told(),
    )


async def test_what_could_not_be_noted_is_noted_later() -> None:
    outbox, sender = FakeOutbox(task(1), failures=2), FakeSender(Answer(Verdict.DELIVERED, 200))
    deliver = worker(outbox, sender)
    assert await deliver() is True
    for _ in range(2):
        with pytest.raises(NotExecutedError):
            await deliver()
    assert await deliver() is False
    assert [each.state for each in outbox.noted] == [DeliveryState.DONE]


async def test_a_mistake_of_ours_is_logged_and_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    outbox, told = FakeOutbox(task(1)), Told()
    deliver = worker(outbox, FakeSender(KeyError("no")), told)
    while await deliver():
        pass
    (noted,) = outbox.noted
    assert (noted.state, noted.error) == (DeliveryState.PENDING, "an error on our side")
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert told.results == ["failed"]


async def test_no_more_are_under_way_than_may_be_and_busy_endpoints_are_left_out() -> None:
    outbox = FakeOutbox(*[task(number) for number in range(25)])
    sender = FakeSender(Answer(Verdict.DELIVERED))
    sender.go_on.clear()
    deliver = worker(outbox, sender)
    for _ in range(5):
        assert await deliver() is True
    assert sender.now == 10
    assert len(outbox.places) == 1, "without a place free, nothing is taken"
    sender.go_on.set()
    while await deliver():
        pass
    assert len(outbox.noted) == 25
    assert sender.most == 10


async def test_slow_endpoints_and_greedy_tenants_leave_places_to_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("creditgate_server.workers.deliver_events._SLOW_SECONDS", 0.02)
    one, other = UUID(int=1), UUID(int=2)
    outbox = FakeOutbox(*[task(number, endpoint_id=f"e{number}") for number in range(5)])
    sender = FakeSender(Answer(Verdict.FAILED))
    sender.go_on.clear()
    deliver = worker(outbox, sender)
    await deliver()
    outbox.tasks = [task(6, tenant_id=other)]
    await deliver()
    assert outbox.places[-1].busy == [(one, "")], "half of ten places are taken by one tenant"
    await asyncio.sleep(0.03)
    sender.go_on.set()
    while await deliver():
        pass

    sender.go_on.clear()
    outbox.tasks = [task(number, endpoint_id=f"e{number}") for number in range(2)]
    await deliver()
    slow = {(one, f"e{number}") for number in range(5)} | {(other, "main")}
    assert set(outbox.places[-1].slow) == slow
    assert outbox.places[-1].busy == []
    outbox.tasks = [task(7)]
    await deliver()
    assert set(outbox.places[-1].busy) == slow, "who is slow has a quarter of the places, together"
    sender.go_on.set()
    while await deliver():
        pass
    outbox.tasks = [task(8, endpoint_id="e0")]
    while await deliver():
        pass
    outbox.tasks = [task(9)]
    await deliver()
    assert (one, "e0") not in outbox.places[-1].slow, "it was quick this time"
    while await deliver():
        pass


async def test_what_is_cut_off_at_the_end_is_not_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("creditgate_server.workers.deliver_events._ENDING_SECONDS", 0.05)
    outbox, sender = FakeOutbox(task(1)), FakeSender(Answer(Verdict.DELIVERED))
    sender.go_on.clear()
    deliver = worker(outbox, sender)
    await deliver()
    await deliver.close()
    assert (sender.now, sender.closed, outbox.noted) == (0, True, [])


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"endpoint_state": EndpointState.DISABLED}, "the endpoint is disabled"),
        ({"endpoint_state": EndpointState.DELETED}, "the endpoint has been deleted"),
        ({"body": None}, "the event is no longer kept"),
    ],
)
async def test_what_has_no_hope_is_given_up_unsent(changes: dict[str, object], error: str) -> None:
    outbox, sender = FakeOutbox(task(1, **changes)), FakeSender(Answer(Verdict.DELIVERED))
    deliver = worker(outbox, sender)
    while await deliver():
        pass
    assert [(each.state, each.error) for each in outbox.noted] == [(DeliveryState.DEAD, error)]
    assert sender.most == 0


def test_waits_grow_and_are_never_shorter_than_said() -> None:
    failed = Answer(Verdict.FAILED)
    for attempts, seconds in enumerate(RETRY_SECONDS, 1):
        waits = {settled(task(1, attempts=attempts), failed).wait_seconds for _ in range(50)}
        assert all(wait is not None and seconds <= wait <= seconds * 1.2 for wait in waits)
        assert len(waits) > 1
    last = settled(task(1, attempts=len(RETRY_SECONDS) + 1), failed)
    assert (last.state, last.wait_seconds) == (DeliveryState.DEAD, None)


async def test_the_backlog_is_summed_over_the_buckets() -> None:
    told: list[dict[str, float]] = []

    class Observer:
        def backlog(self, **figures: float) -> None:
            told.append(figures)

    assert await MeasureDeliveries(FakeOutbox().backlog, observer=Observer())() is False
    assert told == [{"pending": 64, "oldest_seconds": 63.0, "dead": 128}]
