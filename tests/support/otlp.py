"""A collector for tests: receives what OTLP exporters really send."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from types import TracebackType
from typing import Any, Self

import grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2_grpc as metrics_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as trace_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as trace_grpc
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span

_WAIT_SECONDS = 10.0


class Collector:
    """Listens on a port of its own; what arrives can be read, or waited for."""

    def __init__(self) -> None:
        self._arrived = threading.Condition()
        self._spans: list[Span] = []
        self._metrics: dict[str, Metric] = {}
        self.resources: list[dict[str, str]] = []
        self._server = grpc.server(futures.ThreadPoolExecutor(2))
        self._port = self._server.add_insecure_port("127.0.0.1:0")
        trace_grpc.add_TraceServiceServicer_to_server(_Traces(self), self._server)  # type: ignore[no-untyped-call]
        metrics_grpc.add_MetricsServiceServicer_to_server(_Metrics(self), self._server)  # type: ignore[no-untyped-call]

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def spans(self) -> list[Span]:
        with self._arrived:
            return list(self._spans)

    @property
    def metrics(self) -> dict[str, Metric]:
        """The last export of every metric, by name."""
        with self._arrived:
            return dict(self._metrics)

    def wait_for_spans(self, enough: Callable[[list[Span]], bool]) -> list[Span]:
        """The spans received, as soon as they are enough."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: enough(self._spans), _WAIT_SECONDS):
                names = [span.name for span in self._spans]
                raise TimeoutError(f"only these spans arrived: {names}")
            return list(self._spans)

    def receive_spans(self, request: Any) -> None:
        with self._arrived:
            for resource_spans in request.resource_spans:
                self.resources.append(_attributes(resource_spans.resource))
                for scope in resource_spans.scope_spans:
                    self._spans.extend(scope.spans)
            self._arrived.notify_all()

    def receive_metrics(self, request: Any) -> None:
        with self._arrived:
            for resource_metrics in request.resource_metrics:
                self.resources.append(_attributes(resource_metrics.resource))
                for scope in resource_metrics.scope_metrics:
                    self._metrics.update({metric.name: metric for metric in scope.metrics})
            self._arrived.notify_all()

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.stop(None).wait()


class _Traces(trace_grpc.TraceServiceServicer):
    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    def Export(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        self._collector.receive_spans(request)
        return trace_pb2.ExportTraceServiceResponse()


class _Metrics(metrics_grpc.MetricsServiceServicer):
    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    def Export(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        self._collector.receive_metrics(request)
        return metrics_pb2.ExportMetricsServiceResponse()


def attributes(span: Span) -> dict[str, str]:
    """A span's attributes as text."""
    return _attributes(span)


def _attributes(holder: Any) -> dict[str, str]:
    return dict(_pairs(holder))


def _pairs(holder: Any) -> Iterator[tuple[str, str]]:
    for pair in holder.attributes:
        field = pair.value.WhichOneof("value")
        yield pair.key, str(getattr(pair.value, field)) if field else ""
