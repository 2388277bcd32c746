"""The command that watches."""

from __future__ import annotations

from itertools import islice

import click

from creditgate._commands.command import ACCOUNT, Session, command
from creditgate._commands.output import change_line, to_json_line


@command
@ACCOUNT
@click.option("--after", "after_version", type=int, default=0, help="The last version known.")
@click.option(
    "--warn",
    "warn_seconds",
    type=float,
    default=10.0,
    show_default=True,
    help="Seconds before a hold's expiry to say so.",
)
@click.option("--count", type=int, help="End after so many; without, go on until interrupted.")
def watch(
    session: Session, *, account: str, after_version: int, warn_seconds: float, count: int | None
) -> None:
    """Tell what happens to an account, as it happens; with --json, a line of JSON for each."""
    changes = session.client.watch(
        account, after_version=after_version, warn_before_seconds=warn_seconds
    )
    for change in islice(changes, count):
        click.echo(to_json_line(change) if session.as_json else change_line(change))


COMMANDS = (watch,)
