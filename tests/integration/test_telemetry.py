"""What a server really exports, received by a collector of ours."""

from __future__ import annotations

import asyncio
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from creditgate.v1 import authorization_service_pb2 as pb
from tests.support.database import Database
from tests.support.figures import Figures
from tests.support.otlp import Collector, attributes
from tests.support.server import CREDIT, Caller, ServerProcess, free_port, new_tenant

SERVER = "creditgate.v1.CreditAuthorizationService/Reserve"
BATCH = "creditgate.apply"
WAIT = "lane wait"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector


@asynccontextmanager
async def served(
    database: Database, collector: Collector, folder: Path, **environ: str
) -> AsyncIterator[tuple[Caller, str, ServerProcess]]:
    """A server process that exports to the collector, a caller, and an account with credits."""
    tenant_id, key = await new_tenant(database.url)
    environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.endpoint
    environ["OTEL_BSP_SCHEDULE_DELAY"] = "50"
    with ServerProcess(database.url, port=None, **environ) as server:
        await server.start(folder).ready()
        async with Caller(server.target, key, tenant_id) as caller:
            account = await caller.account(credits_=1_000)
            yield caller, account, server
            assert await server.terminate() == 0


async def reserve(caller: Caller, account: str, hold_id: str, traceparent: str = "") -> Any:
    metadata = [("authorization", f"Bearer {caller.key}")]
    if traceparent:
        metadata.append(("traceparent", traceparent))
    request = pb.ReserveRequest(account_id=account, hold_id=hold_id, amount_micros=CREDIT)
    return await caller.authorization.Reserve(request, metadata=metadata)


def client_tracer(collector: Collector) -> tuple[TracerProvider, trace.Tracer]:
    """The tracer of a caller that exports its own spans."""
    provider = TracerProvider(resource=Resource({"service.name": "agent"}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(collector.endpoint)))
    return provider, provider.get_tracer("test")


def one(spans: list[Span], name: str) -> Span:
    [span] = [span for span in spans if span.name == name]
    return span


async def test_a_trace_leads_from_the_callers_span_to_the_sql(
    database: Database, collector: Collector, tmp_path: Path, figures: Figures
) -> None:
    provider, tracer = client_tracer(collector)
    async with served(database, collector, tmp_path, CREDITGATE_TRACE_RATIO="0") as (
        caller,
        account,
        _,
    ):
        with tracer.start_as_current_span("answer a message"):
            carrier: dict[str, str] = {}
            TraceContextTextMapPropagator().inject(carrier)
            await reserve(caller, account, "msg-1", carrier["traceparent"])
        await reserve(caller, account, "msg-2")
    await asyncio.to_thread(provider.shutdown)
    spans = collector.spans

    client, server, wait, batch = (one(spans, n) for n in ("answer a message", SERVER, WAIT, BATCH))
    assert {span.trace_id for span in spans} == {client.trace_id}, "the other call is not traced"
    assert server.parent_span_id == client.span_id
    assert server.kind == Span.SPAN_KIND_SERVER
    assert wait.parent_span_id == server.span_id
    assert batch.parent_span_id == server.span_id
    assert [link.span_id for link in batch.links] == [server.span_id]
    assert [link.span_id for link in server.links] == [batch.span_id]
    assert [link.span_id for link in wait.links] == [batch.span_id]
    assert client.start_time_unix_nano <= server.start_time_unix_nano <= wait.start_time_unix_nano
    assert wait.end_time_unix_nano == batch.start_time_unix_nano
    assert batch.end_time_unix_nano <= server.end_time_unix_nano <= client.end_time_unix_nano
    assert attributes(server)["creditgate.decision"] == "granted"
    assert attributes(server)["rpc.response.status_code"] == "OK"
    assert attributes(batch)["db.operation.batch.size"] == "1"
    assert {r["service.name"] for r in collector.resources} == {"agent", "creditgate"}
    figures(
        call_ms=_milliseconds(server), lane_wait_ms=_milliseconds(wait), sql_ms=_milliseconds(batch)
    )


async def test_calls_that_share_a_batch_are_all_linked_to_it(
    database: Database, collector: Collector, tmp_path: Path, figures: Figures
) -> None:
    environ = {"CREDITGATE_TRACE_RATIO": "1", "CREDITGATE_LANES": "1"}
    async with served(database, collector, tmp_path, **environ) as (caller, account, _):
        await asyncio.gather(*(reserve(caller, account, f"msg-{i}") for i in range(50)))
    spans = collector.spans
    servers = {span.span_id: span for span in spans if span.name == SERVER}
    batches = [span for span in spans if span.name == BATCH]
    assert len(servers) == 50
    assert len(batches) < 50, "some calls shared a batch"
    linked = [link.span_id for batch in batches for link in batch.links]
    assert sorted(linked) == sorted(servers), "each call is in exactly one batch"
    for batch in batches:
        assert int(attributes(batch)["db.operation.batch.size"]) == len(batch.links)
        assert batch.parent_span_id == batch.links[0].span_id
        for link in batch.links:
            assert [back.span_id for back in servers[link.span_id].links] == [batch.span_id]
    largest = max(len(batch.links) for batch in batches)
    figures(traced_calls=50, batches=len(batches), largest=largest, links=len(linked))


async def test_figures_tell_the_same_by_otlp_and_on_the_page(
    database: Database, collector: Collector, tmp_path: Path
) -> None:
    port = free_port()
    environ = {
        "CREDITGATE_METRICS_LISTEN": f"127.0.0.1:{port}",
        "CREDITGATE_SWEEP_INTERVAL_MS": "50",
        "OTEL_TRACES_EXPORTER": "none",
    }
    async with served(database, collector, tmp_path, **environ) as (caller, account, _):
        for _ in range(3):
            await reserve(caller, account, "msg-1")
        request = pb.ReserveRequest(account_id=account, hold_id="m-2", amount_micros=10**15)
        denied = await caller.authorization.Reserve(request)
        assert denied.decision == pb.DECISION_DENIED_INSUFFICIENT_CREDITS
        page = await asyncio.to_thread(_read, f"http://127.0.0.1:{port}/metrics")
    calls = 'creditgate_call_duration_seconds_count{code="OK",decision='
    assert f'{calls}"granted",rpc="Reserve"}} 3.0' in page
    assert f'{calls}"denied_insufficient_credits",rpc="Reserve"}} 1.0' in page
    assert 'creditgate_replays_total{operation="reserve"} 2.0' in page
    assert 'creditgate_pool_connections{state="in_use"}' in page
    assert "creditgate_lane_depth 0.0" in page
    metrics = collector.metrics
    points = metrics["creditgate_call_duration_seconds"].histogram.data_points
    counts = {
        tuple(sorted((a.key, a.value.string_value) for a in point.attributes)): point.count
        for point in points
    }
    assert counts[("code", "OK"), ("decision", "granted"), ("rpc", "Reserve")] == 3
    [replays] = metrics["creditgate_replays_total"].sum.data_points
    assert replays.as_double == 2
    assert collector.spans == []


async def test_no_key_account_or_name_leaves_in_what_is_exported_or_logged(
    database: Database, collector: Collector, tmp_path: Path
) -> None:
    port = free_port()
    environ = {
        "CREDITGATE_METRICS_LISTEN": f"127.0.0.1:{port}",
        "CREDITGATE_TRACE_RATIO": "1",
        "CREDITGATE_LOG_LEVEL": "debug",
    }
    async with served(database, collector, tmp_path, **environ) as (caller, account, server):
        await reserve(caller, account, "canary-hold")
        page = await asyncio.to_thread(_read, f"http://127.0.0.1:{port}/metrics")
        key = caller.key
    everything = page + "".join(map(str, collector.spans)) + str(collector.metrics)
    secret = key.split("_")[2]
    for word in (secret, account, "canary-hold"):
        assert word not in everything
    assert secret not in server.read_log()


def _read(url: str) -> str:
    with urllib.request.urlopen(url) as answer:  # noqa: S310 - our own address
        text: str = answer.read().decode()
    return text


def _milliseconds(span: Span) -> float:
    return (span.end_time_unix_nano - span.start_time_unix_nano) / 1e6
