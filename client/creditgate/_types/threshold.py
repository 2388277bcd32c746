"""Balances that alert."""

from __future__ import annotations

from dataclasses import dataclass

from creditgate._types.amount import Amount, to_credits, to_micros


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """A balance that alerts when it is reached from above.

    A part of the plan's allowance in `percent`, or else an amount: one of them is None.
    """

    percent: int | None = None
    amount_micros: int | None = None

    @classmethod
    def parse(cls, value: Threshold | Amount) -> Threshold:
        """Read `"20%"`, or an amount of credits. Raises ValueError, TypeError for floats."""
        if isinstance(value, Threshold):
            return value
        if isinstance(value, str) and value.endswith("%"):
            part = value.removesuffix("%")
            if not (part.isascii() and part.isdigit()):
                raise ValueError(f"a threshold is a percentage such as 20%, not {value!r}")
            return cls(percent=int(part))
        return cls(amount_micros=to_micros(value, name="threshold"))

    def __str__(self) -> str:
        if self.percent is not None:
            return f"{self.percent}%"
        return f"{to_credits(self.amount_micros or 0):f}"
