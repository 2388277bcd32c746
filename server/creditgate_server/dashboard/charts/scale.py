"""Where the lines of a chart lie."""

from __future__ import annotations

from typing import NamedTuple

# Tenths of a power of ten.
_STEPS = (10, 20, 25, 50, 100)


class Scale(NamedTuple):
    """A chart from 0 to `top`, with a line at every `step`."""

    top: int
    step: int

    @property
    def lines(self) -> range:
        """The amounts at which lines are drawn, but for 0."""
        return range(self.step, self.top + 1, self.step)


def scale(highest: int, *, lines: int = 3) -> Scale:
    """Choose round amounts so that `highest` fits below at most so many lines."""
    wanted = max(1, -(-highest // lines))
    power = 10 ** (len(str(wanted)) - 1)
    steps = (each * power // 10 for each in _STEPS if each * power % 10 == 0)
    step = next(each for each in steps if each >= wanted)
    return Scale(step * -(-max(1, highest) // step), step)
