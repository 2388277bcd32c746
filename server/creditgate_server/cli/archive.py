"""`creditgate-server empty-archive`."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import click

from creditgate_server.cli.output import json_option, print_json
from creditgate_server.cli.store import database_url
from creditgate_server.postgres import archives


@click.command("empty-archive")
@click.option(
    "--before",
    type=click.DateTime(["%Y-%m-%d"]),
    required=True,
    help="What is from before this day, by UTC, is taken out.",
)
@click.confirmation_option(
    prompt="What is taken out is gone for good, unless you have dumped it. Go on?"
)
@json_option
def empty_archive(before: datetime, *, as_json: bool) -> None:
    """Take old holds and entries out of the archive, as the owner of the schema.

    Balances and sums stay as they are, and names that were used stay used.
    """
    day = before.replace(tzinfo=UTC)
    found = asyncio.run(archives.empty(database_url(), before=day))
    if as_json:
        print_json(found._asdict())
    else:
        click.echo(f"took {found.rows} holds and entries of {found.accounts} accounts out")
