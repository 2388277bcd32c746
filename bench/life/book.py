"""What callers know they have used: the totals that statements are checked against."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from bench.prices import find

OPEN, COMMITTED, RELEASED, EXPIRED = "OPEN", "COMMITTED", "RELEASED", "EXPIRED"
SESSION = "SESSION"
"""The state of what is no hold: a session, which may have had several before it was charged."""

Quantities = dict[tuple[str, str], int]


@dataclass
class Work:
    """One hold: the most that was reported of each meter and model, and how it ended."""

    account_id: str
    hold_id: str
    state: str = OPEN
    used: Quantities = field(default_factory=dict)

    @property
    def cost(self) -> int:
        """What it costs in micro-credits, by the benchmark's own prices."""
        return sum(find(*what).of(quantity) for what, quantity in self.used.items())

    def report(self, quantities: Mapping[tuple[str, str], int]) -> None:
        """Note cumulative usage."""
        for what, quantity in quantities.items():
            self.used[what] = max(self.used.get(what, 0), quantity)


class Book:
    """All works, and what accounts were given in the course of the story."""

    def __init__(
        self, works: Iterable[Work] = (), granted: Mapping[str, int] | None = None
    ) -> None:
        self.works = {(each.account_id, each.hold_id): each for each in works}
        self.granted = dict(granted or {})

    def open(self, account_id: str, hold_id: str) -> Work:
        """Note a hold; ask again for one that is there."""
        return self.works.setdefault((account_id, hold_id), Work(account_id, hold_id))

    def lines(self) -> list[Any]:
        """The works, for JSON."""
        return [
            [each.account_id, each.hold_id, each.state, [[*k, n] for k, n in each.used.items()]]
            for each in self.works.values()
        ]

    @classmethod
    def read(cls, lines: Iterable[Any], granted: Mapping[str, int]) -> Self:
        works = (
            Work(account_id, hold_id, state, {(meter, model): n for meter, model, n in used})
            for account_id, hold_id, state, used in lines
        )
        return cls(works, granted)
