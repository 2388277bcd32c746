"""The command that makes links."""

from __future__ import annotations

import click

from creditgate._commands.command import ACCOUNT, Session, command

_HOUR_SECONDS = 3_600


@command
@ACCOUNT
@click.option("--hours", type=float, default=1.0, show_default=True, help="How long it works.")
@click.option(
    "--origin",
    "origins",
    multiple=True,
    metavar="URL",
    help="A site that may show the page in a frame; repeatable.",
)
def link(session: Session, *, account: str, hours: float, origins: tuple[str, ...]) -> None:
    """Make a link to the web page of one account, for its owner; no key is needed to open it."""
    made = session.client.create_usage_link(
        account, ttl_seconds=hours * _HOUR_SECONDS, allowed_origins=origins
    )
    session.show(made, made.url, f"works until {made.expires_at:%Y-%m-%d %H:%M:%S} UTC")


COMMANDS = (link,)
