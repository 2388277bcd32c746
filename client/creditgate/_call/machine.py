"""What a call has to do, and when: ask for more, warn, and be cut. It does nothing of that itself.

Times are nanoseconds of a clock that never goes back. All that happens to the call is told to the
machine with its time; `due` answers what has to be done, `next_at` when to look again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

from creditgate._call.call_clock import SECOND_NS, CallClock
from creditgate._types.call import FailureHandling, FinalReason, Quota

# How far apart the questions of one call are at least.
ASK_SECONDS_MIN = 5.0
# The share of a slice by which calls that began together are spread.
SPREAD = 0.2


class Due(Enum):
    """What a call has to do now."""

    ASK = "ask"
    WARN = "warn"
    CUT = "cut"


@dataclass(frozen=True)
class Ask:
    """A question for more: the seconds used so far, and what they should become in all, if more.

    `first` is true while the call has no hold yet: then the question is the Reserve again.
    """

    used: int
    total: int | None
    first: bool


class CallMachine:
    """The state of one call. `spread` draws from 0 to 1, once for each question."""

    def __init__(self, *, slice_seconds: int, spread: Callable[[], float]) -> None:
        self.clock = CallClock()
        self._slice_seconds, self._spread = slice_seconds, spread
        self._quota: Quota | None = None
        self._share = spread()
        self._asked_at: int | None = None
        self._renewed_at = 0
        self._lives_ns = 0
        self._is_held = False
        self._began_unheld = False
        self._allowed_ns = 0
        self._is_asking = False
        self._is_unanswered = False
        self._is_refused = False
        self._is_expired = False
        self._is_cut_told = False
        self.is_cut = False
        self.is_warned = False

    @property
    def quota(self) -> Quota:
        """The newest quota."""
        assert self._quota is not None, "the call has not been entered"
        return self._quota

    @property
    def is_held(self) -> bool:
        """True once the service is known to hold credits for the call."""
        return self._is_held

    def begin(self, quota: Quota, *, lives_seconds: float, used: int, at: int) -> None:
        """Take up the first grant; `used` seconds were reported when the call was run before."""
        self.clock = CallClock(carried_seconds=used)
        self.see(quota, lives_seconds=lives_seconds, at=at)

    def begin_unheld(self, quota: Quota, *, at: int) -> None:
        """Begin although nobody answered: as the account's last quota says, with nothing granted.

        Asking again starts at once.
        """
        self._quota = quota
        self._began_unheld = self._is_unanswered = True
        self._asked_at = at

    def answer(self, at: int) -> None:
        """Note that the call has been answered."""
        self._check(at)
        self.clock.answer(at)

    def pause(self, why: str, at: int) -> None:
        """Note the beginning of a pause."""
        self._check(at)
        self.clock.pause(why, at)

    def resume(self, why: str, at: int) -> None:
        """Note the end of a pause."""
        self._check(at)
        self.clock.resume(why, at)

    def end(self, at: int) -> None:
        """Note that the call is over."""
        self._check(at)
        self.clock.end(at)

    def ask(self, at: int) -> Ask:
        """Ask now: what to send. The answer comes by `see`, `fail`, `refuse`, `expire`, `close`."""
        self._is_asking = True
        self._asked_at = at
        self._share = self._spread()
        used = self.clock.seconds_so_far(at)
        total = used + self._slice_seconds + int(self.quota.renew_before_seconds)
        wants = self.clock.is_running and total > self.quota.granted_quantity
        return Ask(used, total if wants else None, first=not self._is_held)

    def see(self, quota: Quota, *, lives_seconds: float, at: int) -> None:
        """Take up an answer, granted or denied, and how long the hold lives from now."""
        if self._quota is not None:
            self._check(at)
        self._quota = quota
        self._renewed_at, self._lives_ns = at, _ns(lives_seconds)
        self._is_asking = self._is_refused = False
        if self._began_unheld and not self._is_held:
            # The first slice, at last: the seconds that have passed since are asked for at once.
            self._is_unanswered, self._asked_at = True, None
        else:
            self._is_unanswered = self._began_unheld = False
        self._is_held = True
        self._allowed_ns = self.clock.elapsed_ns(at)
        left = self.left_ns(at)
        if quota.final is None and left is not None and left > _ns(quota.warn_before_seconds):
            self.is_warned = False

    def fail(self, at: int) -> None:
        """Note that nobody answered: the call goes on as its quota says."""
        self._check(at)
        self._is_asking = False
        self._is_unanswered = True

    def refuse(self, at: int) -> None:
        """Note that the question was refused: the call ends with what was granted, but asks on."""
        self._check(at)
        self._is_asking = self._is_unanswered = False
        self._is_refused = True
        self._allowed_ns = self.clock.elapsed_ns(at)

    def expire(self, at: int) -> None:
        """Note that the hold has expired: nothing more can be granted, what is used is charged."""
        self.refuse(at)
        self._is_expired = True

    def close(self, at: int) -> None:
        """Note that somebody else ended the hold: nothing more can be charged, so the call ends."""
        self.expire(at)
        self._cut(at, None)

    def lose(self, at: int) -> None:
        """Note that the call has nothing to go on with, for example after a transfer was denied."""
        self.clock.end(at)
        self.is_cut = True

    def left_ns(self, at: int) -> int | None:
        """How long the call may go on if its clock runs from now on; None: without an end."""
        limit = self._limit_ns()
        return None if limit is None else max(limit - self.clock.elapsed_ns(at), 0)

    def due(self, at: int) -> Iterator[Due]:
        """What has to be done now; each is told once."""
        self._check(at)
        if self.is_cut and not self._is_cut_told:
            self._is_cut_told = True
            yield Due.CUT
        if self.clock.is_over:
            return
        warn_at = self._warn_at(at)
        if warn_at is not None and warn_at <= at:
            self.is_warned = True
            yield Due.WARN
        ask_at = self._ask_at(at)
        if ask_at is not None and ask_at <= at:
            yield Due.ASK

    def next_at(self, at: int) -> int | None:
        """When something is due next, as things stand; None when nothing is any more."""
        if self.clock.is_over:
            return None
        left = self.left_ns(at) if self.clock.is_running else None
        ends = None if left is None else at + left
        times = [each for each in (ends, self._warn_at(at), self._ask_at(at)) if each is not None]
        return min(times, default=None)

    def _check(self, at: int) -> None:
        """Cut the call if what it had was used up by now, whatever was told meanwhile."""
        limit = self._limit_ns()
        if self.clock.is_running and limit is not None and self.clock.elapsed_ns(at) >= limit:
            # What ran while the limit was higher was used.
            self._cut(at, max(limit, self._allowed_ns))

    def _cut(self, at: int, limit_ns: int | None) -> None:
        if not self.clock.is_over:
            self.clock.end(at, most_ns=limit_ns)
            self.is_cut = True

    def _limit_ns(self) -> int | None:
        """The most the call may come to, as things stand."""
        quota = self.quota
        granted = quota.granted_quantity * SECOND_NS
        asks_in_vain = self._is_asking or self._is_unanswered
        if quota.final is not None or self._is_refused or not asks_in_vain:
            return granted
        handling = quota.on_reserve_failure if self._began_unheld else quota.on_extend_failure
        if handling is FailureHandling.CONTINUE:
            return None
        if handling is FailureHandling.CONTINUE_WITHIN_ALLOWANCE:
            return granted + _ns(quota.offline_allowance_seconds)
        return granted

    def _warn_at(self, at: int) -> int | None:
        """When callers are to be warned that the end comes; only where it is in sight."""
        warn_before = _ns(self.quota.warn_before_seconds)
        in_sight = self.quota.final is not None or self._is_unanswered or self._is_refused
        left = self.left_ns(at)
        if self.is_warned or not (warn_before and in_sight and self.clock.is_running):
            return None
        return None if left is None else at + left - warn_before

    def _ask_at(self, at: int) -> int | None:
        """When to ask next: before the funds end, before the hold expires, or once more."""
        if self._is_asking or self._is_expired:
            return None
        if self._asked_at is None:
            return at if self._is_unanswered else min(self._times_to_ask(at))
        earliest = self._asked_at + _ns(ASK_SECONDS_MIN + self._share)
        if self._is_unanswered or self._is_refused:
            return earliest
        return max(earliest, min(self._times_to_ask(at)))

    def _times_to_ask(self, at: int) -> Iterator[int]:
        quota, final = self.quota, self.quota.final
        yield self._renewed_at + int(self._lives_ns / 2 * (1 - SPREAD * self._share))
        if not self.clock.is_running:
            return
        ahead = quota.renew_before_seconds
        if final is not None:
            if final.reason is FinalReason.MAX_DURATION:
                return
            # Early enough for credits that have come meanwhile to make the warning needless.
            ahead = max(ahead, quota.warn_before_seconds)
        granted = quota.granted_quantity * SECOND_NS
        left = granted - self.clock.elapsed_ns(at)
        yield at + left - _ns(ahead + SPREAD * self._share * self._slice_seconds)


def _ns(seconds: float) -> int:
    return round(seconds * SECOND_NS)
