"""What both outboxes share: which failures may pass, and how long to wait before the next try."""

from __future__ import annotations

import random

from creditgate._call.journal import Entry
from creditgate._errors import CreditgateError, Denied, ScopeMissing, Unauthenticated, Unavailable
from creditgate._messages import work as calls
from creditgate._messages.work import Call, read_reservation, read_settlement
from creditgate._types.decision import HoldStatus, Reservation, Settlement

# How gateways begin that were given no name: nobody can ask for their calls when they come back, so
# what the journal has of them is charged at once.
UNNAMED = "unnamed-"
RESEND_PATIENCE_SECONDS = 5.0
RESEND_SECONDS_MIN = 0.5
RESEND_SECONDS_MAX = 60.0


class Backoff:
    """Longer and longer pauses, spread so that gateways do not march."""

    def __init__(self) -> None:
        self._seconds = RESEND_SECONDS_MIN

    def seconds(self) -> float:
        """The next pause."""
        pause = self._seconds * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load only
        self._seconds = min(self._seconds * 2, RESEND_SECONDS_MAX)
        return pause


def reserve_of(entry: Entry) -> Call[Reservation] | None:
    """The request to send first, where the service may not know the hold and has to charge it."""
    if entry.reserve is None or not entry.commit.used_quantity:
        return None
    return Call("Reserve", entry.reserve, read_reservation)


def closing_of(entry: Entry) -> Call[Settlement] | Call[HoldStatus]:
    """The request that charges a call and ends its hold; of one that used nothing, releases it."""
    commit = entry.commit
    if not commit.used_quantity:
        cause = commit.termination_cause
        return calls.release(commit.account_id, hold_id=commit.hold_id, termination_cause=cause)
    return Call("Commit", commit, read_settlement)


def may_come_later(failure: CreditgateError) -> bool:
    """Whether the same request may be taken another time: with credits, a key, a server."""
    return isinstance(failure, Unavailable | Denied | Unauthenticated | ScopeMissing)
