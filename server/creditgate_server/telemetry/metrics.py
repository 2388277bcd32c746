"""The figures of one server process: cheap to record, exported to Prometheus and by OTLP alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from creditgate_server.domain.figures import Archived

_CALL_SECONDS = (0.0005, 0.001, 0.0015, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.1)
_SLOW_SECONDS = (0.25, 0.5, 1.0, 2.0, 5.0)
_DELIVERY_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0, 60.0)
_BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
_SERIES_MAX = 2_000

# Otherwise every series has a twin that tells when it began: Prometheus finds out by itself.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """Every figure a server process exports; see docs/telemetry.md for what each one means.

    Recording one call costs about a microsecond: children are looked up in a dictionary of our
    own, and what can be read when somebody asks (lane depth, pool) is not recorded at all.
    """

    def __init__(self, *, version: str) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        self.served = _Served(self.registry)
        self.shared = _Shared(self.registry)
        self.work = _Work(self.registry)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        build = Gauge(
            "creditgate_build_info", "1; the label says which version runs.", ["version"],
            registry=self.registry,
        )  # fmt: skip
        build.labels(version).set(1)

    def watch_lanes(self, depth: Callable[[], int]) -> None:
        """Export the lanes: `depth` answers how many operations wait in them."""
        self.registry.register(_LaneDepth(depth))

    def watch_watches(self, count: Callable[[], int]) -> None:
        """Export the watches: `count` answers how many are open."""
        self.registry.register(_OpenWatches(count))

    def watch_pool(self, usage: Callable[[], tuple[int, int]]) -> None:
        """Export the pool: `usage` answers how many connections are (in use, idle)."""
        self.registry.register(_PoolUsage(usage))


class _Served:
    """What this process answered."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._calls = Histogram(
            "creditgate_call_duration_seconds",
            "Time from the call's arrival to its answer.",
            ["rpc", "code", "decision"],
            buckets=_CALL_SECONDS + _SLOW_SECONDS,
            registry=registry,
        )
        self._replays = Counter(
            "creditgate_replays",
            "Operations that repeated a name decided before.",
            ["operation"],
            registry=registry,
        )
        self._sheds = Counter(
            "creditgate_sheds",
            "Calls refused NOT_EXECUTED or RATE_LIMITED before they reached the database.",
            ["reason"],
            registry=registry,
        )
        self._late = Counter(
            "creditgate_late_commits",
            "Commits that reported usage after their hold had expired.",
            registry=registry,
        )
        self._uncollected = Counter(
            "creditgate_uncollected_micros",
            "Usage that no credits could be found for, in micro-credits.",
            registry=registry,
        )
        self._series: dict[tuple[str, str, str], Histogram] = {}

    def call(
        self, rpc: str, code: str, decision: str, seconds: float, *, trace_id: str | None
    ) -> None:
        """Record one answered call; a sampled one leaves its trace id as an exemplar."""
        child = self._series.get((rpc, code, decision)) or self._admit(rpc, code, decision)
        child.observe(seconds, None if trace_id is None else {"trace_id": trace_id})

    def replay(self, operation: str) -> None:
        """Record an operation whose name had been decided before."""
        self._replays.labels(operation).inc()

    def shed(self, reason: str) -> None:
        """Record a call refused for want of capacity; `reason` is one of a fixed few."""
        self._sheds.labels(reason).inc()

    def late(self) -> None:
        """Record a Commit that came after its hold had expired."""
        self._late.inc()

    def uncollected(self, micros: int) -> None:
        """Record usage that could not be charged."""
        self._uncollected.inc(micros)

    def _admit(self, rpc: str, code: str, decision: str) -> Histogram:
        # Label values come from our own tables; the bound keeps a mistake there out of the memory.
        if len(self._series) >= _SERIES_MAX:
            return self._calls.labels("other", "other", "other")
        child = self._calls.labels(rpc, code, decision)
        self._series[rpc, code, decision] = child
        return child


class _Shared:
    """The batches that carry the operations of many calls."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._sizes = Histogram(
            "creditgate_batch_operations",
            "Operations that left together in one batch.",
            buckets=_BATCH_SIZES,
            registry=registry,
        )
        self._waits = Histogram(
            "creditgate_lane_wait_seconds",
            "Time the oldest operation of each batch waited for the batch to leave.",
            buckets=_CALL_SECONDS + _SLOW_SECONDS,
            registry=registry,
        )
        self._seconds = Histogram(
            "creditgate_batch_duration_seconds",
            "Time the database took for one batch, by how it ended.",
            ["result"],
            buckets=_CALL_SECONDS + _SLOW_SECONDS,
            registry=registry,
        )
        self._applied = self._seconds.labels("applied")

    def started(self, size: int, waited_seconds: float) -> None:
        """Record a batch that leaves, and how long its oldest operation had waited."""
        self._sizes.observe(size)
        self._waits.observe(waited_seconds)

    def finished(self, seconds: float, *, error: str | None) -> None:
        """Record how long the database took; `error` names what went wrong, None when applied."""
        child = self._applied if error is None else self._seconds.labels(error)
        child.observe(seconds)


class _Work:
    """Background work, and what it found in the database."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, meaning: str, *labels: str) -> Gauge:
            return Gauge(f"creditgate_{name}", meaning, labels, registry=registry)

        self._swept = Counter(
            "creditgate_swept", "Expired holds and grants ended by this process.", registry=registry
        )
        self._archived = Counter(
            "creditgate_archived",
            "Rows of the ledger that this process moved into the archive.",
            ["table"],
            registry=registry,
        )
        self._rounds = Counter(
            "creditgate_loop_rounds",
            "Rounds of a background loop, by how they ended.",
            ["loop", "result"],
            registry=registry,
        )
        self._seconds = gauge("loop_round_seconds", "Length of the last round of a loop.", "loop")
        self._finished = gauge(
            "loop_last_success_timestamp_seconds", "When a loop last ended a round well.", "loop"
        )
        self._holds = _Measured(
            ("creditgate_holds_open", "Open holds in the database."),
            ("creditgate_held_micros", "Credits set aside by open holds, in micro-credits."),
            ("creditgate_oldest_open_hold_seconds", "Age of the oldest open hold."),
            (
                "creditgate_sweep_lag_seconds",
                "How long the longest expired hold has waited for the sweep.",
            ),
            (
                "creditgate_offline_exposure_micros",
                "What open calls may cost beyond what they were granted while nobody answers.",
            ),
            ("creditgate_unbounded_calls", "Open calls that may go on for ever then."),
        )
        registry.register(self._holds)
        self._attempts = Histogram(
            "creditgate_delivery_duration_seconds",
            "Time of an attempt to deliver an event, by how it ended.",
            ["result"],
            buckets=_DELIVERY_SECONDS,
            registry=registry,
        )
        self._backlog = _Measured(
            ("creditgate_deliveries_pending", "Deliveries of events that wait to be made."),
            ("creditgate_oldest_delivery_seconds", "How long the oldest of them has waited."),
            ("creditgate_deliveries_dead", "Deliveries given up, and kept to be sent again."),
        )
        registry.register(self._backlog)
        self._summed = Counter(
            "creditgate_usage_entries",
            "Entries of the ledger that this process summed up.",
            registry=registry,
        )
        self._unsummed = _Measured(
            ("creditgate_usage_accounts_behind", "Accounts with enough to be summed up."),
            ("creditgate_usage_changes_behind", "Changes of accounts that are not summed up."),
        )
        registry.register(self._unsummed)
        self._violations = gauge(
            "reconciliation_violations",
            "Accounts found to break a rule, in the last round.",
            "rule",
        )

    def swept(self, count: int) -> None:
        """Record holds and grants ended because their time was over."""
        self._swept.inc(count)

    def archived(self, found: Archived) -> None:
        """Record what was moved into the archive."""
        self._archived.labels("holds").inc(found.holds)
        self._archived.labels("entries").inc(found.entries)

    def round_finished(self, loop: str, *, seconds: float, at_seconds: float) -> None:
        """Record a round that ended well, `at_seconds` since the epoch."""
        self._rounds.labels(loop, "ok").inc()
        self._seconds.labels(loop).set(seconds)
        self._finished.labels(loop).set(at_seconds)

    def round_failed(self, loop: str) -> None:
        """Record a round that ended in an error."""
        self._rounds.labels(loop, "error").inc()

    def holds(
        self,
        *,
        open_count: int,
        held_micros: int,
        oldest_seconds: float,
        overdue_seconds: float,
        offline_micros: int,
        unbounded_calls: int,
    ) -> None:
        """Set what the database holds at this moment; ages are by the database's clock."""
        self._holds.values = (
            open_count,
            held_micros,
            oldest_seconds,
            overdue_seconds,
            offline_micros,
            unbounded_calls,
        )

    def delivered(self, result: str, *, seconds: float) -> None:
        """Record an attempt to deliver an event; `result` is one of a fixed few."""
        self._attempts.labels(result).observe(seconds)

    def backlog(self, *, pending: int, oldest_seconds: float, dead: int) -> None:
        """Set what waits to be delivered; the age is by the database's clock."""
        self._backlog.values = (pending, oldest_seconds, dead)

    def rolled_up(self, entries: int) -> None:
        """Record entries that were summed up."""
        self._summed.inc(entries)

    def unsummed(self, *, accounts: int, changes: int) -> None:
        """Set how far the sums are behind the ledger."""
        self._unsummed.values = (accounts, changes)

    def violations(self, accounts_by_rule: Mapping[str, int]) -> None:
        """Set how many accounts break each rule; with 0 for those that hold, to clear alerts."""
        for rule, accounts in accounts_by_rule.items():
            self._violations.labels(rule).set(accounts)


class _Measured(Collector):
    """What the database holds; nothing, rather than zeros, where nobody has looked."""

    def __init__(self, *families: tuple[str, str]) -> None:
        self._families = families
        self.values: tuple[float, ...] = ()

    def collect(self) -> Iterator[Metric]:
        for (name, meaning), value in zip(self._families, self.values, strict=False):
            yield GaugeMetricFamily(name, meaning, value=value)


class _LaneDepth(Collector):
    def __init__(self, depth: Callable[[], int]) -> None:
        self._depth = depth

    def collect(self) -> Iterator[Metric]:
        meaning = "Operations that wait in the lanes of this process."
        yield GaugeMetricFamily("creditgate_lane_depth", meaning, value=self._depth())


class _OpenWatches(Collector):
    def __init__(self, count: Callable[[], int]) -> None:
        self._count = count

    def collect(self) -> Iterator[Metric]:
        meaning = "Watches of accounts that are open in this process."
        yield GaugeMetricFamily("creditgate_watches_open", meaning, value=self._count())


class _PoolUsage(Collector):
    def __init__(self, usage: Callable[[], tuple[int, int]]) -> None:
        self._usage = usage

    def collect(self) -> Iterator[Metric]:
        in_use, idle = self._usage()
        family = GaugeMetricFamily(
            "creditgate_pool_connections", "Database connections of this process.", labels=["state"]
        )
        family.add_metric(["in_use"], in_use)
        family.add_metric(["idle"], idle)
        yield family
