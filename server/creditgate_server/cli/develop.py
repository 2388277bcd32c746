"""`creditgate-server dev`."""

from __future__ import annotations

import asyncio
import os

import click

from creditgate_server.logs import without_secrets


@click.command()
@click.option("--listen", metavar="HOST:PORT", help="Where to serve (CREDITGATE_LISTEN).")
def dev(*, listen: str | None) -> None:
    """Start everything here: PostgreSQL, a demo account with credits, an API key, the server.

    What it makes is in .creditgate/ of the current folder and is there again the next time. With
    CREDITGATE_DATABASE_URL it uses that database instead of starting one.
    """
    from creditgate_server.app import StartError
    from creditgate_server.dev.folder import FolderInUseError
    from creditgate_server.dev.run import DevError, run

    environ = {**os.environ, **({"CREDITGATE_LISTEN": listen} if listen else {})}
    try:
        asyncio.run(run(environ))
    except (DevError, FolderInUseError, StartError) as error:
        raise click.ClickException(without_secrets(str(error))) from error
