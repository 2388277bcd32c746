from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

import pytest

from creditgate_server.lanes import LaneFullError, Lanes, ResultCountError


class RefusedError(Exception):
    pass


class Ledger:
    """Answers each operation doubled, batch by batch, each when `gate` allows."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.bad: set[int] = set()
        self.failing: set[int] = set()
        self.under_way = 0
        self.most_under_way = 0

    async def flush(self, operations: list[int]) -> Sequence[int]:
        self.batches.append(list(operations))
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await self.gate.wait()
        finally:
            self.under_way -= 1
        if self.failing & set(operations):
            raise ConnectionError
        if self.bad & set(operations):
            raise RefusedError
        return [operation * 2 for operation in operations]


class Observer:
    def __init__(self) -> None:
        self.callers = iter(["a", None, "b"])
        self.sizes: list[int] = []
        self.waits: list[float] = []
        self.traces: list[list[object]] = []
        self.open = 0

    def joined(self) -> object:
        return next(self.callers)

    @contextmanager
    def batch(self, size: int, waited_seconds: float, traces: Sequence[object]) -> Iterator[None]:
        self.sizes.append(size)
        self.waits.append(waited_seconds)
        self.traces.append(list(traces))
        self.open += 1
        yield
        self.open -= 1


def make(
    ledger: Ledger,
    *,
    lanes: int = 1,
    batch_max: int = 100,
    queue_max: int = 100,
    reserve_queue_max: int = 100,
    observer: Observer | None = None,
) -> Lanes[int, int]:
    return Lanes(
        ledger.flush,
        lanes=lanes,
        batch_max=batch_max,
        queue_max=queue_max,
        reserve_queue_max=reserve_queue_max,
        split_on=RefusedError,
        observer=observer,
    )


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_lone_caller_leaves_at_once_and_alone() -> None:
    ledger = Ledger()
    assert await make(ledger).submit(0, 21, urgent=False) == 42
    assert ledger.batches == [[21]]


async def test_what_arrives_during_a_flush_leaves_together_in_order_up_to_the_cap() -> None:
    ledger = Ledger()
    ledger.gate.clear()
    lanes = make(ledger, batch_max=3)
    first = lanes.submit(0, 1, urgent=False)
    await settle()
    rest = [lanes.submit(0, n, urgent=False) for n in range(2, 7)]
    await settle()
    assert ledger.batches == [[1]]
    assert lanes.depth == 5
    ledger.gate.set()
    assert await asyncio.gather(first, *rest) == [2, 4, 6, 8, 10, 12]
    assert ledger.batches == [[1], [2, 3, 4], [5, 6]]


async def test_one_round_of_the_loop_is_one_batch() -> None:
    ledger = Ledger()
    lanes = make(ledger)
    assert await asyncio.gather(*(lanes.submit(0, n, urgent=False) for n in range(50)))
    assert ledger.batches == [list(range(50))]


async def test_lanes_are_independent_and_each_has_one_flush_under_way() -> None:
    ledger = Ledger()
    ledger.gate.clear()
    lanes = make(ledger, lanes=4)
    futures = [lanes.submit(bucket, bucket, urgent=False) for bucket in range(64)]
    await settle()
    futures += [lanes.submit(bucket, bucket, urgent=False) for bucket in range(64)]
    await settle()
    assert ledger.under_way == 4
    ledger.gate.set()
    await asyncio.gather(*futures)
    assert ledger.most_under_way == 4
    assert [batch[0] % 4 for batch in ledger.batches[:4]] == [0, 1, 2, 3]
    assert all(len({n % 4 for n in batch}) == 1 for batch in ledger.batches)


async def test_a_full_lane_sheds_reserves_first_and_urgent_ones_last() -> None:
    ledger = Ledger()
    ledger.gate.clear()
    lanes = make(ledger, queue_max=4, reserve_queue_max=2)
    futures = [lanes.submit(0, 0, urgent=False)]
    await settle()
    futures += [lanes.submit(0, n, urgent=False) for n in (1, 2)]
    with pytest.raises(LaneFullError):
        lanes.submit(0, 3, urgent=False)
    futures += [lanes.submit(0, n, urgent=True) for n in (4, 5)]
    with pytest.raises(LaneFullError):
        lanes.submit(0, 6, urgent=True)
    ledger.gate.set()
    await asyncio.gather(*futures)
    assert ledger.batches == [[0], [1, 2, 4, 5]]
    assert await lanes.submit(0, 7, urgent=False) == 14


async def test_a_lane_that_one_owner_has_filled_has_room_for_the_shares_of_others() -> None:
    ledger = Ledger()
    ledger.gate.clear()
    lanes = make(ledger, queue_max=8, reserve_queue_max=8)
    futures = [lanes.submit(0, 0, urgent=False, owner="greedy")]
    await settle()
    futures += [lanes.submit(0, n, urgent=False, owner="greedy") for n in range(1, 9)]
    with pytest.raises(LaneFullError):
        lanes.submit(0, 9, urgent=False, owner="greedy")
    futures += [lanes.submit(0, n, urgent=False, owner="modest") for n in range(11, 15)]
    with pytest.raises(LaneFullError):
        lanes.submit(0, 15, urgent=False, owner="modest")
    futures += [lanes.submit(0, n, urgent=False, owner="third") for n in (21, 22, 23)]
    with pytest.raises(LaneFullError):
        lanes.submit(0, 24, urgent=False, owner="third")
    ledger.gate.set()
    await asyncio.gather(*futures)
    assert sorted(ledger.batches[1]) == [*range(1, 9), *range(11, 15), 21, 22, 23]


async def test_no_number_of_owners_overfills_a_lane() -> None:
    ledger = Ledger()
    ledger.gate.clear()
    lanes = make(ledger, queue_max=8, reserve_queue_max=4)
    futures = [lanes.submit(0, n, urgent=False, owner=n) for n in range(16)]
    with pytest.raises(LaneFullError):
        lanes.submit(0, 16, urgent=True, owner=16)
    assert lanes.depth == 16
    ledger.gate.set()
    await asyncio.gather(*futures)
    await lanes.drain()
    assert not lanes._lanes[0].queues


async def test_owners_take_turns_and_each_keeps_its_order() -> None:
    ledger = Ledger()
    ledger.gate.clear()
    lanes = make(ledger, batch_max=40, queue_max=1000, reserve_queue_max=1000)
    futures = [lanes.submit(0, -1, urgent=False)]
    await settle()
    futures += [lanes.submit(0, n, urgent=False, owner="greedy") for n in range(100)]
    futures += [lanes.submit(0, 1000 + n, urgent=False, owner="modest") for n in range(20)]
    ledger.gate.set()
    await asyncio.gather(*futures)
    assert [len(batch) for batch in ledger.batches] == [1, 40, 40, 40]
    first = ledger.batches[1]
    assert first == [*range(16), *range(1000, 1016), *range(16, 24)]
    everything = [n for batch in ledger.batches for n in batch]
    assert [n for n in everything if 0 <= n < 1000] == list(range(100))
    assert [n for n in everything if n >= 1000] == list(range(1000, 1020))
    assert not lanes._lanes[0].queues


async def test_a_caller_who_left_is_dropped_before_the_flush() -> None:
    ledger = Ledger()
    ledger.gate.clear()
    lanes = make(ledger)
    first = lanes.submit(0, 1, urgent=False)
    await settle()

    async def impatient() -> int:
        return await asyncio.wait_for(lanes.submit(0, 2, urgent=False), timeout=0.01)

    with pytest.raises(TimeoutError):
        await impatient()
    last = lanes.submit(0, 3, urgent=False)
    ledger.gate.set()
    assert (await first, await last) == (2, 6)
    assert ledger.batches == [[1], [3]]


async def test_a_flush_under_way_outlives_its_caller() -> None:
    ledger = Ledger()
    ledger.gate.clear()
    lanes = make(ledger)
    finished: list[int] = []
    inner = ledger.flush

    async def flush(operations: list[int]) -> Sequence[int]:
        results = await inner(operations)
        finished.extend(operations)
        return results

    lanes._flush = flush
    caller = asyncio.ensure_future(lanes.submit(0, 1, urgent=False))
    neighbour = lanes.submit(0, 2, urgent=False)
    await settle()
    caller.cancel()
    ledger.gate.set()
    assert await neighbour == 4
    assert finished == [1, 2]
    assert caller.cancelled()


async def test_a_queue_of_leavers_is_emptied_without_a_flush() -> None:
    ledger = Ledger()
    lanes = make(ledger)
    for future in [lanes.submit(0, n, urgent=False) for n in range(3)]:
        future.cancel()
    await lanes.drain()
    assert ledger.batches == []
    assert await lanes.submit(0, 5, urgent=False) == 10


async def test_an_error_fails_exactly_its_own_batch() -> None:
    ledger = Ledger()
    ledger.gate.clear()
    lanes = make(ledger)
    first = [lanes.submit(0, n, urgent=False) for n in (1, 2)]
    await settle()
    ledger.failing = {1}
    second = lanes.submit(0, 3, urgent=False)
    ledger.gate.set()
    assert [type(e) for e in await asyncio.gather(*first, return_exceptions=True)] == [
        ConnectionError,
        ConnectionError,
    ]
    assert await second == 6
    assert ledger.batches == [[1, 2], [3]]


async def test_a_bad_operation_never_fails_its_neighbours() -> None:
    ledger = Ledger()
    ledger.bad = {2}
    lanes = make(ledger)
    results = await asyncio.gather(
        *(lanes.submit(0, n, urgent=False) for n in (1, 2, 3)), return_exceptions=True
    )
    assert isinstance(results[1], RefusedError)
    assert [results[0], results[2]] == [2, 6]
    assert ledger.batches == [[1, 2, 3], [1], [2], [3]]


async def test_a_wrong_number_of_results_is_nobodys_answer() -> None:
    async def flush(operations: list[int]) -> Sequence[int]:
        return operations[1:]

    lanes = Lanes(flush, lanes=1, batch_max=9, queue_max=9, reserve_queue_max=9)
    results = await asyncio.gather(
        *(lanes.submit(0, n, urgent=False) for n in (1, 2)), return_exceptions=True
    )
    assert [type(result) for result in results] == [ResultCountError, ResultCountError]


async def test_drain_waits_for_what_is_queued_and_under_way() -> None:
    ledger = Ledger()
    ledger.gate.clear()
    lanes = make(ledger, batch_max=1)
    futures = [lanes.submit(0, n, urgent=False) for n in range(3)]
    draining = asyncio.ensure_future(lanes.drain())
    await settle()
    assert not draining.done()
    ledger.gate.set()
    await draining
    assert all(future.done() for future in futures)
    assert lanes.depth == 0


async def test_the_observer_surrounds_each_flush_and_sees_who_is_in_it() -> None:
    ledger, observer = Ledger(), Observer()
    lanes = make(ledger, observer=observer)
    await asyncio.gather(*(lanes.submit(0, n, urgent=False) for n in range(3)))
    assert observer.sizes == [3]
    assert observer.traces == [["a", "b"]]
    assert 0 <= observer.waits[0] < 5
    assert observer.open == 0


async def test_batches_are_sent_in_the_context_of_no_caller() -> None:
    caller = ContextVar("caller", default="nobody")
    seen: list[str] = []

    async def flush(operations: list[int]) -> Sequence[int]:
        seen.append(caller.get())
        return operations

    lanes: Lanes[int, int] = Lanes(flush, lanes=1, batch_max=10, queue_max=10, reserve_queue_max=10)
    caller.set("the first")
    await lanes.submit(0, 1, urgent=False)
    assert seen == ["nobody"], "what is logged there is not about this caller alone"
