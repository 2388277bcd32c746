"""What tracing one call in a hundred costs, exporting by OTLP, beside the same server without."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from statistics import median
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as trace_pb2

from bench.figures import ratio
from bench.job import Measured
from bench.loads import Bench, check
from bench.section import Ask, Section
from bench.stack import running

ROUNDS = 6
IN_FLIGHT = 64


class Collector(grpc.GenericRpcHandler):
    """Takes all exports, and counts the spans among them."""

    def __init__(self) -> None:
        self.spans = 0
        self.endpoint = ""
        self._traces: Any = grpc.unary_unary_rpc_method_handler(self._count)
        self._others: Any = grpc.unary_unary_rpc_method_handler(self._drop)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        traces = "TraceService" in str(handler_call_details.method)
        return self._traces if traces else self._others

    async def _count(self, request: bytes, _: Any) -> bytes:
        export = trace_pb2.ExportTraceServiceRequest.FromString(request)
        self.spans += sum(len(s.spans) for r in export.resource_spans for s in r.scope_spans)
        return b""

    async def _drop(self, request: bytes, _: Any) -> bytes:
        return b""


async def run(bench: Bench) -> Section:
    found: dict[str, list[Measured]] = {"off": [], "1 %": []}
    async with (
        collector() as target,
        bench.cluster.database() as database,
        running("lanes", database, CREDITGATE_TRACE_RATIO="0") as off,
        running("lanes", database, CREDITGATE_TRACE_RATIO="0.01",
                CREDITGATE_OTLP_ENDPOINT=target.endpoint) as on,
    ):  # fmt: skip
        for number in range(ROUNDS):
            # Each goes first every other time.
            pairs = [("off", off), ("1 %", on)]
            for name, server in pairs if number % 2 else reversed(pairs):
                job = bench.job(
                    server,
                    database,
                    names=f"{name[0]}-{number}-",
                    in_flight=IN_FLIGHT,
                    connections=4,
                )
                measured = await bench.measure(f"tracing {name}", server, job)
                await check("lanes", database, job, measured)
                found[name].append(measured)
    calls = sum(sum(each.answered.values()) for each in found["1 %"])
    return _section(found, spans=target.spans, calls=calls)


def _section(found: dict[str, list[Measured]], *, spans: int, calls: int) -> Section:
    cpu = {
        name: median(each.cpu_us_per_call["server"] for each in rounds)
        for name, rounds in found.items()
    }
    added = (ratio(cpu["1 %"], cpu["off"]) - 1) * 100
    return Section(
        title=f"Tracing, {IN_FLIGHT} in flight, 10,000 accounts",
        columns=("tracing", "calls/s", "p50 ms", "p99 ms", "server us/call"),
        rows=[
            (
                name,
                median(each.per_second for each in rounds),
                *(median(each.latency_ms["reserve"][p] for each in rounds) for p in ("p50", "p99")),
                cpu[name],
            )
            for name, rounds in found.items()
        ],
        asks=[
            Ask.at_most(
                "tracing at 1 %, processor time added to the server's",
                wanted=10,
                measured=added,
                unit="%",
            )
        ],
        notes=[
            f"Medians of {ROUNDS} rounds, in turns.",
            f"The collector received {spans:,} spans of {calls:,} calls.",
        ],
        figures={name: [each.facts() for each in rounds] for name, rounds in found.items()}
        | {"spans": spans, "calls": calls},
    )


@asynccontextmanager
async def collector() -> AsyncIterator[Collector]:
    """Run a collector in this process, which is not measured."""
    target = Collector()
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((target,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    target.endpoint = f"http://127.0.0.1:{port}"
    try:
        yield target
    finally:
        await server.stop(0)
