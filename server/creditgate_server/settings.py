"""What can be set, from the environment: `CREDITGATE_` and the field's name in capitals."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Self, get_args, get_type_hints

from creditgate_server import bounds
from creditgate_server.bounds import OneOf, Within

PREFIX = "CREDITGATE_"
_TRUTH = dict.fromkeys(("1", "true", "yes", "on"), True) | dict.fromkeys(
    ("0", "false", "no", "off"), False
)
# For two look-ups of keys, the listener, the probe, the look at watched accounts and six
# background loops.
_CONNECTIONS_KEPT = 11
# Longer than anything is promised about names that come again.
_RETENTION_DAYS_MIN = 90


class SettingsError(ValueError):
    """A setting is missing or wrong; the text names the variable and says what would be right."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What one server process is told. Each field: its type, its bounds, its meaning, its default.

    `from_env` reads and checks; whoever builds it by hand calls `checked`.
    """

    database_url: Annotated[str, bounds.url, "PostgreSQL to keep the ledger in; required"] = field(
        repr=False
    )
    key_pepper: Annotated[str, bounds.pepper, "secret under which API keys are kept; required"] = (
        field(repr=False)
    )
    listen: Annotated[str, bounds.address, "host:port to serve on"] = "127.0.0.1:50051"
    workers: Annotated[int, Within(1, 64), "server processes that share the port"] = 1
    process_index: Annotated[
        int, Within(0, 64), "place among the processes that share the port; 0: it has its own"
    ] = 0
    reflection: Annotated[bool, "describe the API to callers without stubs"] = True

    tls_cert_file: Annotated[
        Path | None, bounds.file, "PEM certificate chain to serve TLS with"
    ] = None
    tls_key_file: Annotated[Path | None, bounds.file, "PEM private key of the certificate"] = None
    tls_client_ca_file: Annotated[
        Path | None, bounds.file, "PEM certificates that must have signed a client's: mutual TLS"
    ] = None
    allow_plaintext: Annotated[bool, "serve without TLS beyond this host"] = False

    pool_size: Annotated[int, Within(13, 200), "database connections of a process"] = 20
    connect_timeout_ms: Annotated[int, Within(100, 60_000), "to open a connection"] = 2_000
    acquire_timeout_ms: Annotated[
        int, Within(10, 60_000), "to get a connection, opened anew where need be"
    ] = 2_000
    statement_timeout_ms: Annotated[int, Within(100, 60_000), "a statement may take"] = 2_000
    lock_timeout_ms: Annotated[int, Within(10, 60_000), "a statement may wait for a lock"] = 300
    allow_unsafe_durability: Annotated[
        bool, "serve although fsync, synchronous_commit or full_page_writes is off"
    ] = False
    database_wait_seconds: Annotated[
        int, Within(0, 86_400), "a starting server waits for the database"
    ] = 120
    probe_interval_ms: Annotated[int, Within(50, 60_000), "between looks at the database"] = 1_000

    lanes: Annotated[int, Within(1, 64), "batches under way at once in a process"] = 2
    batch_size_max: Annotated[int, Within(1, 10_000), "operations in a batch"] = 256
    lane_queue_max: Annotated[int, Within(1, 1_000_000), "operations waiting in a lane"] = 4_096
    lane_reserve_queue_max: Annotated[
        int, Within(1, 1_000_000), "operations waiting that shed all but Commit and Release"
    ] = 2_048
    reads_max: Annotated[
        int, Within(1, 100_000), "reads and administrative calls under way at once"
    ] = 256

    call_deadline_default_ms: Annotated[
        int, Within(50, 60_000), "for a call that comes without a deadline"
    ] = 2_000
    call_deadline_max_ms: Annotated[int, Within(50, 60_000), "for any call on credits"] = 5_000
    admin_deadline_max_ms: Annotated[int, Within(50, 600_000), "for any administrative call"] = (
        10_000
    )
    drain_notice_ms: Annotated[
        int, Within(0, 60_000), "from NOT_SERVING to refusing calls, for balancers to look"
    ] = 1_000
    drain_timeout_ms: Annotated[int, Within(100, 600_000), "for accepted calls to end"] = 10_000
    connection_age_max_seconds: Annotated[
        int, Within(10, 86_400), "after which callers are asked to connect anew"
    ] = 600
    tenant_rate_per_second: Annotated[
        int, Within(0, 1_000_000), "calls of one tenant; 0: no limit"
    ] = 0
    tenant_burst: Annotated[
        int, Within(0, 10_000_000), "calls of one tenant at once; 0: those of a second"
    ] = 0

    exports_max: Annotated[int, Within(0, 1_000), "exports of activity under way in a process"] = 2
    watches_max: Annotated[int, Within(0, 100_000), "watches of accounts open in a process"] = 1_000
    tenant_watches_max: Annotated[
        int, Within(0, 100_000), "of these, of one tenant; 0: no limit of its own"
    ] = 0
    watch_interval_ms: Annotated[
        int, Within(20, 60_000), "between looks at the accounts that are watched"
    ] = 200
    watch_age_max_seconds: Annotated[
        int, Within(1, 86_400), "after which those who watch are asked to begin anew"
    ] = 3_600

    key_cache_ttl_ms: Annotated[int, Within(0, 300_000), "a looked-up API key is believed"] = 5_000
    key_cache_size: Annotated[int, Within(1, 1_000_000), "API keys remembered"] = 10_000

    run_workers: Annotated[bool, "do background work inside the server"] = True
    sweep_interval_ms: Annotated[int, Within(50, 3_600_000), "between sweeps of what expired"] = (
        1_000
    )
    sweep_batch_max: Annotated[int, Within(1, 1_000), "things one transaction of a sweep ends"] = (
        500
    )
    usage_interval_ms: Annotated[
        int, Within(50, 3_600_000), "between looks for usage to be summed up"
    ] = 2_000
    reconcile_interval_ms: Annotated[
        int, Within(1_000, 86_400_000), "between proofs of the ledger's rules"
    ] = 240_000
    retention_days: Annotated[
        int,
        Within(0, 36_500),
        "after which ended holds and their entries are archived, 90 at least; 0: never",
    ] = 0
    event_retention_days: Annotated[
        int, Within(1, 3_650), "for which events are kept once they were dispatched"
    ] = 30

    delivery_interval_ms: Annotated[
        int, Within(50, 60_000), "between looks for events to deliver"
    ] = 1_000
    deliveries_at_once: Annotated[int, Within(1, 256), "events on their way out of a process"] = 32
    delivery_timeout_ms: Annotated[
        int, Within(1_000, 60_000), "an attempt to deliver an event may take"
    ] = 15_000
    delivery_retention_days: Annotated[
        int, Within(1, 365), "deliveries that have ended can be listed"
    ] = 7
    webhook_allow_private: Annotated[
        bool, "send webhooks to private addresses, to any port, and without TLS, too"
    ] = False
    webhook_ca_file: Annotated[
        Path | None,
        bounds.file,
        "PEM certificates trusted besides the system's, by webhooks and mail",
    ] = None
    smtp_url: Annotated[
        str,
        bounds.smtp_or_empty,
        "smtp:// or smtps:// URL of the server that takes mail; empty: none",
    ] = field(default="", repr=False)
    smtp_from: Annotated[str, bounds.mail_or_empty, "address that mail comes from"] = ""

    dashboard_listen: Annotated[str, bounds.address, "host:port of the web page"] = "127.0.0.1:8080"
    dashboard_url: Annotated[
        str, bounds.origin_or_empty, "where browsers reach the web page, if not where it listens"
    ] = ""
    dashboard_proxies: Annotated[
        str, "addresses of proxies, by commas, whose X-Forwarded-For is believed"
    ] = ""
    dashboard_tls_cert_file: Annotated[
        Path | None, bounds.file, "PEM certificate chain to serve the web page with"
    ] = None
    dashboard_tls_key_file: Annotated[
        Path | None, bounds.file, "PEM private key of that certificate"
    ] = None
    dashboard_pool_size: Annotated[int, Within(2, 100), "database connections of the web page"] = 8
    dashboard_session_idle_seconds: Annotated[
        int, Within(60, 86_400), "after which staff who do nothing are logged out"
    ] = 1_800
    dashboard_session_max_seconds: Annotated[
        int, Within(60, 604_800), "after which staff have to log in again"
    ] = 43_200
    dashboard_pages_max: Annotated[
        int, Within(0, 10_000), "pages kept live at once; the others show what was"
    ] = 500

    otlp_endpoint: Annotated[str, "URL to send traces and metrics to by OTLP/gRPC"] = ""
    trace_ratio: Annotated[
        float, Within(0.0, 1.0), "of the calls that come without a trace is traced"
    ] = 0.01
    metrics_listen: Annotated[str, bounds.address_or_empty, "host:port of the Prometheus page"] = ""
    log_level: Annotated[
        str, OneOf(("debug", "info", "warning", "error")), "from which lines are logged"
    ] = "info"
    log_format: Annotated[str, OneOf(("json", "text")), "how lines are logged"] = "json"

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Read and check the settings. Raises `SettingsError`.

        Other variables that begin with `CREDITGATE_` are left alone: the client has some too.
        """
        given: dict[str, Any] = {}
        for option in options():
            raw = environ.get(option.variable, "").strip()
            if raw:
                given[option.name] = _parse(option, raw)
            elif option.name in _REQUIRED:
                raise SettingsError(f"{option.variable}: is not set ({option.meaning})")
        return cls(**given).checked()

    def checked(self) -> Self:
        """Answer the settings unchanged if all are right. Raises `SettingsError`."""
        for option in options():
            problem = option.check and option.check(getattr(self, option.name))
            if problem:
                raise SettingsError(f"{option.variable}: {problem}")
        for name, problem in self._contradictions():
            raise SettingsError(f"{_variable(name)}: {problem}")
        return self

    def with_(self, **changes: Any) -> Self:
        """Answer a checked copy with some fields changed. Raises `SettingsError`."""
        return replace(self, **changes).checked()

    def describe(self) -> list[tuple[str, str, str]]:
        """Answer (variable, value, meaning) of each setting; secrets are not shown."""
        rows = []
        for option in options():
            value = getattr(self, option.name)
            shown = "" if value is None else str(value)
            hidden = option.name in _SECRET and shown
            rows.append((option.variable, "***" if hidden else shown, option.meaning))
        return rows

    @property
    def reads_at_once(self) -> int:
        """How many connections are left for reads and administration; the rest has its own."""
        spare = self.pool_size - self._kept - self.lanes
        # Conversations have as many lanes again; a small pool lets them wait for each other.
        return max(spare - self.lanes, min(spare, 1))

    @property
    def _kept(self) -> int:
        # Whoever archives has a loop more.
        return _CONNECTIONS_KEPT + (self.retention_days > 0)

    @property
    def listens_locally(self) -> bool:
        """True when only this host can reach the listening address."""
        return _is_local(self.listen)

    @property
    def dashboard_base_url(self) -> str:
        """Where browsers reach the web page; `https://` when they come by TLS."""
        scheme = "https" if self.dashboard_tls_cert_file else "http"
        return self.dashboard_url.rstrip("/") or f"{scheme}://{self.dashboard_listen}"

    def _contradictions(self) -> Iterator[tuple[str, str]]:
        for prefix in ("", "dashboard_"):
            cert, key = f"{prefix}tls_cert_file", f"{prefix}tls_key_file"
            if (getattr(self, cert) is None) != (getattr(self, key) is None):
                yield cert, f"goes with {_variable(key)}: set both or neither"
        if self.tls_client_ca_file is not None and self.tls_cert_file is None:
            yield "tls_client_ca_file", f"needs {_variable('tls_cert_file')}"
        if self.smtp_url and not self.smtp_from:
            yield "smtp_from", f"goes with {_variable('smtp_url')}: set it to an address"
        if self.lane_reserve_queue_max > self.lane_queue_max:
            yield "lane_reserve_queue_max", f"must be at most {_variable('lane_queue_max')}"
        if self.reads_at_once < 1:
            least = self.lanes + self._kept + 1
            yield "pool_size", f"must be at least {least} for {self.lanes} lanes"
        if 0 < self.retention_days < _RETENTION_DAYS_MIN:
            problem = f"must be 0 or at least {_RETENTION_DAYS_MIN}, got {self.retention_days}"
            yield "retention_days", problem
        if self.call_deadline_default_ms > self.call_deadline_max_ms:
            yield "call_deadline_default_ms", f"must be at most {_variable('call_deadline_max_ms')}"
        for prefix in ("", "dashboard_"):
            listen = getattr(self, f"{prefix}listen")
            safe = getattr(self, f"{prefix}tls_cert_file") or self.allow_plaintext
            if not (safe or _is_local(listen)):
                yield f"{prefix}listen", _in_the_clear(listen, prefix)


_REQUIRED = frozenset({"database_url", "key_pepper"})
# A URL may hold a password.
_SECRET = _REQUIRED | {"smtp_url"}


class Option(NamedTuple):
    """One setting: its field, variable, type and meaning, and what finds a value wrong."""

    name: str
    variable: str
    kind: Any
    meaning: str
    check: Callable[[Any], str | None] | None


@cache
def options() -> tuple[Option, ...]:
    """Answer all settings in the order they are declared."""
    return tuple(
        _option(name, *get_args(hint))
        for name, hint in get_type_hints(Settings, include_extras=True).items()
    )


def _option(name: str, kind: Any, *notes: Any) -> Option:
    return Option(name, _variable(name), kind, notes[-1], notes[0] if notes[1:] else None)


def _is_local(listen: str) -> bool:
    host = listen.rpartition(":")[0].strip("[]")
    return host in {"localhost", "::1"} or host.startswith("127.")


def _in_the_clear(listen: str, prefix: str) -> str:
    tls = f"{_variable(f'{prefix}tls_cert_file')} and {_variable(f'{prefix}tls_key_file')}"
    return (
        f"other hosts reach {listen}, and API keys would travel to it in the clear: set"
        f" {tls}, or {_variable('allow_plaintext')}=true behind a proxy that speaks TLS"
    )


def _variable(name: str) -> str:
    return PREFIX + name.upper()


def _parse(option: Option, raw: str) -> Any:
    if option.kind is bool:
        if raw.lower() not in _TRUTH:
            raise SettingsError(f"{option.variable}: must be true or false, got {raw!r}")
        return _TRUTH[raw.lower()]
    if option.kind not in {int, float}:
        return raw if option.kind is str else Path(raw)
    try:
        return option.kind(raw)
    except ValueError:
        what = "a whole number" if option.kind is int else "a number"
        raise SettingsError(f"{option.variable}: must be {what}, got {raw!r}") from None
