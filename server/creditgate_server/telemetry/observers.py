"""Whom the RPC layer and the lanes tell about their work: figures and spans from one call each."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from types import TracebackType

from opentelemetry.trace import Span, format_trace_id

from creditgate_server.telemetry.metrics import Metrics
from creditgate_server.telemetry.tracing import Member, Tracing


class Calls:
    """Told of every call: `start` when it arrives, `finish` when it is answered."""

    def __init__(self, metrics: Metrics, tracing: Tracing) -> None:
        self._record = metrics.served.call
        self._tracing = tracing
        self.start = tracing.start
        """`start(method, metadata)` begins the call's span; None when it is not sampled."""

    def finish(
        self, span: Span | None, method: str, code: str, decision: str, seconds: float
    ) -> None:
        """Record an answered call.

        `method` is as gRPC names it (`/package.Service/Method`), `code` the name of the status,
        `decision` the name of the decision in lower case, empty where there is none.
        """
        rpc = method.rpartition("/")[2]
        if span is None:
            self._record(rpc, code, decision, seconds, trace_id=None)
            return
        trace_id = format_trace_id(span.get_span_context().trace_id)
        self._record(rpc, code, decision, seconds, trace_id=trace_id)
        self._tracing.finish(span, code=code, decision=decision)


class Batches:
    """A `lanes.LaneObserver`: told of every batch.

    `joined` is asked in the context of the call whose operation enters a lane; what it answers
    comes back with the batch that carries the operation.
    """

    def __init__(self, metrics: Metrics, tracing: Tracing) -> None:
        self._metrics = metrics
        self._tracing = tracing
        self.joined = tracing.member

    def batch(self, size: int, waited_seconds: float, traces: Sequence[object]) -> _Batch:
        """Surround one flush of `size` operations, the oldest of which waited `waited_seconds`."""
        self._metrics.shared.started(size, waited_seconds)
        span = None
        if traces:
            members = [trace for trace in traces if isinstance(trace, Member)]
            span = self._tracing.start_batch(size, members)
        return _Batch(self._metrics, self._tracing, span)


class _Batch:
    """One flush: its time, its span, and how it ended."""

    __slots__ = ("_metrics", "_span", "_started", "_tracing")

    def __init__(self, metrics: Metrics, tracing: Tracing, span: Span | None) -> None:
        self._metrics = metrics
        self._tracing = tracing
        self._span = span
        self._started = perf_counter()

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        name = None if kind is None else kind.__name__
        self._metrics.shared.finished(perf_counter() - self._started, error=name)
        if self._span is not None:
            self._tracing.finish_batch(self._span, error=name)
