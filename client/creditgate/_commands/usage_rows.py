"""How the command line shows what usage comes to, row by row."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from creditgate._commands.activity import harmless, printable
from creditgate._commands.chart import Bar, bars, of_credits, of_holds
from creditgate._commands.figures import lasting
from creditgate._types.usage import Distribution, UsageBin, UsageGrouping, UsageRow, UsageUnit

_OWN = (UsageGrouping.TYPE, UsageGrouping.METER, UsageGrouping.MODEL)
_FORMATS = {
    UsageUnit.HOUR: "%a %Y-%m-%d %H:%M",
    UsageUnit.DAY: "%a %Y-%m-%d",
    UsageUnit.MONTH: "%Y-%m",
}
_NOTHING = "-"


def zone(name: str) -> tzinfo:
    """The time zone of this name; UTC where this machine does not know it."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def row_lines(
    rows: Sequence[UsageRow],
    *,
    per: UsageUnit | None,
    by: Sequence[UsageGrouping],
    place: tzinfo,
    encoding: str | None,
) -> Iterator[str]:
    """Rows with a bar each, by the clock of a place."""
    cells = [[*_begin(row, per, place), *_groups(row, by)] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    shown = [
        of_credits(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)),
            row.consumed_micros,
            _note(row, by),
        )
        for line, row in zip(cells, rows, strict=True)
    ]
    yield from bars(shown, encoding=encoding) if shown else ["no usage"]


def write_rows(
    rows: Iterable[UsageRow],
    *,
    per: UsageUnit | None,
    by: Sequence[UsageGrouping],
    place: tzinfo,
) -> None:
    """Write rows as comma-separated values to the terminal."""
    out = csv.writer(sys.stdout, lineterminator="\n")
    time = ["time"] if per else []
    groups = [each.value.lower() for each in by]
    out.writerow((*time, *groups, "consumed", "refunded", "quantity", "holds"))
    for row in rows:
        begins = [row.starts_at.astimezone(place).isoformat()] if row.starts_at else []
        texts = (harmless(_named(row, each)) for each in by)
        amounts = (f"{row.consumed:f}", f"{row.refunded:f}")
        out.writerow((*begins, *texts, *amounts, row.quantity, row.holds))


def spread_lines(of: Distribution, *, in_seconds: bool, encoding: str | None) -> Iterator[str]:
    """A distribution: its middle and its end, then a bar for each bin."""
    if not of.count:
        yield "nothing measured"
        return
    middle, most = (_size(value, in_seconds=in_seconds) for value in (of.p50, of.maximum))
    nine_in_ten = _size(of.p90, in_seconds=in_seconds)
    yield f"{of.count} measured  half up to {middle}  nine in ten up to {nine_in_ten}  most {most}"
    shown = [
        Bar(_bin(each, in_seconds=in_seconds), each.count, str(each.count)) for each in of.bins
    ]
    yield from bars(shown, encoding=encoding)


def _begin(row: UsageRow, per: UsageUnit | None, place: tzinfo) -> list[str]:
    """When a row begins, where rows are told apart by that."""
    if per is None or row.starts_at is None:
        return []
    return [_local(row.starts_at, place).strftime(_FORMATS[per])]


def _local(at: datetime, place: tzinfo) -> datetime:
    return at.astimezone(place)


def _groups(row: UsageRow, by: Sequence[UsageGrouping]) -> list[str]:
    return [printable(_named(row, each)) or _NOTHING for each in by]


def _named(row: UsageRow, group: UsageGrouping) -> str:
    """What a row has under a grouping; all but three share a field."""
    name = group.value.lower() if group in _OWN else "value"
    found: str = getattr(row, name)
    return found


def _note(row: UsageRow, by: Sequence[UsageGrouping]) -> str:
    counted = f"quantity {row.quantity}" if UsageGrouping.METER in by else ""
    return "  ".join(filter(None, (of_holds(row.holds), counted)))


def _bin(of: UsageBin, *, in_seconds: bool) -> str:
    low = _size(of.low, in_seconds=in_seconds)
    if of.high is None:
        return f"from {low}"
    return f"{low} to below {_size(of.high, in_seconds=in_seconds)}"


def _size(value: int, *, in_seconds: bool) -> str:
    return lasting(value) if in_seconds else str(value)
