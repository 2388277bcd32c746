"""Cancel work at its nth await, whichever that is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from typing import Any


class CancelledAt:
    """Awaits a coroutine and calls `cancel` when it waits for the `number`th time."""

    def __init__(
        self, work: Coroutine[Any, Any, None], *, number: int, cancel: Callable[[], object]
    ) -> None:
        self._work, self._number, self._cancel = work, number, cancel
        self.reached = False

    def __await__(self) -> Generator[Any, Any, None]:
        steps = self._work.__await__()
        count = 0
        step: Callable[[], Any] = lambda: next(steps)  # noqa: E731 - replaced below
        while True:
            try:
                waited = step()
            except StopIteration:
                return
            if count == self._number:
                self.reached = True
                self._cancel()
            count += 1
            try:
                yield waited
            except BaseException as error:  # noqa: BLE001 - all of it belongs to the work
                thrown = error
                step = lambda: steps.throw(thrown)  # noqa: E731, B023 - thrown at once
            else:
                step = lambda: next(steps)  # noqa: E731


def cancel_this() -> None:
    """Cancel the task that runs."""
    task = asyncio.current_task()
    assert task is not None
    task.cancel()


def cancel_everything() -> None:
    """Cancel every task of the loop, as asyncio.run() does when its main task has ended."""
    for task in asyncio.all_tasks():
        task.cancel()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what another thread does."""
    while not condition():  # noqa: ASYNC110 - nothing to be told by
        await asyncio.sleep(0.001)
