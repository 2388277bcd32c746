"""Columns over time: what was, and on top of it or after it what is expected.

The drawing has no size of its own in width: columns lie at percents of it, heights are pixels. So
it fills whatever place there is, and its text keeps its size on a phone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from markupsafe import Markup

from .scale import Scale, scale
from .svg import WHOLE, described, element, hatching, hundredths, percent

_TOP = 12
_BOTTOM = 26
HIGH = 148
"""How many pixels high columns can be."""
LOW = 96
"""The same, where charts are small."""
# The words of the first and last of so many columns would be cut off, were they in the middle.
_CROWD = 16
# What is not nothing is a line at least.
_LEAST = 2


class Column(NamedTuple):
    """One stretch of time: what was, what is expected besides, and its words.

    `tip` is told where a pointer rests on it. `tick` stands below it, `minor` only where there is
    room. `kind` says how it looks.
    """

    tip: str
    amount: int
    ahead: int = 0
    tick: str = ""
    minor: bool = False
    kind: str = "past"


class _Plot(NamedTuple):
    """The place that columns are drawn in."""

    id: str
    scale: Scale
    high: int
    columns: int

    @property
    def base(self) -> int:
        return _TOP + self.high

    @property
    def height(self) -> int:
        return self.base + _BOTTOM

    def pixels(self, amount: int) -> int:
        """How high an amount is drawn."""
        if amount <= 0:
            return 0
        return max(_LEAST, self.high * amount // self.scale.top)


class Columns(NamedTuple):
    """A chart, and the scale that stands beside it."""

    plot: Markup
    axis: Markup


def columns(
    id_: str,
    given: Sequence[Column],
    *,
    average: int | None,
    title: str,
    description: str,
    label: Callable[[int], str],
    high: int = HIGH,
) -> Columns:
    """Draw columns; `average` is a line across them, `label` writes the amounts of the scale."""
    words, pointers = described(id_, title, description)
    fits = scale(max([average or 0, *(max(0, each.amount) + each.ahead for each in given)]))
    plot = _Plot(id_, fits, high, len(given))
    drawing = element(
        "svg",
        words,
        hatching(f"{id_}-ahead", "ahead"),
        *(_line(amount, plot, "grid") for amount in fits.lines),
        *(_column(each, place, plot) for place, each in enumerate(given)),
        _line(average, plot, "average") if average else "",
        _line(0, plot, "ground"),
        class_="columns",
        width="100%",
        height=plot.height,
        **pointers,
    )
    return Columns(drawing, _axis(plot, label))


def _line(amount: int, plot: _Plot, kind: str) -> Markup:
    y = f"{plot.base - plot.high * amount // plot.scale.top}.5"
    return element("line", x1="0", x2="100%", y1=y, y2=y, class_=kind)


def _axis(plot: _Plot, label: Callable[[int], str]) -> Markup:
    fits = plot.scale
    texts = (
        element("text", label(amount), x="0", y=plot.base - plot.high * amount // fits.top + 4)
        for amount in (0, *fits.lines)
    )
    return element("svg", *texts, class_="axis", height=plot.height, aria_hidden="true")


def _column(of: Column, place: int, plot: _Plot) -> Markup:
    count = plot.columns
    slot, left = WHOLE // count, WHOLE * place // count
    width = slot * (62 if count < _CROWD else 72 if count < 3 * _CROWD else 80) // 100
    x, wide = hundredths(left + (slot - width) // 2), hundredths(width)
    top = plot.base - plot.pixels(of.amount)
    more = plot.pixels(of.ahead)
    # A transparent column of full height is easier to point at than a low one.
    reach = element(
        "rect",
        x=percent(place, count),
        width=hundredths(slot),
        y=0,
        height=plot.base,
        class_="reach",
    )
    return element(
        "g",
        element("title", of.tip),
        reach,
        _bar(x, wide, top, plot.base - top, kind=f"bar {of.kind}"),
        _bar(x, wide, top - more, more, kind="bar ahead", fill=f"url(#{plot.id}-ahead)"),
        _tick(of, place, plot),
        class_="column",
    )


def _bar(x: str, width: str, y: int, height: int, *, kind: str, fill: str = "") -> Markup:
    if not height:
        return Markup()
    return element("rect", x=x, width=width, y=y, height=height, fill=fill, class_=kind)


def _tick(of: Column, place: int, plot: _Plot) -> Markup:
    if not of.tick:
        return Markup()
    count = plot.columns
    at, anchor = hundredths((2 * place + 1) * WHOLE // (2 * count)), "middle"
    if count >= _CROWD and place * 20 < count:
        at, anchor = percent(place, count), "start"
    elif count >= _CROWD and (place + 1) * 20 > count * 19:
        at, anchor = percent(place + 1, count), "end"
    kind = "tick minor" if of.minor else "tick"
    return element("text", of.tick, x=at, y=plot.base + 19, text_anchor=anchor, class_=kind)
