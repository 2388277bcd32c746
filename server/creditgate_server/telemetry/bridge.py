"""The registry's figures as OTLP says them, so that both ways out tell the same."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import pairwise
from threading import Event, Thread
from time import time_ns
from typing import Any

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricExporter,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from prometheus_client import CollectorRegistry
from prometheus_client import Metric as Family
from prometheus_client.samples import Sample

_log = logging.getLogger(__name__)
_CUMULATIVE = AggregationTemporality.CUMULATIVE
_UNITS = {"_seconds": "s", "_bytes": "By", "_micros": "{micro-credit}"}
Labels = tuple[tuple[str, str], ...]


class FiguresExporter:
    """Exports a Prometheus registry by OTLP every `interval_seconds`, and once more when closed.

    The SDK's own instruments cost ten times as much per record and would have to be told
    everything a second time.
    """

    def __init__(
        self,
        exporter: MetricExporter,
        registry: CollectorRegistry,
        *,
        resource: Resource,
        scope: InstrumentationScope,
        interval_seconds: float,
    ) -> None:
        self._exporter = exporter
        self._registry = registry
        self._resource = resource
        self._scope = scope
        self._interval_seconds = interval_seconds
        self._started_ns = time_ns()
        self._closing = Event()
        self._thread = Thread(target=self._run, name="export figures", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Export what is new and end the thread."""
        self._closing.set()
        self._thread.join()
        self._exporter.shutdown()

    def _run(self) -> None:
        while not self._closing.wait(self._interval_seconds):
            self._export()
        self._export()

    def _export(self) -> None:
        try:
            metrics = convert(self._registry, started_ns=self._started_ns, at_ns=time_ns())
            scopes = [ScopeMetrics(self._scope, list(metrics), "")]
            self._exporter.export(MetricsData([ResourceMetrics(self._resource, scopes, "")]))
        except Exception:  # noqa: BLE001 - logged; see below
            # The thread must outlive what one figure or one answer of the collector does to it.
            _log.exception("could not export the figures")


def convert(registry: CollectorRegistry, *, started_ns: int, at_ns: int) -> Iterator[Metric]:
    """Turn every family of the registry into the OTLP metric of the same name.

    Sums and histograms are cumulative since `started_ns`.
    """
    for family in registry.collect():
        data = _data(family, started_ns, at_ns)
        if data.data_points:
            yield Metric(_name(family), family.documentation, _unit(family.name), data)


def _data(family: Family, started_ns: int, at_ns: int) -> Sum | Gauge | Histogram:
    if family.type == "histogram":
        points = [_histogram(s, started_ns, at_ns) for s in _by_labels(family).values()]
        return Histogram(points, _CUMULATIVE)
    numbers = [
        NumberDataPoint(dict(s.labels), started_ns, at_ns, float(s.value)) for s in family.samples
    ]
    if family.type == "counter":
        return Sum(numbers, _CUMULATIVE, is_monotonic=True)
    return Gauge(numbers)


def _by_labels(family: Family) -> dict[Labels, list[Sample]]:
    groups: dict[Labels, list[Sample]] = {}
    for sample in family.samples:
        labels = tuple(item for item in sample.labels.items() if item[0] != "le")
        groups.setdefault(labels, []).append(sample)
    return groups


def _histogram(samples: list[Sample], started_ns: int, at_ns: int) -> HistogramDataPoint:
    """Make one point of one label set's samples.

    Prometheus counts what is in a bucket and all below it, OTLP what is in the bucket.
    """
    buckets = [(s.labels["le"], int(s.value)) for s in samples if s.name.endswith("_bucket")]
    totals = [0, *(count for _, count in buckets)]
    unknown: Any = None  # the registry keeps no extremes, and OTLP can leave them out
    return HistogramDataPoint(
        attributes={k: v for k, v in samples[0].labels.items() if k != "le"},
        start_time_unix_nano=started_ns,
        time_unix_nano=at_ns,
        count=totals[-1],
        sum=next(s.value for s in samples if s.name.endswith("_sum")),
        bucket_counts=[after - before for before, after in pairwise(totals)],
        explicit_bounds=[float(bound) for bound, _ in buckets if bound != "+Inf"],
        min=unknown,
        max=unknown,
    )


def _name(family: Family) -> str:
    return f"{family.name}_total" if family.type == "counter" else family.name


def _unit(name: str) -> str:
    return next((unit for suffix, unit in _UNITS.items() if name.endswith(suffix)), "1")
