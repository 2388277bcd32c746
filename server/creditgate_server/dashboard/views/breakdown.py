"""Where credits went: what each model, kind of work, agent, topic or conversation has consumed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from creditgate_server.dashboard.charts.bars import bar
from creditgate_server.domain.usage import Grouping, UsageRow

from .amounts import Amount, amount, share


class Part(NamedTuple):
    """What one of them has consumed; `value` is its name, empty for work that names none."""

    name: str
    value: str
    consumed: Amount
    share: str
    bar: Markup


class Breakdown(NamedTuple):
    """A list of parts, the dearest first; `field` is the filter of the log that a part stands for.

    `rest` is what those that are not listed come to.
    """

    title: str
    field: str
    parts: Sequence[Part]
    rest: Part | None


class Kind(NamedTuple):
    """One way to divide what was consumed."""

    grouping: Grouping
    title: str
    field: str
    unnamed: str
    value_field: str


KINDS = (
    Kind(Grouping.MODEL, "Models", "model", "no model", "model"),
    Kind(Grouping.TYPE, "Kinds of work", "type", "by amount", "type"),
    Kind(Grouping.AGENT, "Agents", "agent", "no agent", "value"),
    Kind(Grouping.TOPIC, "Topics", "topic", "no topic", "value"),
    Kind(Grouping.USER, "Users", "user", "no user", "value"),
    Kind(Grouping.CONVERSATION, "Dearest conversations", "conversation", "none", "value"),
)
"""All ways, in the order in which they are shown."""


def breakdown(
    kind: Kind, rows: Sequence[UsageRow], *, whole_micros: int, listed: int = 6
) -> Breakdown | None:
    """Show rows of usage, which come the dearest first; None where no work names anything.

    `rows` may be the beginning of a longer list: `whole_micros` is what all have consumed.
    """
    named = [row for row in rows if _value(kind, row)]
    if not named:
        return None
    # Of thousands of conversations, what all but a few come to says nothing.
    only_named = kind.grouping == Grouping.CONVERSATION
    shown = (named if only_named else rows)[:listed]
    over = whole_micros - sum(row.consumed_micros for row in shown)
    has_rest = len(rows) > len(shown) and not only_named
    highest = max(1, *(row.consumed_micros for row in shown), over if has_rest else 0)
    parts = [_part(kind, row, highest, whole_micros) for row in shown]
    rest = None
    if has_rest:
        rest = Part("All others", "", amount(over), share(over, whole_micros), bar(over, highest))
    return Breakdown(kind.title, kind.field, parts, rest)


def _value(kind: Kind, row: UsageRow) -> str:
    value: str = getattr(row, kind.value_field)
    return value


def _part(kind: Kind, row: UsageRow, highest: int, whole_micros: int) -> Part:
    value = _value(kind, row)
    return Part(
        name=value or kind.unnamed,
        value=value,
        consumed=amount(row.consumed_micros),
        share=share(row.consumed_micros, whole_micros),
        bar=bar(row.consumed_micros, highest),
    )
