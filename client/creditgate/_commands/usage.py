"""The command that shows how an account stands and what it has consumed."""

from __future__ import annotations

import csv
import sys
from datetime import UTC, datetime

import click

from creditgate._commands.command import ACCOUNT, Session, command
from creditgate._commands.figures import summary_lines
from creditgate._types.summary import DayUsage

DAY_COLUMNS = ("date", "consumed", "holds")


@command
@ACCOUNT
@click.option("--days", type=float, help="Of the last so many days.")
@click.option("--from", "since", type=click.DateTime(), help="The first instant, UTC.")
@click.option("--until", type=click.DateTime(), help="The first instant after it, UTC.")
@click.option("--csv", "as_csv", is_flag=True, help="The days as comma-separated values.")
def usage(
    session: Session,
    *,
    account: str,
    days: float | None,
    since: datetime | None,
    until: datetime | None,
    as_csv: bool,
) -> None:
    """Show how an account stands, what it consumes, and how long that will last.

    Of the running cycle, or the calendar month of an account without cycles, unless a range is
    asked for.
    """
    if as_csv and session.as_json:
        raise click.UsageError("one of --json and --csv, not both")
    summary = session.client.get_summary(
        account,
        days=days,
        since=since and since.replace(tzinfo=UTC),
        until=until and until.replace(tzinfo=UTC),
    )
    if as_csv:
        _write_days(summary.days)
    else:
        session.show(summary, *summary_lines(summary, encoding=sys.stdout.encoding))


def _write_days(days: tuple[DayUsage, ...]) -> None:
    rows = csv.writer(sys.stdout, lineterminator="\n")
    rows.writerow(DAY_COLUMNS)
    for each in days:
        rows.writerow((each.date.isoformat(), f"{each.consumed:f}", each.holds))


COMMANDS = (usage,)
