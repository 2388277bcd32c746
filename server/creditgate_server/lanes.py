"""Natural batching: what arrives while a batch is under way leaves together in the next one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextlib import AbstractContextManager, nullcontext
from contextvars import Context
from time import perf_counter
from typing import Generic, Protocol, TypeVar

Op = TypeVar("Op")
Res = TypeVar("Res")


class LaneFullError(Exception):
    """As many operations wait in the lane as may: this one was not, and will not be, executed."""


class ResultCountError(Exception):
    """The flush answered with another number of results than it was given operations: its bug."""


class LaneObserver(Protocol):
    """What lanes tell the world about themselves."""

    def joined(self) -> object:
        """Note that an operation enters a lane; the answer is handed to `batch`, unless None."""
        ...

    def batch(
        self, size: int, waited_seconds: float, traces: Sequence[object]
    ) -> AbstractContextManager[object]:
        """Surround the flush of `size` operations, the oldest of which waited `waited_seconds`.

        `traces` is what `joined` answered for them, where it answered something.
        """
        ...


class Unobserved:
    """A `LaneObserver` that keeps nothing."""

    def joined(self) -> None:
        """Note nothing."""

    def batch(
        self, size: int, waited_seconds: float, traces: Sequence[object]
    ) -> AbstractContextManager[object]:
        """Surround the flush with nothing."""
        return nullcontext()


# How many operations an owner sends before it is the next one's turn.
_TURN = 16
# How far the shares of late-comers may take a lane beyond what one owner may fill.
_OVERFULL = 2

_Entry = tuple[Op, "asyncio.Future[Res]", float, object]


class _Lane(Generic[Op, Res]):
    """What waits, by owner, and the task that empties it while there is something in it."""

    __slots__ = ("depth", "queues", "runner")

    def __init__(self) -> None:
        self.queues: dict[Hashable, deque[_Entry[Op, Res]]] = {}
        self.depth = 0
        self.runner: asyncio.Task[None] | None = None


class Lanes(Generic[Op, Res]):
    """Gathers concurrent operations into batches; operations of one bucket keep their order.

    `flush` executes a batch and answers one result per operation, in order. Each lane has at most
    one flush under way, so there are never more than `lanes` of them. A caller who stops waiting
    takes its operation out of the queue if it has not left yet; a flush under way is never
    cancelled. An error of `flush` fails exactly its own batch, except errors of the types in
    `split_on`: these call for each operation to be tried alone, so that a bad one does not fail
    its neighbours. There are no timers: a lone caller never waits for company.

    Where operations of several owners wait, the owners take turns; in a full lane there is still
    room for those who have less than an equal share of it. So what one owner sends too much is its
    own loss. Operations of a bucket that must keep their order have one owner.
    """

    def __init__(
        self,
        flush: Callable[[list[Op]], Awaitable[Sequence[Res]]],
        *,
        lanes: int,
        batch_max: int,
        queue_max: int,
        reserve_queue_max: int,
        split_on: type[Exception] | tuple[type[Exception], ...] = (),
        observer: LaneObserver | None = None,
    ) -> None:
        self._flush = flush
        self._lanes: list[_Lane[Op, Res]] = [_Lane() for _ in range(lanes)]
        self._batch_max = batch_max
        self._queue_max = queue_max
        self._reserve_queue_max = reserve_queue_max
        self._split_on = split_on
        self._observer: LaneObserver = observer or Unobserved()

    def submit(
        self, bucket: int, operation: Op, *, urgent: bool, owner: Hashable = None
    ) -> asyncio.Future[Res]:
        """Queue an operation and answer the future of its result.

        Urgent operations are admitted until `queue_max` wait in the lane, others only until
        `reserve_queue_max`, so that under overload the others are shed first. Raises
        `LaneFullError`.
        """
        lane = self._lanes[bucket % len(self._lanes)]
        queue = lane.queues.get(owner)
        room = self._queue_max if urgent else self._reserve_queue_max
        if lane.depth >= room and not self._has_share(lane, len(queue or ()), room):
            raise LaneFullError
        if queue is None:
            queue = lane.queues[owner] = deque()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Res] = loop.create_future()
        queue.append((operation, future, perf_counter(), self._observer.joined()))
        lane.depth += 1
        if lane.runner is None:
            # The task starts in the loop's next round, and takes along all that this round submits.
            # It works for many callers, so it does not go on in the context of this one.
            lane.runner = loop.create_task(self._run(lane), context=Context())
        return future

    def _has_share(self, lane: _Lane[Op, Res], waiting: int, room: int) -> bool:
        """Tell whether an owner may add to a full lane, less than its share of which is its own."""
        return waiting * len(lane.queues) < room and lane.depth < _OVERFULL * self._queue_max

    @property
    def depth(self) -> int:
        """How many operations wait in all lanes, those under way not counted."""
        return sum(lane.depth for lane in self._lanes)

    async def drain(self) -> None:
        """Wait until nothing is queued or under way."""
        while runners := [lane.runner for lane in self._lanes if lane.runner is not None]:
            await asyncio.wait(runners)

    async def _run(self, lane: _Lane[Op, Res]) -> None:
        while batch := self._take(lane):
            await self._send(batch)
        lane.runner = None

    def _take(self, lane: _Lane[Op, Res]) -> list[_Entry[Op, Res]]:
        """Take the next batch, without the operations nobody waits for any more."""
        batch: list[_Entry[Op, Res]] = []
        while lane.queues and len(batch) < self._batch_max:
            owner = next(iter(lane.queues))
            queue = lane.queues.pop(owner)
            turn = _TURN if lane.queues else self._batch_max
            for _ in range(min(turn, self._batch_max - len(batch), len(queue))):
                entry = queue.popleft()
                lane.depth -= 1
                if not entry[1].done():
                    batch.append(entry)
            if queue:
                lane.queues[owner] = queue
        return batch

    async def _send(self, batch: list[_Entry[Op, Res]]) -> None:
        operations = [entry[0] for entry in batch]
        traces = [entry[3] for entry in batch if entry[3] is not None]
        waited_seconds = perf_counter() - batch[0][2]
        try:
            with self._observer.batch(len(batch), waited_seconds, traces):
                results = await self._flush(operations)
            _check_count(len(results), expected=len(batch))
        except self._split_on as error:
            if len(batch) == 1:
                _fail(batch, error)
            else:
                await self._send_singly(batch)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is for those who wait to hear
            _fail(batch, error)
        else:
            for entry, result in zip(batch, results, strict=True):
                if not entry[1].done():
                    entry[1].set_result(result)

    async def _send_singly(self, batch: list[_Entry[Op, Res]]) -> None:
        for entry in batch:
            if not entry[1].done():
                await self._send([entry])


def _fail(batch: list[_Entry[Op, Res]], error: Exception) -> None:
    for entry in batch:
        if not entry[1].done():
            entry[1].set_exception(error)


def _check_count(count: int, *, expected: int) -> None:
    if count != expected:
        raise ResultCountError(f"{count} results for {expected} operations")
