"""A ring of parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from .svg import described, element, hatching, together

# Lengths along the ring, in thousandths of it. What is there can be seen, however little.
RING = 1_000
_LEAST = 9
_GAP = 5
_SIZES = ((7, "wide"), (10, "long"), (1_000, "longest"))


class Slice(NamedTuple):
    """A part of the ring; `kind` says how it looks."""

    kind: str
    amount: int


class Centre(NamedTuple):
    """What stands in the middle of the ring: a figure, and a word below it."""

    figure: str
    word: str


def donut(
    id_: str, slices: Sequence[Slice], *, centre: Centre, title: str, description: str
) -> Markup:
    """Draw a ring, its slices clockwise from the top."""
    words, pointers = described(id_, title, description)
    drawn = [_track()]
    start = 0
    lengths = shares([each.amount for each in slices])
    several = sum(length > 0 for length in lengths) > 1
    for each, length in zip(slices, lengths, strict=True):
        if length:
            drawn.append(_arc(id_, each.kind, start, length - (_GAP if several else 0)))
        start += length
    text = together(
        element(
            "text", centre.figure, x="120", y="126", class_=f"donut-figure {_size(centre.figure)}"
        ),
        element("text", centre.word, x="120", y="150", class_="donut-word"),
    )
    return element(
        "svg",
        words,
        hatching(f"{id_}-held", "held"),
        element("g", *drawn, transform="rotate(-90 120 120)"),
        text,
        class_="donut",
        viewBox="0 0 240 240",
        **pointers,
    )


def shares(amounts: Sequence[int]) -> list[int]:
    """Divide the ring among amounts; negative ones have none. The last part takes what is over."""
    counted = [max(0, amount) for amount in amounts]
    whole = sum(counted)
    if not whole:
        return [0] * len(counted)
    lengths = [max(_LEAST, RING * amount // whole) if amount else 0 for amount in counted]
    largest = max(range(len(lengths)), key=lambda place: lengths[place])
    lengths[largest] += RING - sum(lengths)
    return lengths


def _size(figure: str) -> str:
    """Choose how large a figure is written, so that it fits into the ring."""
    return next(size for most, size in _SIZES if len(figure) <= most)


def _track() -> Markup:
    return element("circle", cx="120", cy="120", r="102", class_="donut-track")


def _arc(id_: str, kind: str, start: int, length: int) -> Markup:
    return element(
        "circle",
        cx="120",
        cy="120",
        r="102",
        pathLength=RING,
        stroke_dasharray=f"{length} {RING - length}",
        stroke_dashoffset=-start,
        stroke=f"url(#{id_}-held)" if kind == "held" else None,
        class_=f"donut-slice {kind}",
    )
