"""Where credits went in a range: over time, and divided in several ways."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from creditgate_server.dashboard.charts.columns import Column, Columns, columns
from creditgate_server.domain.activity import Span
from creditgate_server.domain.usage import UsageRow, UsageUnit

from .amounts import Amount, amount, short
from .clock import Clock, counted

RANGES = (("7", "7 days"), ("30", "30 days"), ("90", "90 days"), ("365", "A year"), ("all", "All"))
"""The ranges to choose from, as URLs and as people say them."""
RANGE_DEFAULT = "30"
_DAYS_SHOWN_MAX = 100
_TICKS = 7


class Stretch(NamedTuple):
    """A range of days until now, and the unit that it is shown by."""

    span: Span
    first: date
    unit: UsageUnit


class Bucket(NamedTuple):
    """A day or month in the table that says the same as the chart."""

    first: date
    text: str
    consumed: Amount
    holds: int


class Spending(NamedTuple):
    """What was consumed in a range."""

    consumed: Amount
    refunded: Amount | None
    holds: int
    unit: str
    chart: Columns
    rows: Sequence[Bucket]


def stretch(chosen: str, clock: Clock, *, created_at: datetime) -> Stretch:
    """Work out which days a choice means: today and those before it, or since the account began."""
    born = clock.day(created_at)
    if chosen == "all":
        first = born
    else:
        first = max(clock.today - timedelta(days=int(chosen) - 1), date(1970, 1, 1))
    days = (clock.today - first).days
    unit = UsageUnit.DAY if days < _DAYS_SHOWN_MAX else UsageUnit.MONTH
    start = None if chosen == "all" else clock.midnight(first)
    return Stretch(Span(start=start), first, unit)


def spending(of: Stretch, rows: Sequence[UsageRow], clock: Clock) -> Spending:
    """Show rows of usage by day or by month; those with nothing are left out of them."""
    found = {clock.day(row.starts_at): row for row in rows if row.starts_at}
    monthly = of.unit == UsageUnit.MONTH
    buckets = [_bucket(day, found.get(day), clock, monthly=monthly) for day in _days(of, clock)]
    consumed = sum(row.consumed_micros for row in rows)
    refunded = sum(row.refunded_micros for row in rows)
    every = "month" if monthly else "day"
    return Spending(
        consumed=amount(consumed),
        refunded=amount(refunded) if refunded else None,
        holds=sum(row.holds for row in rows),
        unit=every,
        chart=_chart(buckets, clock, every, consumed),
        rows=buckets,
    )


def _days(of: Stretch, clock: Clock) -> Iterator[date]:
    """The first days of all units; the first may lie before the range, as its month began there."""
    day = of.first.replace(day=1) if of.unit == UsageUnit.MONTH else of.first
    while day <= clock.today:
        yield day
        step = 32 if of.unit == UsageUnit.MONTH else 1
        day += timedelta(days=step)
        day = day.replace(day=1) if of.unit == UsageUnit.MONTH else day


def _bucket(day: date, row: UsageRow | None, clock: Clock, *, monthly: bool) -> Bucket:
    text = clock.month_text(day) if monthly else clock.weekday_text(day)
    return Bucket(day, text, amount(row.consumed_micros if row else 0), row.holds if row else 0)


def _chart(buckets: Sequence[Bucket], clock: Clock, every: str, consumed: int) -> Columns:
    dearest = max(buckets, key=lambda each: each.consumed.micros)
    told = f"{amount(consumed).text} credits in {counted(len(buckets), every)}"
    if dearest.consumed.micros > 0:
        told += f", most in {dearest.text} with {dearest.consumed.text}"
    drawn = [
        _column(each, clock, place=place, count=len(buckets), every=every, dearest=dearest)
        for place, each in enumerate(buckets)
    ]
    return columns(
        "spending",
        drawn,
        average=None,
        title=f"Credits used each {every}",
        description=f"{told}. The table below says it {every} by {every}.",
        label=short,
    )


def _column(
    of: Bucket, clock: Clock, *, place: int, count: int, every: str, dearest: Bucket
) -> Column:
    step = max(1, -(-count // _TICKS))
    tick = ""
    if place % step == 0:
        tick = clock.month_text(of.first) if every == "month" else clock.date_text(of.first)
    return Column(
        tip=f"{of.text}: {of.consumed.text} credits, {counted(of.holds, 'use')}",
        amount=of.consumed.micros,
        tick=tick,
        minor=place // step % 2 == 1,
        kind="peak" if of is dearest else "past",
    )
