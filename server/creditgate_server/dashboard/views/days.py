"""The consumption of a period, day by day, and what is expected until its end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import NamedTuple

from creditgate_server.dashboard.charts.columns import Column, Columns, columns
from creditgate_server.domain.summaries import DayUsage, Summary

from .amounts import Amount, amount, short
from .clock import Clock, counted

_TICKS = 7


class DayRow(NamedTuple):
    """One day in the table that says the same as the chart."""

    day: date
    text: str
    consumed: Amount | None
    expected: Amount | None
    holds: int | None


class Days(NamedTuple):
    """The chart, and its table."""

    chart: Columns
    rows: Sequence[DayRow]
    expects: bool

    @property
    def has_any(self) -> bool:
        """False where nothing was used and nothing is expected: there is nothing to draw."""
        return self.expects or any(row.consumed and row.consumed.micros for row in self.rows)


def days(summary: Summary, clock: Clock) -> Days:
    """Show each day of a period, and spread what is still expected over its rest."""
    ahead = expected(summary, clock)
    rows = _rows(summary.days, ahead, clock)
    peak = summary.trend.peak
    drawn = [
        _column(row, clock, place=place, count=len(rows), peak=peak)
        for place, row in enumerate(rows)
    ]
    chart = columns(
        "days",
        drawn,
        average=summary.trend.average_micros or None,
        title="Credits used each day",
        description=_description(summary, clock),
        label=short,
    )
    return Days(chart, rows, expects=any(ahead.values()))


def expected(summary: Summary, clock: Clock) -> dict[date, int]:
    """Spread what the projection adds over the time that is left, day by day.

    The parts add up to the whole, to the micro-credit.
    """
    more = summary.trend.projected_micros - summary.consumed_micros
    now, end = summary.balance.as_of, summary.period.ends_at
    if end <= now:
        return {}
    spread: dict[date, int] = {}
    given, at = 0, now
    while at < end:
        day = clock.day(at)
        at = min(end, clock.midnight_after(at))
        upto = max(0, more) * _micros(at - now) // _micros(end - now)
        spread[day] = spread.get(day, 0) + upto - given
        given = upto
    return spread


def _micros(of: timedelta) -> int:
    return of // timedelta(microseconds=1)


def _rows(past: Sequence[DayUsage], ahead: dict[date, int], clock: Clock) -> list[DayRow]:
    known = {each.day for each in past}
    rows = [_row(each.day, each, ahead.get(each.day), clock) for each in past]
    rows += [_row(day, None, ahead[day], clock) for day in ahead if day not in known]
    return rows


def _row(day: date, used: DayUsage | None, ahead: int | None, clock: Clock) -> DayRow:
    return DayRow(
        day,
        clock.weekday_text(day),
        amount(used.consumed_micros) if used else None,
        amount(ahead) if ahead else None,
        used.holds if used else None,
    )


def _column(row: DayRow, clock: Clock, *, place: int, count: int, peak: DayUsage | None) -> Column:
    told = []
    if row.consumed:
        told.append(f"{row.consumed.text} credits, {counted(row.holds or 0, 'use')}")
    if row.expected:
        told.append(f"{row.expected.text} expected")
    tick, minor = _tick(row.day, clock, place=place, count=count)
    kind = "today" if row.day == clock.today else "past"
    return Column(
        tip=f"{row.text}: {'; '.join(told) or 'nothing'}",
        amount=row.consumed.micros if row.consumed else 0,
        ahead=row.expected.micros if row.expected else 0,
        tick=tick,
        minor=minor,
        kind="peak" if peak and row.day == peak.day else kind,
    )


def _tick(day: date, clock: Clock, *, place: int, count: int) -> tuple[str, bool]:
    """Say what stands below a day: about seven of them do, every other one only where is room."""
    every = max(1, -(-count // _TICKS))
    if place % every:
        return "", False
    return clock.date_text(day), place // every % 2 == 1


def _description(summary: Summary, clock: Clock) -> str:
    peak, trend = summary.trend.peak, summary.trend
    told = f"{amount(summary.consumed_micros).text} credits in {counted(len(summary.days), 'day')}"
    told += f", {amount(trend.average_micros).text} a day on average"
    if peak:
        most = amount(peak.consumed_micros).text
        told += f", most on {clock.weekday_text(peak.day)} with {most}"
    if trend.projected_micros > summary.consumed_micros:
        told += f". {amount(trend.projected_micros).text} are expected at the end"
    return f"{told}. The table below says it day by day."
