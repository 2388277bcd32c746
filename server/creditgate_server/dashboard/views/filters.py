"""Which entries of the activity log are asked for, as the page's own URLs say it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import NamedTuple

from creditgate_server.domain.activity import Choice, EntryKind, Span
from creditgate_server.domain.statements import Period, Place

from .clock import Clock

RANGES = (("7", "7 days"), ("30", "30 days"), ("90", "90 days"), ("all", "All"), ("own", "Range"))
"""The ranges to choose from, as URLs and as people say them."""
KINDS = (
    ("", "Everything"),
    ("charge", "Charges"),
    ("refund", "Refunds"),
    ("grant", "Credits given"),
    ("expiry", "Credits ended"),
    ("revocation", "Credits taken back"),
)
"""The kinds of entries to choose from."""
RANGE_DEFAULT = "30"
_LENGTH_MAX = 128
_NUMBER_MAX = 2**63 - 1
# What details call what the page calls otherwise.
_ATTRIBUTES = {"conversation": "conversation_id"}
ATTRIBUTES = ("agent", "topic", "user", "conversation")


class BadFilterError(Exception):
    """A filter makes no sense; the text says why, to the person who asked."""


class Filter(NamedTuple):
    """What is asked for. All are texts as they stand in a URL; empty asks for nothing special."""

    last: str = RANGE_DEFAULT
    since: str = ""
    until: str = ""
    kind: str = ""
    type: str = ""
    meter: str = ""
    model: str = ""
    agent: str = ""
    topic: str = ""
    user: str = ""
    conversation: str = ""

    @property
    def query(self) -> dict[str, str]:
        """What a URL says to ask for the same; nothing of what need not be said."""
        said = {name: value for name, value in self._asdict().items() if value}
        if self.last != "own":
            said = {name: value for name, value in said.items() if name not in {"since", "until"}}
        return {name: value for name, value in said.items() if (name, value) != _DEFAULT}

    @property
    def narrows(self) -> bool:
        """True when it keeps only some of the entries of its range."""
        return any(self[Filter._fields.index("kind") :])


_DEFAULT = ("last", RANGE_DEFAULT)


class Asked(NamedTuple):
    """What is asked of the ledger."""

    span: Span
    choice: Choice


def read(query: Mapping[str, str]) -> Filter:
    """Read a filter out of a URL. Raises `BadFilterError`."""
    given = {name: query.get(name, "").strip() for name in Filter._fields}
    if any(len(value) > _LENGTH_MAX for value in given.values()):
        raise BadFilterError(f"No filter is longer than {_LENGTH_MAX} characters.")
    given["last"] = given["last"] or ("own" if given["since"] or given["until"] else RANGE_DEFAULT)
    if given["last"] not in dict(RANGES):
        raise BadFilterError("Choose one of the ranges that are offered.")
    if given["kind"] not in dict(KINDS):
        raise BadFilterError("Choose one of the kinds that are offered.")
    return Filter(**given)


def asked(of: Filter, clock: Clock) -> Asked:
    """Work out what is asked of the ledger. Raises `BadFilterError`."""
    kinds = [EntryKind[of.kind.upper()]] if of.kind else None
    wanted = {name: value for name in ATTRIBUTES if (value := getattr(of, name))}
    attributes = {_ATTRIBUTES.get(name, name): value for name, value in wanted.items()}
    text = json.dumps({"attributes": attributes}, ensure_ascii=False) if attributes else None
    choice = Choice(kinds, of.meter or None, of.model or None, text, of.type or None)
    return Asked(_span(of, clock), choice)


def _span(of: Filter, clock: Clock) -> Span:
    if of.last == "all":
        return Span()
    if of.last != "own":
        return Span(last=timedelta(days=int(of.last)))
    first, last = _day(of.since), _day(of.until)
    if first and last and last < first:
        raise BadFilterError("The range ends before it begins.")
    return Span(
        start=_midnight(clock, first) if first else None,
        until=_midnight(clock, last + timedelta(days=1)) if last else None,
    )


def _midnight(clock: Clock, day: date) -> datetime:
    try:
        return clock.midnight(day)
    except OverflowError:
        raise BadFilterError("That day is too far away.") from None


def _day(text: str) -> date | None:
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise BadFilterError("Write days as year-month-day, such as 2026-11-22.") from None
    if not 1970 <= day.year < 9999:  # noqa: PLR2004 - years that the database and Python know
        raise BadFilterError("That day is too far away.")
    return day


class Cursor(NamedTuple):
    """Where the log goes on: after an entry of a period that its first page has fixed."""

    period: Period
    after: Place

    @property
    def text(self) -> str:
        """How a URL says it."""
        return "-".join(map(str, (*self.period, *self.after)))


def cursor(text: str) -> Cursor | None:
    """Read where the log goes on; None at its beginning. Raises `BadFilterError`."""
    if not text:
        return None
    parts = text.split("-")
    numbers = [int(each) for each in parts if each.isascii() and each.isdecimal()]
    if len(numbers) != len(parts) or len(numbers) != len(Period._fields) + len(Place._fields):
        raise BadFilterError("This page of the log does not exist.")
    if max(numbers) > _NUMBER_MAX or numbers[-1] > 2**15 - 1:
        raise BadFilterError("This page of the log does not exist.")
    return Cursor(Period(*numbers[:2]), Place(*numbers[2:]))
