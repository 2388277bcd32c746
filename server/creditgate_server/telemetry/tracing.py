"""Traces: sampling is decided before anything is built; a batch is linked to all it carries."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from random import random
from time import time_ns
from typing import NamedTuple

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, StatusCode

# W3C Trace Context, level 1; of a later version only the part we know is read.
_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
_SAMPLED = trace.TraceFlags.SAMPLED
_NOBODY = Context()
# What OpenTelemetry's conventions count as the server's failure; the rest is the caller's business.
_SERVER_ERRORS = frozenset(
    {"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"}
)

_span: ContextVar[Span | None] = ContextVar("creditgate_span", default=None)
_caller: ContextVar[SpanContext | None] = ContextVar("creditgate_caller", default=None)

Metadata = Iterable[tuple[str, str | bytes]]


class Ids(NamedTuple):
    """Whose a log line is, as W3C Trace Context writes it."""

    trace_id: str
    span_id: str


class Member(NamedTuple):
    """A sampled call with an operation that waits in a lane."""

    span: Span
    entered_ns: int


class Sampling(NamedTuple):
    """Which calls are traced: those whose caller says so, and `ratio` of those without a trace."""

    ratio: float
    honours_caller: bool = True


class Tracing:
    """Spans of the few calls that are sampled; the others cost a comparison and a random number.

    `tracer` None switches spans off; log lines still carry the caller's ids.
    """

    def __init__(
        self,
        tracer: trace.Tracer | None,
        *,
        sampling: Sampling,
        coin: Callable[[], float] = random,
    ) -> None:
        self._tracer = tracer
        self._sampling = sampling
        self._coin = coin

    def start(self, method: str, metadata: Metadata) -> Span | None:
        """Begin the server span of a call below its caller's span, if the call is sampled."""
        caller = caller_of(metadata)
        # Set also to None: the context may come from another call, as a stream's operations' does.
        _caller.set(caller)
        span = self._build(method.lstrip("/"), caller) if self._samples(caller) else None
        _span.set(span)
        return span

    def finish(self, span: Span, *, code: str, decision: str) -> None:
        """End a server span. `code` names a gRPC status; `decision` may be empty."""
        span.set_attribute("rpc.response.status_code", code)
        if decision:
            span.set_attribute("creditgate.decision", decision)
        if code in _SERVER_ERRORS:
            span.set_attribute("error.type", code)
            span.set_status(StatusCode.ERROR)
        span.end()

    def member(self) -> Member | None:
        """Note when the current call's operation enters a lane, if the call is sampled."""
        span = _span.get()
        return None if span is None else Member(span, time_ns())

    def start_batch(self, size: int, members: Sequence[Member]) -> Span | None:
        """Begin the span of a batch, if any of those it carries is sampled, and end their waiting.

        The batch belongs to the trace of the first of them, so that this trace reads through
        without a jump; links lead from the batch to every sampled call and back.
        """
        live = {id(m.span): m for m in members if m.span.is_recording()}
        if self._tracer is None or not live:
            return None
        left_ns = time_ns()
        first = next(iter(live.values()))
        batch = self._tracer.start_span(
            "creditgate.apply",
            context=_below(first.span),
            kind=SpanKind.CLIENT,
            start_time=left_ns,
            links=[Link(m.span.get_span_context()) for m in live.values()],
            attributes={
                "db.system.name": "postgresql",
                "db.stored_procedure.name": "creditgate.apply",
                "db.operation.batch.size": size,
            },
        )
        for member in live.values():
            self._waited(member, left_ns, batch.get_span_context())
        return batch

    def finish_batch(self, batch: Span, *, error: str | None) -> None:
        """End the span of a batch; `error` names what went wrong, None when it was applied."""
        if error is not None:
            batch.set_attribute("error.type", error)
            batch.set_status(StatusCode.ERROR)
        batch.end()

    def _samples(self, caller: SpanContext | None) -> bool:
        if self._tracer is None:
            return False
        if caller is not None and self._sampling.honours_caller:
            return bool(caller.trace_flags & _SAMPLED)
        return self._coin() < self._sampling.ratio

    def _build(self, method: str, caller: SpanContext | None) -> Span:
        assert self._tracer is not None
        return self._tracer.start_span(
            method,
            context=_NOBODY if caller is None else _below(trace.NonRecordingSpan(caller)),
            kind=SpanKind.SERVER,
            attributes={"rpc.system.name": "grpc", "rpc.method": method},
        )

    def _waited(self, member: Member, left_ns: int, batch: SpanContext) -> None:
        assert self._tracer is not None
        member.span.add_link(batch)
        wait = self._tracer.start_span(
            "lane wait",
            context=_below(member.span),
            start_time=member.entered_ns,
            links=[Link(batch)],
        )
        wait.end(left_ns)


def current_ids() -> Ids | None:
    """Answer the ids of the call under way: its span's when it is sampled, else its caller's."""
    span = _span.get()
    context = _caller.get() if span is None else span.get_span_context()
    if context is None:
        return None
    return Ids(trace.format_trace_id(context.trace_id), trace.format_span_id(context.span_id))


def current_trace_id() -> str | None:
    """Answer the trace of the call under way, as `current_ids` does."""
    ids = current_ids()
    return None if ids is None else ids.trace_id


def caller_of(metadata: Metadata) -> SpanContext | None:
    """Read the caller's span from the W3C headers; None when there is none or it is malformed."""
    parent = state = None
    for key, value in metadata:
        if key == "traceparent":
            parent = value
        elif key == "tracestate":
            state = value
    if not isinstance(parent, str) or (match := _TRACEPARENT.fullmatch(parent)) is None:
        return None
    version, trace_id, span_id, flags = match.groups()
    if version == "ff" or (version == "00" and len(parent) != _LENGTH_V0):
        return None
    context = SpanContext(
        int(trace_id, 16),
        int(span_id, 16),
        is_remote=True,
        trace_flags=trace.TraceFlags(int(flags, 16)),
        trace_state=trace.TraceState.from_header([state]) if isinstance(state, str) else None,
    )
    return context if context.is_valid else None


_LENGTH_V0 = 55


def _below(span: Span) -> Context:
    return trace.set_span_in_context(span, _NOBODY)
