"""Credits as people read them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

CREDIT = 1_000_000
_PLACES = 6
_SHOWN = 2
_MINUS = "−"
_DIGIT_BLANK = "\N{FIGURE SPACE}"
_POINT_BLANK = "\N{PUNCTUATION SPACE}"


class Amount(NamedTuple):
    """Credits to show: exact in `micros` and `exact`, as they are shown in `text`.

    `pad` is blanks as wide as the decimals that it lacks, so that points stand below each other.
    """

    micros: int
    text: str
    pad: str = ""

    @property
    def exact(self) -> str:
        """All that there is, to the micro-credit."""
        return written(self.micros, places=needed(self.micros))

    @property
    def negative(self) -> bool:
        """True of less than nothing."""
        return self.micros < 0


def amount(micros: int) -> Amount:
    """Show credits by themselves: two decimals at most, but something of what is very little."""
    return Amount(micros, written(micros, places=_few(micros)))


def exactly(micros: int, *, places: int) -> Amount:
    """Show credits exactly, in a column whose amounts have up to so many decimals."""
    has = needed(micros)
    pad = _DIGIT_BLANK * (places - has) + ("" if has else _POINT_BLANK) if places > has else ""
    return Amount(micros, written(micros, places=has), pad)


def change(micros: int, *, places: int) -> Amount:
    """Show exactly what was added or taken, with its sign."""
    shown = exactly(micros, places=places)
    return shown._replace(text=f"+{shown.text}") if micros > 0 else shown


def column(micros: Iterable[int]) -> int:
    """Answer how many decimals amounts need that stand below each other and are shown exactly."""
    return max((needed(each) for each in micros), default=0)


def written(micros: int, *, places: int) -> str:
    """Write credits with so many decimals, rounded half away from zero, in groups of three."""
    unit = 10 ** (_PLACES - places)
    units = (abs(micros) + unit // 2) // unit
    whole, part = divmod(units, 10**places)
    sign = _MINUS if micros < 0 and units else ""
    return f"{sign}{whole:,}" + (f".{part:0{places}}" if places else "")


def plain(micros: int) -> str:
    """Write credits exactly and as programs read them: `-1234.5`."""
    whole, part = divmod(abs(micros), CREDIT)
    sign = "-" if micros < 0 else ""
    return f"{sign}{whole}" + (f".{part:06}".rstrip("0") if part else "")


def needed(micros: int) -> int:
    """Answer how many decimals an amount has."""
    part = abs(micros) % CREDIT
    return len(f"{part:06}".rstrip("0")) if part else 0


def short(micros: int) -> str:
    """Write credits for the scale of a chart: `1.5k`, `20M`."""
    for unit, letter in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if abs(micros) >= unit * CREDIT * (10 if unit == 10**3 else 1):
            return written(micros // unit, places=min(_SHOWN, needed(micros // unit))) + letter
    return written(micros, places=needed(micros))


def share(part: int, whole: int) -> str:
    """Write a part of a whole in percent, rounded half up; `<1 %` of what is little."""
    if part <= 0 or whole <= 0:
        return "0 %"
    percents = (part * 200 + whole) // (2 * whole)
    return f"{percents:,} %" if percents else "<1 %"


def _few(micros: int) -> int:
    places = needed(micros)
    if places <= _SHOWN:
        return places
    # So little that two decimals would hide it is shown with two digits that count.
    leading = _PLACES - len(str(abs(micros)))
    if abs(micros) >= CREDIT // 100:
        return _SHOWN
    return min(places, max(_SHOWN, leading + 2))
