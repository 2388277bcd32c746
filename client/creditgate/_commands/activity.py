"""The command that shows what happened to an account's credits."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import click

from creditgate._commands.command import ACCOUNT, Session, command, pairs
from creditgate._commands.output import activity_row, to_json_line
from creditgate._types.activity import Activity
from creditgate._types.plan import EntryKind

KINDS = [kind.value.lower() for kind in EntryKind if kind is not EntryKind.UNKNOWN]
HEADINGS = ("time", "type", "amount", "balance", "model", "quantity", "agent", "topic", "name")
COLUMNS = (
    *("time", "version", "line", "kind", "type", "amount", "settled"),
    *("meter", "model", "quantity", "agent", "user", "topic", "conversation_id", "call_id"),
    *("hold_id", "name", "labels", "trace_id"),
)
# A spreadsheet takes a cell that begins so for a formula, and carries it out.
_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n")


def _filters(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options that choose entries."""
    options = [
        click.option("--days", type=float, help="Of the last so many days."),
        click.option("--from", "since", type=click.DateTime(), help="The first instant, UTC."),
        click.option("--until", type=click.DateTime(), help="The first instant after it, UTC."),
        click.option(
            "--kind", "kinds", type=click.Choice(KINDS), multiple=True, help="Repeatable."
        ),
        click.option("--type", "type", default="", help="Of such work, for example chat or call."),
        click.option("--meter", default="", help="Of work that counts this."),
        click.option("--model", default="", help="Of work by this model."),
        click.option("--agent", default="", help="Of work by this agent."),
        click.option("--user", default="", help="Of work for this user."),
        click.option("--topic", default="", help="Of work about this."),
        click.option("--conversation", "conversation_id", default="", help="Of this conversation."),
        click.option("--call", "call_id", default="", help="Of this call."),
        click.option("--label", "labels", multiple=True, metavar="KEY=VALUE", help="Repeatable."),
    ]
    for option in reversed(options):
        function = option(function)
    return function


@command
@ACCOUNT
@_filters
@click.option("--limit", type=click.IntRange(min=1), help="So many at most; 50 without a file.")
@click.option("--csv", "as_csv", is_flag=True, help="All as comma-separated values, oldest first.")
@click.option("--jsonl", "as_lines", is_flag=True, help="All as lines of JSON, oldest first.")
def activity(
    session: Session,
    *,
    account: str,
    since: datetime | None,
    until: datetime | None,
    kinds: tuple[str, ...],
    labels: tuple[str, ...],
    limit: int | None,
    as_csv: bool,
    as_lines: bool,
    **chosen: Any,
) -> None:
    """Show what happened to an account's credits, newest first: a table of the last 50.

    --csv and --jsonl write all there is, however much, oldest first. In a CSV, text that a
    spreadsheet would take for a formula has a ' before it.
    """
    if as_csv + as_lines + session.as_json > 1:
        raise click.UsageError("one of --json, --csv and --jsonl, not more")
    chosen |= {
        "since": since and since.replace(tzinfo=UTC),
        "until": until and until.replace(tzinfo=UTC),
        "kinds": [EntryKind(kind.upper()) for kind in kinds],
        "labels": pairs(labels),
    }
    if as_csv or as_lines:
        found = islice(session.client.export_activity(account, **chosen), limit)
        (_write_csv if as_csv else _write_lines)(found)
        return
    size = limit or 50
    listed = session.client.list_activity(account, page_size=min(size, 1000), **chosen)
    shown = list(islice(listed, size))
    lines = table([HEADINGS, *map(activity_row, shown)]) if shown else ["no activity"]
    session.show(shown, *lines)


def table(rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """Rows as lines, in columns; without columns that have nothing but a heading."""
    shown = (tuple(map(printable, row)) for row in rows)
    columns = [column for column in zip(*shown, strict=True) if any(column[1:])]
    widths = [max(map(len, column)) for column in columns]
    for row in zip(*columns, strict=True):
        cells = zip(row, widths, columns, strict=True)
        yield "  ".join(_aligned(*cell) for cell in cells).rstrip()


def printable(text: str) -> str:
    """Text that neither breaks a line nor commands a terminal."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)


def _aligned(text: str, width: int, column: tuple[str, ...]) -> str:
    """A cell in its column: numbers to the right."""
    return (
        text.rjust(width) if column[0] in {"amount", "balance", "quantity"} else text.ljust(width)
    )


def _write_lines(found: Iterable[Activity]) -> None:
    for each in found:
        click.echo(to_json_line(each))


def _write_csv(found: Iterable[Activity]) -> None:
    rows = csv.writer(sys.stdout, lineterminator="\n")
    rows.writerow(COLUMNS)
    for each in found:
        it = each.attributes
        of_entry = (each.created_at.isoformat(), each.version, each.line, each.kind.value)
        amounts = (f"{each.amount:f}", f"{each.settled:f}")
        about = (it.agent, it.user, it.topic, it.conversation_id, it.call_id)
        quantity = each.quantity if each.meter else ""
        labels = json.dumps(dict(each.labels), sort_keys=True) if each.labels else ""
        names = (each.hold_id, each.name)
        rows.writerow(
            (
                *(*of_entry, harmless(each.type), *amounts),
                *(harmless(each.meter), harmless(each.model), quantity),
                *map(harmless, (*about, *names)),
                labels,
                each.trace_id,
            )
        )


def harmless(text: str) -> str:
    """Text that no spreadsheet carries out as a formula."""
    return f"'{text}" if text.startswith(_FORMULAS) else text


COMMANDS = (activity,)
