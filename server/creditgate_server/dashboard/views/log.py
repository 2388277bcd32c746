"""The activity log: entries of the ledger, with the work that they were for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from creditgate_server.domain.activity import Activity, EntryKind
from creditgate_server.domain.rates import Line

from .amounts import Amount, change, column, exactly
from .clock import Clock, Moment
from .details import Details, details
from .names import given_name

_NAMES = {
    EntryKind.GRANT: "Credits given",
    EntryKind.CHARGE: "Charge",
    EntryKind.REFUND: "Refund",
    EntryKind.EXPIRY: "Credits ended",
    EntryKind.REVOCATION: "Credits taken back",
}


class Fact(NamedTuple):
    """One thing that is known of the work; `field` is the filter of the log that it stands for."""

    name: str
    value: str
    field: str = ""


class Entry(NamedTuple):
    """A line of the log. `title` says what it was in a word, `what` names it."""

    at: Moment
    day: str
    kind: str
    title: str
    what: str
    quantity: str
    amount: Amount
    balance: Amount
    facts: Sequence[Fact]


def log(activities: Sequence[Activity], clock: Clock) -> list[Entry]:
    """Show entries. Amounts are exact, with as many decimals as any of them needs."""
    changes = column(each.amount_micros for each in activities)
    balances = column(each.settled_micros for each in activities)
    return [_entry(each, clock, changes=changes, balances=balances) for each in activities]


def _entry(of: Activity, clock: Clock, *, changes: int, balances: int) -> Entry:
    kind = EntryKind(of.kind)
    known = details(of.details)
    return Entry(
        at=clock.moment(of.created_at),
        day=clock.weekday_text(clock.day(of.created_at)),
        kind=kind.name.lower(),
        title=_title(of, kind),
        what=given_name(of.name or of.hold_id or ""),
        quantity=_quantity(of),
        amount=change(of.amount_micros, places=changes),
        balance=exactly(of.settled_micros, places=balances),
        facts=_facts(of, known),
    )


def _title(of: Activity, kind: EntryKind) -> str:
    if of.type == kind.name.lower():
        return _NAMES[kind]
    word = of.type.capitalize()
    return f"{word} refund" if kind == EntryKind.REFUND else word


def _quantity(of: Activity) -> str:
    if not of.first_meter:
        return ""
    return f"{of.quantity:,} × {of.first_meter}"


def _facts(of: Activity, known: Details) -> list[Fact]:
    facts = [
        Fact("Model", of.model or "", "model"),
        Fact("Agent", known.agent, "agent"),
        Fact("Topic", known.topic, "topic"),
        Fact("User", known.user, "user"),
        Fact("Conversation", known.conversation_id, "conversation"),
        Fact("Call", known.call_id if known.call_id != of.hold_id else ""),
        *(Fact(key, value) for key, value in known.labels),
        *(Fact(f"also {each.rate.meter}", f"{each.used_quantity:,}") for each in _others(of)),
    ]
    if of.name and of.hold_id and of.name != of.hold_id:
        facts.append(Fact("Hold", of.hold_id))
    return [each for each in facts if each.value]


def _others(of: Activity) -> Sequence[Line]:
    return (of.lines or ())[1:]
