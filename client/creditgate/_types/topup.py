"""What the service answers about requests for credits, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from creditgate._types.amount import Amount, to_micros
from creditgate._types.base import Credits, Word


class TopupState(Word):
    """What became of a request for credits."""

    UNKNOWN = "UNKNOWN"
    REQUESTED = "REQUESTED"
    COMPLETED = "COMPLETED"
    REFUSED = "REFUSED"


@dataclass(frozen=True, kw_only=True)
class AutoTopup:
    """When and how more credits are asked for: `AutoTopup.of(below=10, amount=50)`.

    `month_max_micros` is how much in a calendar month at most, 0 for any amount.
    """

    below_micros: int
    amount_micros: int
    month_max_micros: int = 0
    enabled: bool = True

    below = Credits()
    amount = Credits()
    month_max = Credits()

    @classmethod
    def of(
        cls, *, below: Amount, amount: Amount, month_max: Amount = 0, enabled: bool = True
    ) -> AutoTopup:
        """Make one of credits."""
        return cls(
            below_micros=to_micros(below, name="below"),
            amount_micros=to_micros(amount),
            month_max_micros=to_micros(month_max, name="month_max"),
            enabled=enabled,
        )


@dataclass(frozen=True, kw_only=True)
class Topup:
    """A request for credits. `ended_at` is None while it waits; `reason` is why it was refused."""

    request_id: str
    state: TopupState
    amount_micros: int
    reason: str
    created_at: datetime
    ended_at: datetime | None

    amount = Credits()


@dataclass(frozen=True, kw_only=True)
class TopupRefusal:
    """The answer to RefuseTopup. `replayed` is true when it had been refused before."""

    topup: Topup
    replayed: bool
