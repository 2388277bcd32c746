"""Holds as they stand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import IntEnum
from typing import NamedTuple

from .rates import Line, Rate


class HoldState(IntEnum):
    """Where a hold is in its life. The numbers are those of the database and of the API."""

    OPEN = 1
    COMMITTED = 2
    RELEASED = 3
    EXPIRED = 4


class Hold(NamedTuple):
    """A hold as it stands; amounts in micro-credits.

    `details` is the JSON text given when it was made. `used_quantity` and `granted_quantity` are in
    the unit of `rate`; all three are None of a hold made by amount, or for several meters. These
    are its `lines`, and `affordable_quantities` how far each of them can go on what was granted.
    The gateway is that of a call, else None.
    """

    hold_id: str
    state: int
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
    details: str | None
    used_quantity: int | None = None
    rate: Rate | None = None
    granted_quantity: int | None = None
    lines: Sequence[Line] | None = None
    affordable_quantities: Sequence[int] | None = None
    gateway_id: str | None = None
    gateway_epoch: int | None = None
