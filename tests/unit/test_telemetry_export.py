from __future__ import annotations

import socket
import urllib.request
from collections.abc import Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from uuid import uuid4

import pytest

from creditgate_server.domain.conversations import Reply, Utterance
from creditgate_server.domain.holds import Hold, HoldState
from creditgate_server.domain.operations import Operation, Verb
from creditgate_server.domain.outcomes import Outcome
from creditgate_server.domain.results import Result
from creditgate_server.settings import Settings
from creditgate_server.telemetry import Address, Options, Sampling, Telemetry, TelemetryError
from tests.support.otlp import Collector, attributes

METHOD = "/creditgate.v1.CreditAuthorizationService/Reserve"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
SETTINGS = Settings(database_url="postgresql:///x", key_pepper="p" * 32)
NO_ENVIRONMENT: MappingProxyType[str, str] = MappingProxyType({})


def page(telemetry: Telemetry, *, accept: str = "text/plain") -> str:
    assert telemetry.metrics_address is not None
    url = f"http://127.0.0.1:{telemetry.metrics_address.port}/metrics"
    request = urllib.request.Request(url, headers={"Accept": accept})
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - our own address
        text: str = answer.read().decode()
    return text


def test_the_prometheus_page_shows_what_was_recorded() -> None:
    telemetry = Telemetry(Options(metrics_listen=Address("127.0.0.1", 0)))
    try:
        telemetry.calls.finish(None, METHOD, "OK", "granted", 0.0021)
        telemetry.metrics.served.shed("lane_full")
        with telemetry.batches.batch(3, 0.001, []):
            pass
        telemetry.metrics.watch_lanes(lambda: 17)
        telemetry.metrics.watch_pool(lambda: (2, 6))
        telemetry.metrics.work.violations({"held": 0})
        text = page(telemetry)
    finally:
        telemetry.close()
    labels = 'code="OK",decision="granted"'
    for line in (
        f'creditgate_call_duration_seconds_bucket{{{labels},le="0.002",rpc="Reserve"}} 0.0',
        f'creditgate_call_duration_seconds_bucket{{{labels},le="0.003",rpc="Reserve"}} 1.0',
        'creditgate_sheds_total{reason="lane_full"} 1.0',
        "creditgate_batch_operations_sum 3.0",
        'creditgate_batch_duration_seconds_count{result="applied"} 1.0',
        "creditgate_lane_depth 17.0",
        'creditgate_pool_connections{state="in_use"} 2.0',
        'creditgate_reconciliation_violations{rule="held"} 0.0',
    ):
        assert line in text.splitlines()


def test_a_taken_port_is_told_with_the_setting_that_names_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(TelemetryError, match=f"CREDITGATE_METRICS_LISTEN.*{port}"):
            Telemetry(Options(metrics_listen=Address("127.0.0.1", port)))


def test_figures_by_otlp_are_those_of_the_page() -> None:
    with Collector() as collector:
        options = Options(
            metrics=True,
            otlp_endpoint=collector.endpoint,
            metrics_listen=Address("127.0.0.1", 0),
            metrics_interval_seconds=3_600,
            process_index=3,
        )
        telemetry = Telemetry(options)
        for seconds in (0.0004, 0.002, 0.002, 9.0):
            telemetry.calls.finish(None, METHOD, "OK", "granted", seconds)
        telemetry.metrics.served.uncollected(41)
        telemetry.metrics.work.swept(2)
        telemetry.metrics.watch_lanes(lambda: 17)
        text = page(telemetry)
        telemetry.close()
        metrics = collector.metrics

    [point] = metrics["creditgate_call_duration_seconds"].histogram.data_points
    assert point.count == 4
    assert point.sum == pytest.approx(9.0044)
    assert len(point.bucket_counts) == len(point.explicit_bounds) + 1
    by_bound = dict(zip([*point.explicit_bounds, float("inf")], point.bucket_counts, strict=True))
    assert {bound: n for bound, n in by_bound.items() if n} == {
        0.0005: 1,
        0.002: 2,
        float("inf"): 1,
    }
    assert {pair.key: pair.value.string_value for pair in point.attributes} == {
        "rpc": "Reserve",
        "code": "OK",
        "decision": "granted",
    }
    assert metrics["creditgate_call_duration_seconds"].unit == "s"
    [uncollected] = metrics["creditgate_uncollected_micros_total"].sum.data_points
    assert uncollected.as_double == 41
    assert metrics["creditgate_uncollected_micros_total"].sum.is_monotonic
    assert metrics["creditgate_lane_depth"].gauge.data_points[0].as_double == 17.0
    assert collector.resources[0]["service.name"] == "creditgate"
    assert collector.resources[0]["creditgate.process_index"] == "3"
    ours = {line.split("{")[0].split(" ")[0] for line in text.splitlines() if line[0] != "#"}
    for name in metrics:
        assert any(shown.startswith(name) for shown in ours), f"{name} is not on the page"


async def test_spans_are_exported_and_a_sampled_call_is_an_exemplar() -> None:
    with Collector() as collector:
        options = Options(
            sampling=Sampling(1.0),
            traces=True,
            otlp_endpoint=collector.endpoint,
            metrics_listen=Address("127.0.0.1", 0),
        )
        telemetry = Telemetry(options)
        span = telemetry.calls.start(METHOD, [])
        assert span is not None
        telemetry.calls.finish(span, METHOD, "OK", "granted", 0.002)
        text = page(telemetry, accept="application/openmetrics-text; version=1.0.0")
        telemetry.close()
        [received] = collector.spans
    assert attributes(received)["creditgate.decision"] == "granted"
    assert f'# {{trace_id="{received.trace_id.hex()}"}} 0.002' in text


def test_a_collector_that_is_away_costs_no_more_than_a_moment() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        telemetry = Telemetry(Options(metrics=True, otlp_endpoint=endpoint))
        telemetry.calls.finish(None, METHOD, "OK", "granted", 0.001)
        started = datetime.now(UTC)
        telemetry.close()
        assert (datetime.now(UTC) - started).total_seconds() < 5


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, (False, False, Sampling(0.01))),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x:4317"}, (True, True, Sampling(0.01))),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://x:4317"}, (True, False, Sampling(0.01))),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x:4317", "OTEL_METRICS_EXPORTER": "none"},
            (True, False, Sampling(0.01)),
        ),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x:4317", "OTEL_SDK_DISABLED": "true"},
            (False, False, Sampling(0.01)),
        ),
        (
            {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.25"},
            (False, False, Sampling(0.25)),
        ),
        (
            {"OTEL_TRACES_SAMPLER": "always_on"},
            (False, False, Sampling(1.0, honours_caller=False)),
        ),
    ],
)
def test_opentelemetrys_own_variables_mean_what_they_always_mean(
    environ: dict[str, str], expected: tuple[bool, bool, Sampling]
) -> None:
    options = Options.resolve(SETTINGS, environ=environ)
    assert (options.traces, options.metrics, options.sampling) == expected


def test_our_settings_win_over_opentelemetrys() -> None:
    settings = SETTINGS.with_(otlp_endpoint="http://ours:4317", trace_ratio=0.5)
    options = Options.resolve(
        settings,
        environ={
            "CREDITGATE_TRACE_RATIO": "0.5",
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://theirs:4317",
            "OTEL_TRACES_SAMPLER": "always_off",
        },
    )
    assert options.otlp_endpoint == "http://ours:4317"
    assert options.sampling == Sampling(0.5)


@pytest.mark.parametrize(
    "environ",
    [
        {"OTEL_TRACES_SAMPLER": "jaeger_remote"},
        {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "2"},
        {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "half"},
        {"OTEL_METRIC_EXPORT_INTERVAL": "0"},
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name(environ: dict[str, str]) -> None:
    with pytest.raises(TelemetryError, match=r"^OTEL_(TRACES_SAMPLER|METRIC_EXPORT)"):
        Options.resolve(SETTINGS, environ=environ)


def test_a_protocol_we_do_not_speak_is_refused_only_where_something_is_exported() -> None:
    environ = {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}
    assert Options.resolve(SETTINGS, environ=environ).traces is False
    with pytest.raises(TelemetryError, match="OTEL_EXPORTER_OTLP_PROTOCOL"):
        Options.resolve(SETTINGS.with_(otlp_endpoint="http://x:4317"), environ=environ)


def test_each_process_of_a_server_has_a_page_of_its_own() -> None:
    settings = SETTINGS.with_(metrics_listen="0.0.0.0:9464")
    ports = [
        Options.resolve(settings.with_(process_index=i), environ=NO_ENVIRONMENT).metrics_listen
        for i in range(4)
    ]
    assert ports == [Address("0.0.0.0", port) for port in (9464, 9464, 9465, 9466)]  # noqa: S104


def result(*, replayed: bool = False, charged: int = 0, missing: int = 0, late: bool) -> Result:
    hold = Hold("h", HoldState.COMMITTED, 10, 0, 10, 10, 0, 0, NOW, NOW, NOW, late, "", None)
    return Result(Outcome.ACCEPTED, 0, 0, None, replayed, charged, missing, hold, None)


async def test_replays_late_commits_and_uncollected_usage_are_counted_as_they_pass() -> None:
    commit = Operation(Verb.COMMIT, 0, uuid4(), "h", used_micros=5)
    reserve = commit._replace(verb=Verb.RESERVE)
    answers = [
        result(late=True, charged=5),
        result(late=True),  # the same Commit again: it was late once
        result(late=False, replayed=True),
        result(late=True, missing=7),
    ]

    async def apply(_: list[Operation]) -> Sequence[Result]:
        return answers

    telemetry = Telemetry()
    counted = telemetry.counting(apply)
    assert await counted([commit, commit, reserve, commit]) is answers
    value = telemetry.metrics.registry.get_sample_value
    assert value("creditgate_late_commits_total") == 2
    assert value("creditgate_uncollected_micros_total") == 7
    assert value("creditgate_replays_total", {"operation": "reserve"}) == 1


async def test_what_replies_say_about_usage_is_counted() -> None:
    def reply(*, late: bool = False, missing: int = 0) -> Reply:
        return Reply(
            Outcome.ACCEPTED, 0, 0, None, replayed=False, opened=False, charged_micros=1,
            uncollected_micros=missing, late=late, limit_name=None, balance=None, session=None,
            result=None,
        )  # fmt: skip

    answers = [reply(late=True), reply(missing=7), reply()]

    async def converse(_: list[Utterance]) -> Sequence[Reply]:
        return answers

    telemetry = Telemetry()
    assert await telemetry.counting_replies(converse)([]) is answers
    value = telemetry.metrics.registry.get_sample_value
    assert value("creditgate_late_commits_total") == 1
    assert value("creditgate_uncollected_micros_total") == 7
