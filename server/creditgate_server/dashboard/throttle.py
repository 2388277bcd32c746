"""How often somebody may try."""

from __future__ import annotations

from collections.abc import Callable

_KNOWN_MAX = 10_000
_MINUTE_SECONDS = 60.0


class Throttle:
    """Lets each name fail so many times at once, and as often a minute after that."""

    def __init__(self, *, per_minute: int, clock: Callable[[], float]) -> None:
        self._per_minute, self._clock = per_minute, clock
        self._failures: dict[str, tuple[float, float]] = {}

    def allows(self, name: str) -> bool:
        """Tell whether a name may try."""
        return self._left(name) + 1 <= self._per_minute

    def failed(self, name: str) -> None:
        """Count a failure."""
        failures = self._left(name) + 1
        self._failures.pop(name, None)
        if len(self._failures) >= _KNOWN_MAX:
            del self._failures[next(iter(self._failures))]
        self._failures[name] = (failures, self._clock())

    def _left(self, name: str) -> float:
        """How many failures are not forgotten yet."""
        now = self._clock()
        failures, at = self._failures.get(name, (0.0, now))
        return max(0.0, failures - (now - at) * self._per_minute / _MINUTE_SECONDS)
