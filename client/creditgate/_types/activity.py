"""What the service answers about activity, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from creditgate._types.base import Credits
from creditgate._types.hold import Attributes
from creditgate._types.plan import EntryKind
from creditgate._types.rate import Usage


@dataclass(frozen=True, kw_only=True)
class Activity:
    """One entry of an account's ledger, with what its hold says of the work.

    `amount` was added to the settled balance, negative when it was taken, and `settled` is what it
    was afterwards. `type` says what it was for: "call", the first part of the meter's name such as
    "chat", or without a meter the kind. `name` is the grant or refund. All else is of the hold
    that was charged or refunded, as it stands: `quantity` is what it has used of its (first) meter
    in all, so count it once for each `hold_id`; `usages` is all meters of a hold that has several;
    `trace_id` is the trace in which it was reserved or charged, if there was one.
    """

    version: int
    line: int
    created_at: datetime
    kind: EntryKind
    type: str
    amount_micros: int
    settled_micros: int
    hold_id: str = ""
    name: str = ""
    meter: str = ""
    model: str = ""
    quantity: int = 0
    attributes: Attributes = field(default_factory=Attributes)
    labels: Mapping[str, str] = field(default_factory=dict)
    usages: tuple[Usage, ...] = ()
    trace_id: str = ""

    amount = Credits()
    settled = Credits()


@dataclass(frozen=True, kw_only=True)
class ActivityChunk:
    """A part of an export. An export that ended after it goes on from its `cursor`."""

    activities: tuple[Activity, ...]
    cursor: str
