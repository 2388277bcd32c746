"""How long a call has lasted. Times are nanoseconds of a clock that never goes back."""

from __future__ import annotations

SECOND_NS = 1_000_000_000


class CallClock:
    """Counts the time from a call's answer to its end, without its pauses.

    It runs while the call is answered, not paused for any reason, and not over, in whatever order
    that is told. What is told twice changes nothing, and neither does anything after the end.
    """

    def __init__(self, *, carried_seconds: int = 0) -> None:
        self._counted_ns = carried_seconds * SECOND_NS
        self._since: int | None = None
        self._pauses: set[str] = set()
        self.is_answered = False
        self.is_over = False

    @property
    def is_running(self) -> bool:
        """True while seconds are counted."""
        return self._since is not None

    def answer(self, at: int) -> None:
        """Start: the call has been answered."""
        self.is_answered = True
        self._turn(at)

    def pause(self, why: str, at: int) -> None:
        """Stop for a while; several reasons may overlap."""
        self._pauses.add(why)
        self._turn(at)

    def resume(self, why: str, at: int) -> None:
        """Go on, unless there is another reason to pause."""
        self._pauses.discard(why)
        self._turn(at)

    def end(self, at: int, *, most_ns: int | None = None) -> None:
        """Stop for good; what is beyond `most_ns` in all is not counted."""
        if self.is_over:
            return
        self.is_over = True
        self._turn(at)
        if most_ns is not None:
            self._counted_ns = min(self._counted_ns, most_ns)

    def elapsed_ns(self, at: int) -> int:
        """What has been counted."""
        running = 0 if self._since is None else max(at - self._since, 0)
        return self._counted_ns + running

    def seconds_so_far(self, at: int) -> int:
        """The whole seconds that have passed: never more than the call will come to in all."""
        return self.elapsed_ns(at) // SECOND_NS

    def seconds_in_all(self, at: int) -> int:
        """The seconds that have begun: what the call comes to if it ends now."""
        return -(-self.elapsed_ns(at) // SECOND_NS)

    def _turn(self, at: int) -> None:
        """Run, or stand still, from now on."""
        self._counted_ns = self.elapsed_ns(at)
        runs = self.is_answered and not self._pauses and not self.is_over
        self._since = at if runs else None
