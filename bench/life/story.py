"""What a process of callers is to live through, and what it tells: one line of JSON each."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from bench.line import Line


@dataclass(frozen=True, kw_only=True)
class Story(Line):
    """Times are seconds of the story, `factor` of which pass in a real one.

    `kind` says who calls: gateways with so many lines (`calls`), the same lines with the client's
    own calls (`clients`), which count by the clock and not by what was drawn, or so many users
    (`chat`). They spend from the accounts `rich-0` to `rich-<rich - 1>`, which have more than they
    can use, and `poor-0` to `poor-<poor - 1>`, of which each second one is given `topup_micros` at
    `topup_at`.
    What happens from `warm_until` to `ends_at` is measured; then all that is under way is ended.
    What is used may differ by `tolerance` from what was drawn.
    At each of `cuts` all connections break; at `crash_at`, one line in twenty crashes. What is
    forgotten stays held for `hold_seconds`, real ones.
    """

    host: str
    port: int
    api_key: str
    kind: str
    actors: int
    rich: int
    poor: int = 0
    seed: int = 1
    factor: float = 1.0
    hold_seconds: float = 60.0
    warm_until: float = 60.0
    ends_at: float = 300.0
    topup_at: float = 0.0
    topup_micros: int = 0
    cuts: tuple[float, ...] = ()
    crash_at: float = 0.0
    tolerance: int = 0

    @property
    def target(self) -> str:
        return f"{self.host}:{self.port}"

    def account(self, number: int) -> str:
        """The account that a draw of 0 to `rich + poor - 1` means."""
        return f"rich-{number}" if number < self.rich else f"poor-{number - self.rich}"

    @classmethod
    def from_json(cls, text: str) -> Self:
        given = json.loads(text)
        return cls(**given | {"cuts": tuple(given["cuts"])})


@dataclass(kw_only=True)
class Lived(Line):
    """What came of a story.

    `latency_ms` is of what was due in the measured time, by kind, from when it was due. `counts`
    says how often what has happened, in all. `works` is the book: see `Book.lines`. `wrong` is what
    was answered and must not have been.
    """

    seconds: float
    calls: int
    latency_ms: dict[str, dict[str, float]]
    counts: dict[str, int]
    under_way_max: int
    works: list[Any] = field(repr=False)
    granted: dict[str, int]
    wrong: list[str]

    def facts(self) -> dict[str, Any]:
        """The figures for a result file: all but the book."""
        return {key: value for key, value in asdict(self).items() if key != "works"}
