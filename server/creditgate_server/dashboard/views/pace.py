"""How consumption runs, and where it leads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from creditgate_server.domain.summaries import PeriodKind, Summary, UsageTrend

from .amounts import Amount, amount, share
from .clock import Clock, counted, length


class Stat(NamedTuple):
    """A figure with its name: credits, or words where it is none. `tone` marks what is wrong."""

    name: str
    key: str
    amount: Amount | None
    text: str
    note: str
    tone: str = ""


class Pace(NamedTuple):
    """A sentence that says it all, and the figures."""

    sentence: str
    stats: Sequence[Stat]


def pace(summary: Summary, clock: Clock) -> Pace:
    """Show the pace of an account."""
    stats = [_average(summary), _peak(summary, clock), _trend(summary.trend)]
    stats += [_projection(summary), _run_out(summary, clock)]
    if summary.trend.calls_run_out is not None:
        stats.append(_calls(summary))
    return Pace(_sentence(summary, clock), stats)


def _average(summary: Summary) -> Stat:
    return Stat("A day", "average", amount(summary.trend.average_micros), "", "on average")


def _peak(summary: Summary, clock: Clock) -> Stat:
    peak = summary.trend.peak
    if peak is None:
        return Stat("Peak day", "peak", None, "none", "nothing was used yet")
    note = f"{clock.weekday_text(peak.day)}, {counted(peak.holds, 'use')}"
    return Stat("Peak day", "peak", amount(peak.consumed_micros), "", note)


def _trend(trend: UsageTrend) -> Stat:
    recent, before = trend.recent_micros, trend.before_micros
    note = f"{amount(recent).text} in 7 days, {amount(before).text} in the 7 before"
    if before <= 0:
        return Stat("Trend", "trend", None, "new" if recent > 0 else "flat", note)
    return Stat("Trend", "trend", None, _growth(recent, before), note)


def _growth(recent: int, before: int) -> str:
    grown = abs(recent - before)
    percents = (grown * 200 + before) // (2 * before)
    if not percents:
        return "flat"
    return f"{'+' if recent > before else '−'}{percents:,} %"


def _projection(summary: Summary) -> Stat:
    projected, allowance = summary.trend.projected_micros, summary.allowance_micros
    until = "at the cycle’s end" if summary.period.kind == PeriodKind.CYCLE else "at its end"
    note = f"{share(projected, allowance)} of the package" if allowance > 0 else until
    tone = "warn" if projected > allowance > 0 else ""
    return Stat("Projection", "projected", amount(projected), "", note, tone)


def _run_out(summary: Summary, clock: Clock) -> Stat:
    at = summary.trend.run_out_at
    if at is None:
        return Stat("Runs out", "run-out", None, "not in sight", "at this pace")
    if summary.balance.available_micros <= 0 or at <= clock.now:
        return Stat("Runs out", "run-out", None, "now", "nothing is left to spend", "alarm")
    soon = at < summary.period.ends_at
    note = f"{clock.day_of(at).text}, what is held counted as used"
    return Stat("Runs out", "run-out", None, clock.distance(at), note, "warn" if soon else "")


def _calls(summary: Summary) -> Stat:
    last = summary.trend.calls_run_out
    assert last is not None
    seconds = int(last.total_seconds())
    note = f"{counted(summary.open_calls, 'call')} under way together"
    return Stat("Calls can go on", "calls-run-out", None, length(seconds), note)


def _sentence(summary: Summary, clock: Clock) -> str:
    trend, period = summary.trend, summary.period
    if not trend.recent_micros and not summary.consumed_micros:
        return "Nothing was used in this period yet."
    ends = clock.last_day_before(period.ends_at).text
    if period.ends_at <= clock.now:
        return f"{amount(summary.consumed_micros).text} credits were used until {ends}."
    at = trend.run_out_at
    if summary.balance.available_micros <= 0:
        return "Nothing is left to spend."
    if at and at < period.ends_at:
        return f"At this week’s pace, credits run out on {clock.day_of(at).text}, before {ends}."
    return f"At this week’s pace, {_will_be_used(summary)} by {ends}."


def _will_be_used(summary: Summary) -> str:
    projected, allowance = summary.trend.projected_micros, summary.allowance_micros
    used, whole = amount(projected).text, amount(allowance).text
    if projected <= allowance:
        return f"{used} of {whole} credits will be used"
    if allowance > 0:
        return (
            f"{used} credits will be used, {amount(projected - allowance).text} over the package,"
        )
    return f"{used} credits will be used"
