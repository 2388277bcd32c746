"""What was consumed, by time and by what the work was, and how long sessions and calls took."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol

from .activity import Span

if TYPE_CHECKING:
    from datetime import datetime

    from .account_keys import AccountKey


HOURS_BY_NAME_DAYS_MAX = 32
"""How long a range may be whose hours are told apart by what not all work names.

Such sums are kept for days alone, so each entry is read.
"""


class UsageUnit(IntEnum):
    """The stretches of time that usage is summed up over. The numbers are those of the API."""

    HOUR = 1
    DAY = 2
    MONTH = 3


class Grouping(IntEnum):
    """What of the work tells rows apart. The numbers are those of the API."""

    TYPE = 1
    METER = 2
    MODEL = 3
    AGENT = 4
    USER = 5
    TOPIC = 6
    CONVERSATION = 7
    LABEL = 8


class Naming(NamedTuple):
    """What a group or filter goes by that not all work has: an attribute, or the label `key`."""

    grouping: Grouping
    key: str = ""


class UsageChoice(NamedTuple):
    """Which work is asked for; None for all. `value` is that of the question's naming."""

    type: str | None = None
    meter: str | None = None
    model: str | None = None
    value: str | None = None


class UsageQuestion(NamedTuple):
    """What is asked about an account's usage.

    `by` is in the order of `Grouping`. `naming` is the one attribute or label that is grouped by or
    chosen by; None where none is. Without a `unit`, the range is summed up.
    """

    span: Span
    unit: UsageUnit | None = None
    by: Sequence[Grouping] = ()
    naming: Naming | None = None
    choice: UsageChoice = UsageChoice()
    dearest_first: bool = False


class UsageRow(NamedTuple):
    """What one group has consumed in one stretch of time; groups not asked for are empty text."""

    starts_at: datetime | None
    type: str
    meter: str
    model: str
    value: str
    consumed_micros: int
    refunded_micros: int
    quantity: int
    holds: int


class UsagePage(NamedTuple):
    """Rows in the order asked for, and the range they are of: so asked again, it has no others."""

    rows: Sequence[UsageRow]
    span: Span


class UsageMeasure(IntEnum):
    """What a distribution is of. The numbers are those of the API."""

    SESSION_SECONDS = 1
    SESSION_MESSAGES = 2
    CALL_SECONDS = 3


class Distribution(NamedTuple):
    """How many values lie between bounds.

    `counts[i]` is how many are below `bounds[i]` and not below the bound before it; the last is how
    many lie above all bounds. `p50` and `p90` are values that were measured (nearest rank).
    """

    counts: Sequence[int]
    total: int
    maximum: int
    p50: int
    p90: int


class Usages(Protocol):
    """Where usage is read. Raises only `domain.errors`."""

    async def rows(
        self, account: AccountKey, question: UsageQuestion, *, offset: int, limit: int
    ) -> UsagePage | None:
        """Answer rows in the order asked for; None when there is no such account.

        Ask for further ones with the span of the first page: what is written meanwhile is after it.
        Raises `RangeArchivedError` for what is not kept any more but as sums over longer stretches
        of time than asked for, `RangeTooLongError` for hours by name over too many days.
        """
        ...

    async def distribution(
        self, account: AccountKey, measure: UsageMeasure, span: Span, *, bounds: Sequence[int]
    ) -> Distribution | None:
        """Measure sessions or calls that began in a range; None when there is no such account.

        Raises `RangeArchivedError` when the range is about calls that are not kept any more; one
        without a beginning begins with those that are.
        """
        ...
