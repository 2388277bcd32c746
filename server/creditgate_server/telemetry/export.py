"""The ways out of the process: spans and figures by OTLP, figures by a Prometheus endpoint."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from importlib.metadata import version

from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from prometheus_client import CollectorRegistry, start_http_server

from creditgate_server.telemetry.bridge import FiguresExporter
from creditgate_server.telemetry.options import Address, TelemetryError

VERSION = version("creditgate-server")
_SCOPE = InstrumentationScope("creditgate_server", VERSION)
_CLOSE_SECONDS_MAX = 3.0
_log = logging.getLogger(__name__)

Close = Callable[[], None]


def resource_of(*, process_index: int) -> Resource:
    """Say who exports; `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` win over what we say."""
    ours = Resource(
        {
            "service.name": "creditgate",
            "service.version": VERSION,
            "creditgate.process_index": process_index,
        }
    )
    return Resource.create().merge(ours).merge(OTELResourceDetector().detect())


def export_spans(resource: Resource, *, endpoint: str | None) -> TracerProvider:
    """Export every span that is begun: which ones are is decided before, in `tracing`."""
    provider = TracerProvider(resource=resource, sampler=ALWAYS_ON, shutdown_on_exit=False)
    exporter = OTLPSpanExporter(endpoint=endpoint, insecure=_plain(endpoint))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def export_figures(
    registry: CollectorRegistry,
    resource: Resource,
    *,
    endpoint: str | None,
    interval_seconds: float,
) -> FiguresExporter:
    """Export the registry by OTLP at intervals, and once more at the end."""
    exporter = OTLPMetricExporter(endpoint=endpoint, insecure=_plain(endpoint))
    return FiguresExporter(
        exporter, registry, resource=resource, scope=_SCOPE, interval_seconds=interval_seconds
    )


def serve_figures(registry: CollectorRegistry, address: Address) -> tuple[Address, Close]:
    """Answer Prometheus over HTTP from a thread. Raises TelemetryError.

    Says where, since the port asked for may be 0, and how to end it.
    """
    try:
        server, thread = start_http_server(address.port, address.host, registry)
    except OSError as error:
        raise TelemetryError(
            f"CREDITGATE_METRICS_LISTEN: cannot listen on {address.host}:{address.port} "
            f"({error.strerror}); choose another address, or leave it empty for none"
        ) from error

    def close() -> None:
        server.shutdown()
        server.server_close()
        thread.join(_CLOSE_SECONDS_MAX)

    return address._replace(port=server.server_port), close


def close_within(seconds: float, close: Close, *, what: str) -> None:
    """Give `close` a while, and say so when a collector that does not answer takes longer."""
    thread = threading.Thread(target=close, daemon=True, name=f"close {what}")
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        _log.warning("gave up sending the last %s: the collector does not answer", what)


def _plain(endpoint: str | None) -> bool | None:
    # Ours without a scheme means plain text; what OpenTelemetry's variables mean is left to it.
    return None if endpoint is None or "://" in endpoint else True
