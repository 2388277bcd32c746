from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import SpanKind, StatusCode, Tracer

from creditgate_server.telemetry.tracing import (
    Member,
    Sampling,
    Tracing,
    caller_of,
    current_ids,
)

METHOD = "/creditgate.v1.CreditAuthorizationService/Reserve"
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


class Recorded:
    """A tracer, and the spans that were ended with it."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider(sampler=ALWAYS_ON, shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracer: Tracer = provider.get_tracer("test")

    @property
    def spans(self) -> Sequence[ReadableSpan]:
        return self._exporter.get_finished_spans()

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.spans if span.name == name]


def traceparent(flags: str) -> list[tuple[str, str]]:
    return [("user-agent", "x"), ("traceparent", f"00-{TRACE}-{PARENT}-{flags}")]


async def test_without_a_trace_the_coin_decides_and_nothing_is_built_for_the_others() -> None:
    recorded, tosses = Recorded(), iter([0.5, 0.009, 0.01, 0.0])
    tracing = Tracing(recorded.tracer, sampling=Sampling(0.01), coin=lambda: next(tosses))
    spans = [tracing.start(METHOD, []) for _ in range(4)]
    assert [span is not None for span in spans] == [False, True, False, True]


@pytest.mark.parametrize(("flags", "ratio", "traced"), [("01", 0.0, True), ("00", 1.0, False)])
async def test_the_callers_flag_is_honoured_whatever_the_coin_says(
    *, flags: str, ratio: float, traced: bool
) -> None:
    tracing = Tracing(Recorded().tracer, sampling=Sampling(ratio), coin=lambda: 0.0)
    assert (tracing.start(METHOD, traceparent(flags)) is not None) is traced


async def test_a_sampler_without_parent_leaves_all_to_the_coin() -> None:
    tracing = Tracing(Recorded().tracer, sampling=Sampling(1.0, honours_caller=False))
    assert tracing.start(METHOD, traceparent("00")) is not None


async def test_a_server_span_lies_below_its_callers_and_says_how_the_call_ended() -> None:
    recorded = Recorded()
    tracing = Tracing(recorded.tracer, sampling=Sampling(0.0))
    metadata = [*traceparent("01"), ("tracestate", "vendor=1")]
    span = tracing.start(METHOD, metadata)
    assert span is not None
    tracing.finish(span, code="OK", decision="granted")
    [ended] = recorded.spans
    assert ended.kind is SpanKind.SERVER
    assert ended.name == "creditgate.v1.CreditAuthorizationService/Reserve"
    assert ended.parent is not None
    assert (ended.parent.trace_id, ended.parent.span_id) == (int(TRACE, 16), int(PARENT, 16))
    assert ended.context is not None
    assert ended.context.trace_state.get("vendor") == "1"
    assert ended.attributes == {
        "rpc.system.name": "grpc",
        "rpc.method": "creditgate.v1.CreditAuthorizationService/Reserve",
        "rpc.response.status_code": "OK",
        "creditgate.decision": "granted",
    }
    assert ended.status.status_code is StatusCode.UNSET


@pytest.mark.parametrize(
    ("code", "failed"), [("UNAVAILABLE", True), ("INTERNAL", True), ("NOT_FOUND", False)]
)
async def test_only_what_the_server_did_wrong_is_an_error(*, code: str, failed: bool) -> None:
    recorded = Recorded()
    tracing = Tracing(recorded.tracer, sampling=Sampling(1.0))
    span = tracing.start(METHOD, [])
    assert span is not None
    tracing.finish(span, code=code, decision="")
    assert (recorded.spans[0].status.status_code is StatusCode.ERROR) is failed


async def test_a_batch_is_linked_to_every_sampled_call_and_each_of_them_to_the_batch() -> None:
    recorded = Recorded()
    tracing = Tracing(recorded.tracer, sampling=Sampling(1.0))

    async def call() -> Member | None:
        span = tracing.start(METHOD, [])
        assert span is not None
        return tracing.member()

    # Each call is a task of its own, as in the server: their contexts are apart.
    joined = await asyncio.gather(*(asyncio.create_task(call()) for _ in range(3)))
    members = [member for member in joined if member is not None]
    batch = tracing.start_batch(5, members)
    assert batch is not None
    tracing.finish_batch(batch, error=None)
    for member in members:
        tracing.finish(member.span, code="OK", decision="")

    [shared] = recorded.named("creditgate.apply")
    servers = recorded.named("creditgate.v1.CreditAuthorizationService/Reserve")
    waits = recorded.named("lane wait")
    assert len(servers) == len(waits) == 3
    assert {link.context.span_id for link in shared.links} == {
        server.context.span_id for server in servers if server.context
    }
    assert shared.context is not None
    for span in (*servers, *waits):
        assert [link.context.span_id for link in span.links] == [shared.context.span_id]
    assert shared.parent is not None
    assert shared.parent.span_id == members[0].span.get_span_context().span_id
    assert shared.attributes is not None
    assert shared.attributes["db.operation.batch.size"] == 5
    for wait, member in zip(waits, members, strict=True):
        assert wait.start_time == member.entered_ns
        assert wait.end_time == shared.start_time


async def test_a_call_with_many_operations_in_a_batch_waits_and_is_linked_once() -> None:
    recorded = Recorded()
    tracing = Tracing(recorded.tracer, sampling=Sampling(1.0))
    span = tracing.start(METHOD, [])
    assert span is not None
    members = [member for _ in range(1_000) if (member := tracing.member()) is not None]
    batch = tracing.start_batch(1_000, members)
    assert batch is not None
    tracing.finish_batch(batch, error=None)
    assert len(recorded.named("lane wait")) == 1
    assert len(recorded.named("creditgate.apply")[0].links) == 1


async def test_a_call_that_was_answered_meanwhile_is_left_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tracing = Tracing(Recorded().tracer, sampling=Sampling(1.0))
    span = tracing.start(METHOD, [])
    member = tracing.member()
    assert span is not None
    assert member is not None
    tracing.finish(span, code="CANCELLED", decision="")
    assert tracing.start_batch(1, [member]) is None
    assert caplog.records == []


async def test_a_failed_batch_says_what_went_wrong() -> None:
    recorded = Recorded()
    tracing = Tracing(recorded.tracer, sampling=Sampling(1.0))
    tracing.start(METHOD, [])
    batch = tracing.start_batch(1, [member for member in [tracing.member()] if member])
    assert batch is not None
    tracing.finish_batch(batch, error="OutcomeUnknownError")
    [ended] = recorded.named("creditgate.apply")
    assert ended.status.status_code is StatusCode.ERROR
    assert ended.attributes is not None
    assert ended.attributes["error.type"] == "OutcomeUnknownError"


async def test_log_lines_of_an_unsampled_call_carry_its_callers_ids() -> None:
    tracing = Tracing(None, sampling=Sampling(1.0))
    assert current_ids() is None
    assert tracing.start(METHOD, traceparent("01")) is None
    assert current_ids() == (TRACE, PARENT)


async def test_log_lines_of_a_sampled_call_carry_its_own_ids() -> None:
    tracing = Tracing(Recorded().tracer, sampling=Sampling(0.0))
    tracing.start(METHOD, traceparent("01"))
    ids = current_ids()
    assert ids is not None
    assert ids.trace_id == TRACE
    assert ids.span_id != PARENT


@pytest.mark.parametrize(
    "header",
    [
        "",
        "00",
        f"00-{TRACE}-{PARENT}",
        f"00-{TRACE}-{PARENT}-01-more",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-0x",
        f"00-{TRACE}-{PARENT}-01\n",
        "x" * 10_000,
    ],
)
def test_a_malformed_traceparent_is_as_good_as_none(header: str) -> None:
    assert caller_of([("traceparent", header)]) is None


def test_a_later_version_is_read_as_far_as_it_is_known() -> None:
    caller = caller_of([("traceparent", f"01-{TRACE}-{PARENT}-01-more")])
    assert caller is not None
    assert caller.trace_id == int(TRACE, 16)
