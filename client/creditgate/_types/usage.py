"""What the service answers about usage, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from creditgate._types.base import Credits, Word


class UsageUnit(Word):
    """How long the stretches of time are that usage is summed up over, by the account's clock."""

    UNKNOWN = "UNKNOWN"
    HOUR = "HOUR"
    DAY = "DAY"
    MONTH = "MONTH"


class UsageGrouping(Word):
    """What of the work tells rows apart."""

    UNKNOWN = "UNKNOWN"
    TYPE = "TYPE"
    METER = "METER"
    MODEL = "MODEL"
    AGENT = "AGENT"
    USER = "USER"
    TOPIC = "TOPIC"
    CONVERSATION = "CONVERSATION"
    LABEL = "LABEL"


class UsageMeasure(Word):
    """What a distribution is of: of sessions seconds or messages, of charged calls seconds."""

    UNKNOWN = "UNKNOWN"
    SESSION_SECONDS = "SESSION_SECONDS"
    SESSION_MESSAGES = "SESSION_MESSAGES"
    CALL_SECONDS = "CALL_SECONDS"


@dataclass(frozen=True, kw_only=True)
class UsageRow:
    """What was consumed in one stretch of time by the work of one group.

    `starts_at` is None when a whole range is summed up. Groups that were not asked for are empty;
    `value` is the agent, user, topic, conversation or label, whichever was asked for. `consumed` is
    what was charged less what was `refunded` in that time. `quantity` is in the meter's unit, and
    `holds` is how many holds were charged for the first time.
    """

    starts_at: datetime | None
    type: str
    meter: str
    model: str
    value: str
    consumed_micros: int
    refunded_micros: int
    quantity: int
    holds: int

    consumed = Credits()
    refunded = Credits()


@dataclass(frozen=True, kw_only=True)
class UsageBin:
    """How many measured `low` or more and less than `high`, None for no end."""

    low: int
    high: int | None
    count: int


@dataclass(frozen=True, kw_only=True)
class Distribution:
    """How sessions or calls are distributed; without any, all numbers are 0.

    At least half of them do not exceed `p50`, and at least nine in ten not `p90`.
    """

    bins: tuple[UsageBin, ...]
    count: int
    maximum: int
    p50: int
    p90: int
