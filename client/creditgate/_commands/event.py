"""The commands about events."""

from __future__ import annotations

import click

from creditgate._commands.command import ACCOUNT, Session, command
from creditgate._commands.output import event_line


@command
@ACCOUNT
@click.option("--after", type=int, default=0, help="The number of the last event you know.")
def events(session: Session, *, account: str, after: int) -> None:
    """List what happened to an account, oldest first."""
    found = list(session.client.list_events(account, after=after))
    session.show(found, *map(event_line, found))


COMMANDS = (events,)
