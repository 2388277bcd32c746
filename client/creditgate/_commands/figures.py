"""How the command line shows a summary: the figures, then a chart of days."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from creditgate._commands.chart import bars, of_days, share
from creditgate._types.summary import ConversationTotals, Summary, SummaryPeriodKind, UsageTrend

_LABEL_WIDTH = 14
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def summary_lines(summary: Summary, *, encoding: str | None) -> Iterator[str]:
    """A summary in lines."""
    yield _headline(summary)
    yield ""
    yield from _standing(summary, encoding=encoding)
    yield from _sources(summary)
    yield ""
    yield from _trend(summary.trend, summary)
    yield from _conversations(summary.conversations)
    if summary.days:
        yield ""
        yield from bars(of_days(summary.days), encoding=encoding)


def lasting(seconds: float) -> str:
    """A length of time in its two largest units: `1 h 20 min`."""
    left = int(seconds)
    parts: list[str] = []
    for size, name in _UNITS:
        count, left = divmod(left, size)
        if count or parts:
            parts.append(f"{count} {name}" if count else "")
    return " ".join(filter(None, parts[:2])) or "0 s"


def _headline(summary: Summary) -> str:
    it = summary.period
    word = "" if it.kind is SummaryPeriodKind.UNKNOWN else it.kind.value.lower()
    days = f"{it.days_left} day{'' if it.days_left == 1 else 's'} left" if it.days_left else "over"
    ended = days if it.ends_at > summary.balance.as_of else ""
    span = f"{word} from {_clock(it.starts_at)} until {_clock(it.ends_at)}"
    return "  ".join(filter(None, (summary.account_id, span, ended, it.time_zone)))


def _standing(summary: Summary, *, encoding: str | None) -> Iterator[str]:
    it = summary.balance
    available = [_amount(it.available), f"settled {_amount(it.settled)}"]
    if it.overdraft_limit_micros:
        available.append(f"overdraft {_amount(it.overdraft_limit)}")
    yield _line("available", *available)
    if summary.open_holds:
        calls = f"calls {summary.open_calls}" if summary.open_calls else ""
        yield _line("held", _amount(it.held), f"open holds {summary.open_holds}", calls)
    yield _line("consumed", _amount(summary.consumed), f"holds {summary.holds}")
    if summary.allowance_micros:
        used = 100 * max(summary.consumed_micros, 0) // summary.allowance_micros
        bar = share(summary.consumed_micros, summary.allowance_micros, encoding=encoding)
        yield _line("allowance", _amount(summary.allowance), f"{bar} {used} %")
    if summary.overage_micros:
        yield _line("overage", _amount(summary.overage))


def _sources(summary: Summary) -> Iterator[str]:
    for it in summary.sources:
        ends = f"until {_clock(it.next_expiry_at)}" if it.next_expiry_at else ""
        given = f"given {_amount(it.given)}" if it.given_micros else ""
        yield _line(it.kind.value.lower(), f"left {_amount(it.remaining)}", given, ends)


def _trend(trend: UsageTrend, summary: Summary) -> Iterator[str]:
    yield _line("average", _amount(trend.average), "a day")
    if trend.peak is not None:
        yield _line("peak", _amount(trend.peak.consumed), f"on {trend.peak.date:%a %Y-%m-%d}")
    yield _line("last 7 days", _amount(trend.recent), _change(trend))
    if summary.period.ends_at > summary.balance.as_of:
        yield _line("projected", _amount(trend.projected), f"by {_clock(summary.period.ends_at)}")
    if trend.run_out_at is not None:
        over = trend.run_out_at <= summary.balance.as_of
        yield _line("runs out", "now" if over else _clock(trend.run_out_at))
    if trend.calls_run_out_seconds is not None:
        yield _line("calls run out", f"in {lasting(trend.calls_run_out_seconds)}")


def _change(trend: UsageTrend) -> str:
    """How the last week differs from the one before."""
    if trend.before_micros <= 0:
        return f"{_amount(trend.before)} before"
    percent = 100 * (trend.recent_micros - trend.before_micros) / Decimal(trend.before_micros)
    return f"{_amount(trend.before)} before, {percent:+.0f} %"


def _conversations(totals: ConversationTotals) -> Iterator[str]:
    if totals.sessions:
        length = lasting(totals.seconds / totals.sessions)
        messages = f"messages {totals.messages}, {_amount(totals.per_message)} each"
        yield _line("conversations", str(totals.sessions), messages, f"{length} on average")


def _line(label: str, *parts: str) -> str:
    return f"{label.ljust(_LABEL_WIDTH)}{'  '.join(filter(None, parts))}"


def _amount(credits_: Decimal) -> str:
    return f"{credits_:f}"


def _clock(instant: datetime) -> str:
    return instant.astimezone().strftime("%Y-%m-%d %H:%M")
