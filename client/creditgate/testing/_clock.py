"""A clock for the calls of tests."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count

from creditgate._call.clock import Clock

_START = datetime(2030, 1, 1, tzinfo=UTC)


class FakeTimer:
    """What a `FakeClock` will call back, unless it is cancelled."""

    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        """Let it not happen."""
        self._callback = None

    def fire(self) -> None:
        """Let it happen."""
        if self._callback is not None:
            self._callback()


class FakeClock(Clock):
    """A clock that stands still until it is told to go on, for `call(clock=...)`.

    It is not that of a `FakeCreditgate`, which counts how long holds live.
    """

    def __init__(self) -> None:
        self._now_ns = 0
        self._numbers = count()
        self._timers: list[tuple[int, int, FakeTimer]] = []
        self._waiting: list[tuple[int, threading.Event]] = []
        self._lock = threading.Lock()

    def advance(self, *, seconds: float) -> None:
        """Go on, and let all that is due until then happen, each at its time."""
        until = self._now_ns + round(seconds * 1e9)
        while self._timers and self._timers[0][0] <= until:
            when, _, timer = heapq.heappop(self._timers)
            self._now_ns = max(when, self._now_ns)
            timer.fire()
        self._now_ns = until
        with self._lock:
            for when, woken in self._waiting:
                if when <= until:
                    woken.set()

    def now_ns(self) -> int:
        """The nanoseconds it has gone on."""
        return self._now_ns

    def now(self) -> datetime:
        """The beginning of 2030 and what it has gone on since."""
        return _START + timedelta(microseconds=self._now_ns // 1000)

    def call_later(self, seconds: float, *, callback: Callable[[], None]) -> FakeTimer:
        """Call back when it has gone on for so many seconds."""
        timer = FakeTimer(callback)
        when = self._now_ns + round(seconds * 1e9)
        heapq.heappush(self._timers, (when, next(self._numbers), timer))
        return timer

    def wait(self, woken: threading.Event, *, seconds: float | None) -> None:
        """Block until it has gone on for so many seconds, or until it is woken."""
        waiting = None
        with self._lock:
            if seconds is not None:
                waiting = (self._now_ns + round(seconds * 1e9), woken)
                self._waiting.append(waiting)
        woken.wait()
        with self._lock:
            if waiting is not None:
                self._waiting.remove(waiting)
