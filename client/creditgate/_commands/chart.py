"""Small charts for terminals: a bar for each row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from creditgate._types.amount import to_credits
from creditgate._types.summary import DayUsage

BAR_WIDTH = 32
ROWS_MAX = 31
BLOCKS, PLAIN = "▏▎▍▌▋▊▉█", "#"


class Bar(NamedTuple):
    """One row: what it is of, how long its bar is, and what is told behind, first how much."""

    name: str
    size: int
    amount: str
    note: str = ""


def bars(rows: Sequence[Bar], *, encoding: str | None) -> Iterator[str]:
    """Rows with a bar each, the longest of them for the most; below zero there is none."""
    most = max((row.size for row in rows), default=0)
    blocks = BLOCKS if _can_show(encoding) else PLAIN
    names = max((len(row.name) for row in rows), default=0)
    widest = max((len(row.amount) for row in rows), default=0)
    for row in rows:
        drawn = _bar(row.size, most, blocks).ljust(BAR_WIDTH)
        yield f"{row.name.ljust(names)}  {drawn}  {row.amount.rjust(widest)}  {row.note}".rstrip()


def of_credits(name: str, micros: int, note: str = "") -> Bar:
    """A row that is as long as its credits are many."""
    return Bar(name, micros, f"{to_credits(micros):f}", note)


def of_holds(count: int) -> str:
    """What is told of a number of holds."""
    return f"in {count}" if count else ""


def share(part: int, whole: int, *, encoding: str | None) -> str:
    """One bar that says how much of a whole a part is, and the rest of it."""
    filled = min(max(part, 0), whole) * BAR_WIDTH // whole if whole else 0
    full, empty = ("█", "░") if _can_show(encoding) else ("#", ".")
    return full * filled + empty * (BAR_WIDTH - filled)


def of_days(days: Sequence[DayUsage]) -> list[Bar]:
    """A row for each day; of many for each seven days from the first on, of more for a month."""
    if len(days) <= ROWS_MAX:
        return [
            of_credits(_day(each.date), each.consumed_micros, of_holds(each.holds)) for each in days
        ]
    weeks = len(days) <= 7 * ROWS_MAX
    sums: dict[date, tuple[int, int]] = {}
    for each in days:
        begin = each.date.replace(day=1)
        if weeks:
            begin = each.date - timedelta(days=(each.date - days[0].date).days % 7)
        micros, holds = sums.get(begin, (0, 0))
        sums[begin] = (micros + each.consumed_micros, holds + each.holds)
    names = "from %Y-%m-%d" if weeks else "%Y-%m"
    return [
        of_credits(begin.strftime(names), micros, of_holds(holds))
        for begin, (micros, holds) in sums.items()
    ]


def _bar(size: int, most: int, blocks: str) -> str:
    """A bar in parts of a character, at least one where there is anything."""
    if size <= 0:
        return ""
    parts = max(size * BAR_WIDTH * len(blocks) // most, 1)
    full, rest = divmod(parts, len(blocks))
    return blocks[-1] * full + (blocks[rest - 1] if rest else "")


def _day(day: date) -> str:
    return day.strftime("%a %Y-%m-%d")


def _can_show(encoding: str | None) -> bool:
    return (encoding or "").lower().replace("-", "") in {"utf8", "utf16", "utf32"}
