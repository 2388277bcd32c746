"""Credits set aside, and the work they are for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from creditgate._types.base import Credits, Word
from creditgate._types.call import CallLeg
from creditgate._types.rate import HoldLine, Rate


class HoldState(Word):
    """Where a hold is in its life. An ended hold never changes its state."""

    UNKNOWN = "UNKNOWN"
    OPEN = "OPEN"
    COMMITTED = "COMMITTED"
    RELEASED = "RELEASED"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, kw_only=True)
class Attributes:
    """The work a hold is for, in the terms reports are grouped by; each at most 128 characters."""

    agent: str = ""
    model: str = ""
    conversation_id: str = ""
    call_id: str = ""
    user: str = ""
    topic: str = ""


@dataclass(frozen=True, kw_only=True)
class Hold:
    """Credits set aside for one piece of work, as they stand. `settled_at` is None while open.

    Quantities are in the unit of `rate`, which is None of a hold made by amount, or by usages:
    then `lines` are its meters. `call` is the gateway that carries the call, where it is one.
    """

    account_id: str
    hold_id: str
    state: HoldState
    granted_micros: int
    held_micros: int
    used_micros: int
    charged_micros: int
    uncollected_micros: int
    refunded_micros: int
    created_at: datetime
    expires_at: datetime
    settled_at: datetime | None
    late: bool
    termination_cause: str
    attributes: Attributes
    labels: Mapping[str, str]
    granted_quantity: int = 0
    used_quantity: int = 0
    rate: Rate | None = None
    lines: tuple[HoldLine, ...] = ()
    call: CallLeg | None = None

    granted = Credits()
    held = Credits()
    used = Credits()
    charged = Credits()
    uncollected = Credits()
    refunded = Credits()
