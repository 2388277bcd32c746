"""How an account stands and what a period has consumed, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from creditgate._types.balance import Balance
from creditgate._types.base import Credits, Word
from creditgate._types.grant import GrantKind


class SummaryPeriodKind(Word):
    """What a period is: the running cycle, the calendar month, or the range asked for."""

    UNKNOWN = "UNKNOWN"
    CYCLE = "CYCLE"
    MONTH = "MONTH"
    RANGE = "RANGE"


@dataclass(frozen=True, kw_only=True)
class SummaryPeriod:
    """A period from `starts_at` on and before `ends_at`, with the days of `time_zone`.

    `days_left` counts the days until its end, today as one; 0 when it is over.
    """

    kind: SummaryPeriodKind
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    days_left: int


@dataclass(frozen=True, kw_only=True)
class CreditSource:
    """The credits of one kind of grants: `given` in the period, and what is left now of all.

    `next_expiry_at` is when the next of them ends that has any left; None when none will.
    """

    kind: GrantKind
    given_micros: int
    remaining_micros: int
    next_expiry_at: datetime | None = None

    given = Credits()
    remaining = Credits()


@dataclass(frozen=True, kw_only=True)
class DayUsage:
    """What a day has consumed, and how many holds were charged on it for the first time."""

    date: date
    consumed_micros: int
    holds: int

    consumed = Credits()


@dataclass(frozen=True, kw_only=True)
class UsageTrend:
    """How consumption runs, and where it leads.

    `average` is a day's, `peak` the day with the most, None where nothing was consumed. `recent`
    is what the last seven days have consumed and `before` the seven before those. As in the last
    seven days, `projected` is what the period will have consumed at its end, and at `run_out_at`
    nothing is available any more; None where that is not foreseen. The calls that are open can go
    on together for `calls_run_out_seconds`; None where there are none that cost anything.
    """

    average_micros: int
    peak: DayUsage | None
    recent_micros: int
    before_micros: int
    projected_micros: int
    run_out_at: datetime | None
    calls_run_out_seconds: float | None

    average = Credits()
    recent = Credits()
    before = Credits()
    projected = Credits()


@dataclass(frozen=True, kw_only=True)
class ConversationTotals:
    """What the sessions that started in a period came to.

    `seconds` is how long they took in all, `per_message` what a message would have to cost for the
    same sum.
    """

    sessions: int
    messages: int
    charged_micros: int
    seconds: int
    per_message_micros: int

    charged = Credits()
    per_message = Credits()


@dataclass(frozen=True, kw_only=True)
class Summary:
    """How an account stands, and what a period has consumed until now, read together.

    `consumed` is what was charged less what was refunded. `allowance` is what the plan gave for the
    period, `overage` what was consumed beyond it. `holds` were charged for the first time in the
    period, `open_holds` are open now, and `open_calls` of them are calls. `days` are those of the
    period until today, the first one first.
    """

    account_id: str
    period: SummaryPeriod
    balance: Balance
    sources: tuple[CreditSource, ...]
    allowance_micros: int
    consumed_micros: int
    overage_micros: int
    holds: int
    open_holds: int
    open_calls: int
    days: tuple[DayUsage, ...]
    trend: UsageTrend
    conversations: ConversationTotals

    allowance = Credits()
    consumed = Credits()
    overage = Credits()
