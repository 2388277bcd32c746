"""How often somebody may try."""

from __future__ import annotations

from collections.abc import Callable

_KNOWN_MAX = 10_000
_MINUTE_SECONDS = 60.0


class Throttle:
    """Lets each name try so many times at once, and as often a minute after that."""

    def __init__(self, *, per_minute: int, clock: Callable[[], float]) -> None:
        self._per_minute, self._clock = per_minute, clock
        self._spent: dict[str, tuple[float, float]] = {}

    def allows(self, name: str) -> bool:
        """Count an attempt; False when there were too many."""
        now = self._clock()
        spent, at = self._spent.pop(name, (0.0, now))
        spent = max(0.0, spent - (now - at) * self._per_minute / _MINUTE_SECONDS)
        allowed = spent + 1 <= self._per_minute
        if len(self._spent) >= _KNOWN_MAX:
            del self._spent[next(iter(self._spent))]
        self._spent[name] = (spent + allowed, now)
        return allowed
