"""How long what was due in the measured time took, and what must not have happened."""

from __future__ import annotations

from array import array

from bench.figures import latencies_ms
from bench.life.clock import Clock

_WRONG_MAX = 20


class Notes:
    """Latencies count from when a call was due, so a stall counts for all it kept waiting."""

    def __init__(self, clock: Clock, *, since: float, until: float) -> None:
        self._clock = clock
        self._since, self._until = since, until
        self._taken: dict[str, array[float]] = {}
        self.wrongs: list[str] = []

    def took(self, kind: str, due: float) -> None:
        """Note that what was due at a time of the story is done."""
        if self._since <= due < self._until:
            self._taken.setdefault(kind, array("d")).append(self._clock.real_since(due))

    def wrong(self, what: str) -> None:
        """Note what must not have been answered; a few are enough."""
        if len(self.wrongs) < _WRONG_MAX:
            self.wrongs.append(what)

    @property
    def calls(self) -> int:
        """How many calls were due in the measured time."""
        return sum(map(len, self._taken.values()))

    def latencies_ms(self) -> dict[str, dict[str, float]]:
        """Percentiles by kind."""
        return {kind: latencies_ms(each) for kind, each in self._taken.items()}
