"""How an account stands, and what a period has consumed."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from datetime import date, datetime, timedelta

    from .account_keys import AccountKey
    from .activity import Span
    from .balances import Balance


class PeriodKind(IntEnum):
    """What a period is. The numbers are those of the API."""

    CYCLE = 1
    MONTH = 2
    RANGE = 3


class SummaryPeriod(NamedTuple):
    """A period of an account, from its start on and before its end, with the days of a zone."""

    kind: PeriodKind
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    days_left: int


class CreditSource(NamedTuple):
    """The credits of one kind of grants: given in the period, and left now."""

    kind: int
    given_micros: int
    remaining_micros: int
    next_expiry_at: datetime | None


class DayUsage(NamedTuple):
    """The consumption of one day of the account's time zone."""

    day: date
    consumed_micros: int
    holds: int


class UsageTrend(NamedTuple):
    """How consumption runs, and where it leads; see the API's UsageTrend."""

    average_micros: int
    peak: DayUsage | None
    recent_micros: int
    before_micros: int
    projected_micros: int
    run_out_at: datetime | None
    calls_run_out: timedelta | None


class ConversationTotals(NamedTuple):
    """What the conversations that started in a period came to."""

    sessions: int
    messages: int
    charged_micros: int
    seconds: int
    per_message_micros: int


class Summary(NamedTuple):
    """An account and a period, read in one snapshot."""

    account_id: str
    period: SummaryPeriod
    balance: Balance
    sources: Sequence[CreditSource]
    allowance_micros: int
    consumed_micros: int
    overage_micros: int
    holds: int
    open_holds: int
    open_calls: int
    days: Sequence[DayUsage]
    trend: UsageTrend
    conversations: ConversationTotals


class Summaries(Protocol):
    """Where summaries are read. Raises only `domain.errors`."""

    async def summary(self, account: AccountKey, *, span: Span | None = None) -> Summary | None:
        """Sum up a period; None when there is no such account.

        Without a span it is the running cycle, or the calendar month of an account without cycles.
        A span without an end ends now, one without a start begins when the account was created.
        """
        ...
