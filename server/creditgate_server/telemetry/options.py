"""What to export, where, and whom to sample: our settings, then OpenTelemetry's own variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from creditgate_server.settings import Settings, SettingsError
from creditgate_server.telemetry.tracing import Sampling

_UNSAMPLED = Sampling(0.0)
_EXPORT_INTERVAL_MS = "60000"
_SIGNALS = ("TRACES", "METRICS")


class TelemetryError(SettingsError):
    """Telemetry cannot be set up as asked; the text names the variable and what would be right."""


class Address(NamedTuple):
    """Where the Prometheus endpoint listens."""

    host: str
    port: int


@dataclass(frozen=True, kw_only=True)
class Options:
    """What one process exports.

    `otlp_endpoint` None leaves the address to OpenTelemetry's own variables.
    """

    sampling: Sampling = _UNSAMPLED
    traces: bool = False
    metrics: bool = False
    otlp_endpoint: str | None = None
    metrics_interval_seconds: float = 60.0
    metrics_listen: Address | None = None
    process_index: int = 0

    @classmethod
    def resolve(cls, settings: Settings, *, environ: Mapping[str, str]) -> Options:
        """Merge our settings, which win, with OpenTelemetry's variables. Raises TelemetryError.

        Processes that share a port for calls answer Prometheus on ports of their own: the first one
        on that of the settings, the others on those that follow.
        """
        endpoint = settings.otlp_endpoint or None
        traces, metrics = (_exports(environ, signal, endpoint) for signal in _SIGNALS)
        if (traces or metrics) and environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc") != "grpc":
            raise TelemetryError(
                "OTEL_EXPORTER_OTLP_PROTOCOL: only grpc is supported (port 4317 of most collectors)"
            )
        ours = environ.get("CREDITGATE_TRACE_RATIO", "").strip()
        standard = None if ours else _sampling(environ)
        return cls(
            sampling=standard or Sampling(settings.trace_ratio),
            traces=traces,
            metrics=metrics,
            otlp_endpoint=endpoint,
            metrics_interval_seconds=_interval_seconds(environ),
            metrics_listen=_address(settings.metrics_listen, settings.process_index),
            process_index=settings.process_index,
        )


def _interval_seconds(environ: Mapping[str, str]) -> float:
    text = environ.get("OTEL_METRIC_EXPORT_INTERVAL", _EXPORT_INTERVAL_MS)
    if not text.isdecimal() or int(text) == 0:
        raise TelemetryError(
            f"OTEL_METRIC_EXPORT_INTERVAL: {text!r} is not a number of milliseconds above 0"
        )
    return int(text) / 1_000


def _address(listen: str, process_index: int) -> Address | None:
    if not listen:
        return None
    host, _, port = listen.rpartition(":")
    # Port 0 lets the system choose, for every process anew.
    offset = max(process_index - 1, 0)
    return Address(host.strip("[]"), int(port) and int(port) + offset)


def _exports(environ: Mapping[str, str], signal: str, ours: str | None) -> bool:
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    if environ.get(f"OTEL_{signal}_EXPORTER", "otlp").strip().lower() == "none":
        return False
    theirs = ("OTEL_EXPORTER_OTLP_ENDPOINT", f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT")
    return bool(ours) or any(environ.get(name) for name in theirs)


def _sampling(environ: Mapping[str, str]) -> Sampling | None:
    name = environ.get("OTEL_TRACES_SAMPLER", "").strip().lower()
    if not name:
        return None
    honours_caller = name.startswith("parentbased_")
    root = name.removeprefix("parentbased_")
    if root == "always_on":
        return Sampling(1.0, honours_caller=honours_caller)
    if root == "always_off":
        return Sampling(0.0, honours_caller=honours_caller)
    if root == "traceidratio":
        return Sampling(_ratio(environ), honours_caller=honours_caller)
    raise TelemetryError(
        f"OTEL_TRACES_SAMPLER: {name!r} is not known; use always_on, always_off or traceidratio, "
        "or one of them with parentbased_ before it"
    )


def _ratio(environ: Mapping[str, str]) -> float:
    text = environ.get("OTEL_TRACES_SAMPLER_ARG", "1")
    try:
        ratio = float(text)
    except ValueError:
        ratio = -1.0
    if not 0 <= ratio <= 1:
        raise TelemetryError(f"OTEL_TRACES_SAMPLER_ARG: {text!r} is not a number from 0 to 1")
    return ratio
