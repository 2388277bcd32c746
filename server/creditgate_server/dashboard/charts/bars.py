"""Bars that lie: a part of a whole, or several of them one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from .svg import described, element, hatching, hundredths, percent

_HEIGHT = 5
_TALL = 14


def bar(part: int, whole: int) -> Markup:
    """Draw how much of the whole a part is. It repeats a figure beside it, so nothing tells it."""
    length = hundredths(max(60, min(10_000, part * 10_000 // whole)) if part > 0 < whole else 0)
    return element(
        "svg",
        element("rect", x="0", y="0", width="100%", height=_HEIGHT, rx="2.5", class_="bar-track"),
        element("rect", x="0", y="0", width=length, height=_HEIGHT, rx="2.5", class_="bar-part"),
        class_="bar",
        width="100%",
        height=_HEIGHT,
        aria_hidden="true",
    )


class Stretch(NamedTuple):
    """One part of a bar."""

    kind: str
    amount: int


class Mark(NamedTuple):
    """A place on a bar that is told of."""

    kind: str
    amount: int


def stretches(
    id_: str,
    parts: Sequence[Stretch],
    whole: int,
    *,
    marks: Sequence[Mark],
    title: str,
    description: str,
) -> Markup:
    """Draw parts one after the other along a whole, and marks across it."""
    words, pointers = described(id_, title, description)
    drawn, start = [], 0
    for part in parts:
        amount = max(0, part.amount)
        drawn.append(_stretch(id_, part.kind, start, amount, whole))
        start += amount
    lines = [
        element("line", x1=x, x2=x, y1="0", y2=_TALL + 8, class_=f"mark {mark.kind}")
        for mark in marks
        for x in [percent(min(mark.amount, whole), whole)]
    ]
    track = element("rect", x="0", y="4", width="100%", height=_TALL, rx="7", class_="bar-track")
    return element(
        "svg",
        words,
        hatching(f"{id_}-held", "held"),
        element("defs", element("clipPath", track, id=f"{id_}-round")),
        track,
        element("g", *drawn, clip_path=f"url(#{id_}-round)"),
        *lines,
        class_="stretches",
        width="100%",
        height=_TALL + 8,
        **pointers,
    )


def _stretch(id_: str, kind: str, start: int, amount: int, whole: int) -> Markup:
    if not amount:
        return Markup()
    return element(
        "rect",
        x=percent(start, whole),
        width=percent(amount, whole),
        y="4",
        height=_TALL,
        fill=f"url(#{id_}-held)" if kind == "held" else "",
        class_=f"stretch {kind}",
    )
