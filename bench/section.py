"""What a scenario found: a table, the figures behind it, and which asks it answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Row = tuple[Any, ...]


@dataclass(frozen=True, kw_only=True)
class Ask:
    """Something the project has set out to reach: `measured` against `wanted`, as texts."""

    what: str
    wanted: str
    measured: str
    reached: bool

    @classmethod
    def at_least(cls, what: str, *, wanted: float, measured: float, unit: str = "x") -> Ask:
        return cls(
            what=what,
            wanted=f">= {wanted:g} {unit}",
            measured=f"{measured:.3g} {unit}",
            reached=measured >= wanted,
        )

    @classmethod
    def at_most(cls, what: str, *, wanted: float, measured: float, unit: str = "x") -> Ask:
        return cls(
            what=what,
            wanted=f"<= {wanted:g} {unit}",
            measured=f"{measured:.3g} {unit}",
            reached=measured <= wanted,
        )


@dataclass(frozen=True, kw_only=True)
class Section:
    """One scenario's result. `notes` are sentences below the table."""

    title: str
    columns: tuple[str, ...]
    rows: list[Row]
    asks: list[Ask] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
