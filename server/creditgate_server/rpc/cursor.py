"""Where lists of an account's entries go on."""

from __future__ import annotations

from typing import NamedTuple

from creditgate_server.domain.statements import Period, Place


class Cursor(NamedTuple):
    """Where a list goes on: after an entry of a period that its first page has fixed."""

    period: Period
    after: Place | None

    @classmethod
    def read(cls, text: str) -> Cursor | None:
        """Read what a token of ours holds; None for the first page."""
        if not text:
            return None
        after_version, through_version, version, line = map(int, text.split())
        return cls(Period(after_version, through_version), Place(version, line))

    def at(self, place: Place) -> str:
        """Write where it goes on after a place."""
        return " ".join(map(str, (*self.period, *place)))
