"""The process that makes the load: reads a `Job` from its input, writes `Measured`.

The lines `begin` and `end` before it say when the measured time begins and ends, so that whoever
started it can look at the processor's time at these instants.
"""

from __future__ import annotations

import gc
import select
import sys
from array import array
from collections import Counter
from collections.abc import Iterator
from time import perf_counter
from typing import NamedTuple

from bench.figures import latencies_ms
from bench.http2 import Answer, Connection
from bench.job import Job, Measured
from bench.work import WORKS, Request, verdicts

_PATIENCE_SECONDS = 60.0


class Slot(NamedTuple):
    """A call under way: what it asks, since when it counts, and what comes after it."""

    request: Request
    since: float
    following: Iterator[Request]


class Driver:
    """Calls on a few connections, and what is known of those that ended."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._connections: list[Connection[Slot]] = [
            Connection(job.host, job.port, api_key=job.api_key, timeout_seconds=job.timeout_seconds)
            for _ in range(job.connections)
        ]
        self._answered: Counter[str] = Counter()
        self._latencies: dict[str, array[float]] = {}
        self._late = array("d")
        self._calls = 0
        self._marks: list[float] = []
        self._now = perf_counter()
        self._warm_until = self._now + job.warm_seconds
        self._until = self._warm_until + job.seconds

    def run(self) -> Measured:
        """Do the job. Raises `ConnectionEndedError` when the server gives up a connection."""
        if self._job.rate:
            self._open()
        else:
            self._closed()
        for connection in self._connections:
            connection.close()
        begun, ended = self._marks
        return Measured(
            calls=self._calls,
            seconds=ended - begun,
            latency_ms={kind: latencies_ms(each) for kind, each in self._latencies.items()},
            answered=dict(self._answered),
            late_ms=latencies_ms(self._late),
        )

    def _closed(self) -> None:
        work = WORKS[self._job.work]
        for number in range(self._job.in_flight):
            connection = self._connections[number % len(self._connections)]
            self._start(connection, work(self._job, number), since=self._now)
        self._flush()
        while self._under_way():
            for connection, answer in self._wait(_PATIENCE_SECONDS):
                self._note(answer)
                if not self._over():
                    self._start(connection, answer.token.following, since=self._now)
            self._flush()

    def _open(self) -> None:
        requests = WORKS[self._job.work](self._job, 0)
        begun, number = self._now, 0
        due = begun
        while not self._over() or self._under_way():
            while due <= self._now and not self._over():
                connection = self._connections[number % len(self._connections)]
                self._late.append(self._now - due)
                self._start(connection, requests, since=due)
                number += 1
                due = begun + number / self._job.rate
                self._now = perf_counter()
            self._flush()
            pause = _PATIENCE_SECONDS if self._over() else max(due - perf_counter(), 0.0)
            for _, answer in self._wait(pause):
                self._note(answer)

    def _start(
        self, connection: Connection[Slot], requests: Iterator[Request], *, since: float
    ) -> None:
        request = next(requests)
        connection.start(request.path, request.message, Slot(request, since, requests))

    def _flush(self) -> None:
        for connection in self._connections:
            connection.flush()

    def _wait(self, seconds: float) -> list[tuple[Connection[Slot], Answer[Slot]]]:
        blocked = [connection for connection in self._connections if connection.blocked]
        readable, _, _ = select.select(self._connections, blocked, [], seconds)
        self._now = perf_counter()
        self._mark()
        if not readable and seconds == _PATIENCE_SECONDS:
            raise TimeoutError("the server answers nothing")
        return [(each, answer) for each in readable for answer in each.receive()]

    def _mark(self) -> None:
        passed = (self._now >= self._warm_until) + self._over()
        while len(self._marks) < passed:
            print("end" if self._marks else "begin", flush=True)
            self._marks.append(perf_counter())

    def _over(self) -> bool:
        enough = self._job.calls_max and self._calls >= self._job.calls_max
        return bool(enough) or self._now >= self._until

    def _note(self, answer: Answer[Slot]) -> None:
        request, since, _ = answer.token
        now = perf_counter()
        self._answered.update(verdicts(request, answer.status, answer.body))
        if self._counts(since):
            self._calls += len(request.hold_ids)
            self._latencies.setdefault(request.kind, array("d")).append(now - since)

    def _counts(self, since: float) -> bool:
        """Whether an answer belongs to the measured time.

        In an open loop a call belongs to the time it was to begin in, or the slowest would be lost.
        """
        if self._job.rate:
            return self._warm_until <= since < self._until
        return len(self._marks) == 1

    def _under_way(self) -> bool:
        return any(connection.under_way for connection in self._connections)


def main() -> None:
    """Do the job that comes as a line."""
    job = Job.from_json(sys.stdin.readline())
    # Nothing here makes cycles; a collection would only show as somebody's latency.
    gc.disable()
    print(Driver(job).run().to_json(), flush=True)
    # Whoever started this looks at what it has used before it is gone.
    sys.stdin.read()


if __name__ == "__main__":
    main()
