"""What the operations on holds answer."""

from __future__ import annotations

from dataclasses import dataclass

from creditgate import _errors as errors
from creditgate._types.balance import Balance
from creditgate._types.base import Credits, Word
from creditgate._types.call import Quota
from creditgate._types.hold import Hold


class Decision(Word):
    """The answer to "may this work be done"."""

    UNKNOWN = "UNKNOWN"
    GRANTED = "GRANTED"
    GRANTED_PARTIAL = "GRANTED_PARTIAL"
    DENIED_INSUFFICIENT_CREDITS = "DENIED_INSUFFICIENT_CREDITS"
    DENIED_CREDITS_HELD = "DENIED_CREDITS_HELD"
    DENIED_LIMIT = "DENIED_LIMIT"
    DENIED_ACCOUNT_INACTIVE = "DENIED_ACCOUNT_INACTIVE"


@dataclass(frozen=True, kw_only=True)
class _Decided:
    """What decisions have in common; of usage `affordable_quantity` is what it can come to."""

    decision: Decision
    hold: Hold | None
    balance: Balance
    asked_micros: int
    shortfall_micros: int
    retry_after_seconds: float | None = None
    limit: str = ""
    affordable_quantity: int = 0

    asked = Credits()
    shortfall = Credits()

    @property
    def granted(self) -> bool:
        """True when the work may be done: all of it, or at least the minimum."""
        return self.decision in {Decision.GRANTED, Decision.GRANTED_PARTIAL}


@dataclass(frozen=True, kw_only=True)
class Reservation(_Decided):
    """The answer to a Reserve or a Charge. `hold` is None when denied.

    `replayed` is true when this name had been decided before and that decision is repeated.
    `quota` is how a call may run; None where no open one was asked for.
    `replaced` is the final Commit of the hold that was replaced; None where none was.
    """

    replayed: bool = False
    quota: Quota | None = None
    replaced: Settlement | None = None

    def raise_if_denied(self) -> Hold:
        """Return the hold, or raise the `Denied` that says why there is none."""
        if not self.granted or self.hold is None:
            raise errors.denied(self)
        return self.hold


@dataclass(frozen=True, kw_only=True)
class Extension(_Decided):
    """The answer to an Extend; `hold` is the hold as it stands, also when the raise was denied.

    `quota` is how a call may run from now on; None where the hold is no call's.
    """

    hold: Hold
    charged_micros: int = 0
    uncollected_micros: int = 0
    quota: Quota | None = None

    charged = Credits()
    uncollected = Credits()

    def raise_if_denied(self) -> Hold:
        """Return the hold, or raise the `Denied` that says why it was not raised."""
        if not self.granted:
            raise errors.denied(self)
        return self.hold


@dataclass(frozen=True, kw_only=True)
class Settlement:
    """The answer to a Commit: what this call charged, and the hold with the sum of all calls."""

    hold: Hold
    balance: Balance
    charged_micros: int
    uncollected_micros: int
    late: bool

    charged = Credits()
    uncollected = Credits()


@dataclass(frozen=True, kw_only=True)
class HoldStatus:
    """A hold and its account's balance at one instant."""

    hold: Hold
    balance: Balance
