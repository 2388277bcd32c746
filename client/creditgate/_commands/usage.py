"""The command that shows how an account stands and what it has consumed."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import click

from creditgate._commands.command import ACCOUNT, Session, command, pairs
from creditgate._commands.figures import summary_lines
from creditgate._commands.usage_rows import row_lines, spread_lines, write_rows, zone
from creditgate._types.summary import DayUsage
from creditgate._types.usage import UsageGrouping, UsageMeasure, UsageUnit

DAY_COLUMNS = ("date", "consumed", "holds")
PAGE_MAX = 1000
SPREADS = {
    "sessions": UsageMeasure.SESSION_SECONDS,
    "messages": UsageMeasure.SESSION_MESSAGES,
    "calls": UsageMeasure.CALL_SECONDS,
}
UNITS = [unit.value.lower() for unit in UsageUnit if unit is not UsageUnit.UNKNOWN]
GROUPINGS = [each.value.lower() for each in UsageGrouping if each is not UsageGrouping.UNKNOWN]


def _questions(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options that ask about parts of what was consumed."""
    options = [
        click.option("--by", type=click.Choice(GROUPINGS), multiple=True, help="Repeatable."),
        click.option("--per", type=click.Choice(UNITS), help="A row for each."),
        click.option("--top", type=click.IntRange(min=1), help="The so many dearest alone."),
        click.option("--label-key", default="", help="The label that --by label is about."),
        click.option("--type", default="", help="Of such work, such as chat or call."),
        click.option("--meter", default="", help="Of work that counts this."),
        click.option("--model", default="", help="Of work by this model."),
        click.option("--agent", default="", help="Of work by this agent."),
        click.option("--user", default="", help="Of work for this user."),
        click.option("--topic", default="", help="Of work about this."),
        click.option("--conversation", "conversation_id", default="", help="Of this conversation."),
        click.option("--label", "labels", multiple=True, metavar="KEY=VALUE", help="One at most."),
        click.option("--spread", type=click.Choice(list(SPREADS)), help="How long, or how many."),
    ]
    for option in reversed(options):
        function = option(function)
    return function


@command
@ACCOUNT
@click.option("--days", type=float, help="Of the last so many days.")
@click.option("--from", "since", type=click.DateTime(), help="The first instant, UTC.")
@click.option("--until", type=click.DateTime(), help="The first instant after it, UTC.")
@_questions
@click.option("--csv", "as_csv", is_flag=True, help="The rows as comma-separated values.")
def usage(
    session: Session,
    *,
    account: str,
    days: float | None,
    since: datetime | None,
    until: datetime | None,
    spread: str | None,
    as_csv: bool,
    **asked: Any,
) -> None:
    """Show how an account stands, what it consumes, and how long that will last.

    With --by, --per, --top or a filter, what was consumed, row by row. With --spread, how long
    sessions or calls were, or how many messages sessions had. All of the running cycle, or the
    calendar month of an account without cycles, unless a range is asked for; times are those of
    the account's time zone.
    """
    if as_csv and session.as_json:
        raise click.UsageError("one of --json and --csv, not both")
    when = {
        "days": days,
        "since": since and since.replace(tzinfo=UTC),
        "until": until and until.replace(tzinfo=UTC),
    }
    if spread:
        if as_csv or any(asked.values()):
            raise click.UsageError("--spread goes with a range and --json alone")
        _show_spread(session, account, spread, when)
    elif any(asked.values()):
        _show_rows(session, account, when, as_csv=as_csv, **asked)
    else:
        _show_summary(session, account, when, as_csv=as_csv)


def _show_summary(session: Session, account: str, when: dict[str, Any], *, as_csv: bool) -> None:
    summary = session.client.get_summary(account, **when)
    if as_csv:
        _write_days(summary.days)
    else:
        session.show(summary, *summary_lines(summary, encoding=sys.stdout.encoding))


def _show_rows(
    session: Session,
    account: str,
    when: dict[str, Any],
    *,
    by: tuple[str, ...],
    per: str | None,
    top: int | None,
    label_key: str,
    labels: tuple[str, ...],
    as_csv: bool,
    **filters: Any,
) -> None:
    """Show what was consumed, row by row."""
    given = pairs(labels)
    keys = {*filter(None, (label_key, *given))}
    if len(keys) > 1:
        raise click.UsageError("only one label can be asked about")
    period = session.client.get_summary(account, **when).period
    unit, groups = UsageUnit(per.upper()) if per else None, _groups(by)
    found = session.client.query_usage(
        account,
        **(when if any(when.values()) else {"since": period.starts_at}),
        per=unit,
        by=groups,
        label="".join(given.values()),
        label_key="".join(keys),
        dearest_first=top is not None,
        page_size=min(top or PAGE_MAX, PAGE_MAX),
        **filters,
    )
    place = zone(period.time_zone)
    if as_csv:
        write_rows(islice(found, top), per=unit, by=groups, place=place)
        return
    rows = list(islice(found, top))
    lines = row_lines(rows, per=unit, by=groups, place=place, encoding=sys.stdout.encoding)
    session.show(rows, *lines)


def _groups(by: tuple[str, ...]) -> list[UsageGrouping]:
    """The groupings that were named, each once."""
    return [UsageGrouping(each.upper()) for each in dict.fromkeys(by)]


def _show_spread(session: Session, account: str, spread: str, when: dict[str, Any]) -> None:
    if not any(when.values()):
        when = {"since": session.client.get_summary(account).period.starts_at}
    found = session.client.distribution(account, measure=SPREADS[spread], **when)
    in_seconds = spread != "messages"
    lines = spread_lines(found, in_seconds=in_seconds, encoding=sys.stdout.encoding)
    session.show(found, *lines)


def _write_days(days: tuple[DayUsage, ...]) -> None:
    rows = csv.writer(sys.stdout, lineterminator="\n")
    rows.writerow(DAY_COLUMNS)
    for each in days:
        rows.writerow((each.date.isoformat(), f"{each.consumed:f}", each.holds))


COMMANDS = (usage,)
