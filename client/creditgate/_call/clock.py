"""The clock that calls are counted by."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol


class Timer(Protocol):
    """Something that will happen, unless it is cancelled."""

    def cancel(self) -> None:
        """Let it not happen."""
        ...


class Clock:
    """The machine's clock, which never goes back; a test may pass one of its own.

    Of the two ways to wait `AsyncClient` uses `call_later`, and `Client` uses `wait`.
    """

    def now_ns(self) -> int:
        """The nanoseconds since some instant, always the same one."""
        return time.monotonic_ns()

    def now(self) -> datetime:
        """What clocks on the wall show, to tell people when something will be."""
        return datetime.now(UTC)

    def call_later(self, seconds: float, *, callback: Callable[[], None]) -> Timer:
        """Call back after so many seconds, in the running event loop."""
        return asyncio.get_running_loop().call_later(seconds, callback)

    def wait(self, woken: threading.Event, *, seconds: float | None) -> None:
        """Block for so many seconds, None for ever, or until it is woken."""
        woken.wait(seconds)
