"""Traces and figures. Nothing else imports OpenTelemetry's SDK.

`Telemetry` is made once per process and handed to those who have something to tell: `calls` to
the RPC layer, `batches` to the lanes, `metrics.work` to the workers; `counting` goes round the
ledger's `apply`.
"""

from __future__ import annotations

from creditgate_server.telemetry.export import (
    VERSION,
    Close,
    close_within,
    export_figures,
    export_spans,
    resource_of,
    serve_figures,
)
from creditgate_server.telemetry.metrics import Metrics
from creditgate_server.telemetry.observers import Batches, Calls
from creditgate_server.telemetry.options import Address, Options, TelemetryError
from creditgate_server.telemetry.results import Apply, Converse, counting, counting_replies
from creditgate_server.telemetry.tracing import (
    Ids,
    Member,
    Sampling,
    Tracing,
    current_ids,
    current_trace_id,
)

__all__ = [
    "Address",
    "Batches",
    "Calls",
    "Ids",
    "Member",
    "Metrics",
    "Options",
    "Sampling",
    "Telemetry",
    "TelemetryError",
    "Tracing",
    "current_ids",
    "current_trace_id",
]

_CLOSE_SECONDS_MAX = 3.0


class Telemetry:
    """What one process exports, and those it listens to.

    Raises TelemetryError when the Prometheus endpoint cannot listen. An unreachable collector is no
    error: exporting happens in threads of its own, and what cannot be sent is dropped and logged.
    """

    def __init__(self, options: Options | None = None) -> None:
        options = options or Options()
        self.metrics = Metrics(version=VERSION)
        self.metrics_address: Address | None = None
        self._closers: list[tuple[str, Close]] = []
        if options.metrics_listen is not None:
            self._serve(options.metrics_listen)
        self.tracing = self._export(options)
        self.calls = Calls(self.metrics, self.tracing)
        self.batches = Batches(self.metrics, self.tracing)

    def counting(self, apply: Apply) -> Apply:
        """Wrap the ledger's `apply` so that what its answers say is counted."""
        return counting(apply, self.metrics)

    def counting_replies(self, converse: Converse) -> Converse:
        """Wrap the same of conversations."""
        return counting_replies(converse, self.metrics)

    def close(self) -> None:
        """Send what is left and let go of threads and ports; waits a few seconds at most."""
        while self._closers:
            what, close = self._closers.pop()
            close_within(_CLOSE_SECONDS_MAX, close, what=what)

    def _serve(self, address: Address) -> None:
        self.metrics_address, close = serve_figures(self.metrics.registry, address)
        self._closers.append(("Prometheus endpoint", close))

    def _export(self, options: Options) -> Tracing:
        if not (options.traces or options.metrics):
            return Tracing(None, sampling=options.sampling)
        resource = resource_of(process_index=options.process_index)
        endpoint = options.otlp_endpoint
        if options.metrics:
            figures = export_figures(
                self.metrics.registry,
                resource,
                endpoint=endpoint,
                interval_seconds=options.metrics_interval_seconds,
            )
            self._closers.append(("figures", figures.close))
        if not options.traces:
            return Tracing(None, sampling=options.sampling)
        provider = export_spans(resource, endpoint=endpoint)
        self._closers.append(("spans", provider.shutdown))
        tracer = provider.get_tracer("creditgate_server", VERSION)
        return Tracing(tracer, sampling=options.sampling)
