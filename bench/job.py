"""What a driver process is asked to do, and what it answers: one line of JSON each."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from bench.line import Line


@dataclass(frozen=True, kw_only=True)
class Job(Line):
    """A load.

    With `rate` 0 the loop is closed: `in_flight` calls are under way, the next begins when one
    ends. With a rate it is open: calls begin at their times, however late the answers are, and a
    latency counts from the time the call was to begin. `work` names what is called; accounts are
    `account-0` to `account-<accounts - 1>`; `names` begins the names of all holds.
    """

    host: str
    port: int
    api_key: str
    work: str
    names: str
    accounts: int = 10_000
    in_flight: int = 1
    rate: float = 0.0
    connections: int = 8
    warm_seconds: float = 1.0
    seconds: float = 4.0
    calls_max: int = 0
    timeout_seconds: int = 30
    seed: int = 1


@dataclass(kw_only=True)
class Measured(Line):
    """What came of a job.

    `calls` ended within `seconds`, the measured time; those of a batch count each. `latency_ms` is
    of what was sent, by kind.
    `answered` counts all answers of the job by verdict, those before and after the measured time
    included: it is what must be found in the database. `late_ms` is by how much the driver itself
    was late to begin calls of an open loop.
    """

    calls: int
    seconds: float
    latency_ms: dict[str, dict[str, float]]
    answered: dict[str, int]
    late_ms: dict[str, float] = field(default_factory=dict)
    cpu_us_per_call: dict[str, float] = field(default_factory=dict)

    @property
    def per_second(self) -> float:
        return self.calls / self.seconds

    def facts(self) -> dict[str, Any]:
        """The figures for a result file."""
        return {"per_second": round(self.per_second, 1)} | asdict(self)
