"""`creditgate-server dev`."""

from __future__ import annotations

import asyncio
import os

import click

from creditgate_server.logs import without_secrets


@click.command()
@click.option("--listen", metavar="HOST:PORT", help="Where to serve (CREDITGATE_LISTEN).")
@click.option(
    "--demo-data",
    is_flag=True,
    help="Serve a database of its own with a year in the life of a few customers; made once.",
)
@click.option(
    "--demo-days",
    type=click.IntRange(1, 730),
    default=365,
    show_default=True,
    help="How many days of demo data to make, if there are none.",
)
@click.option(
    "--demo-traffic", is_flag=True, help="With --demo-data: agents who go on working meanwhile."
)
def dev(*, listen: str | None, demo_data: bool, demo_days: int, demo_traffic: bool) -> None:
    """Start everything here: PostgreSQL, a demo account with credits, an API key, the server.

    What it makes is in .creditgate/ of the current folder and is there again the next time. With
    CREDITGATE_DATABASE_URL it uses that database instead of starting one.
    """
    from creditgate_server.app import StartError
    from creditgate_server.dev.demo_data import DemoDataError, Wishes
    from creditgate_server.dev.folder import FolderInUseError
    from creditgate_server.dev.run import DevError, run

    if demo_traffic and not demo_data:
        raise click.UsageError("--demo-traffic goes with --demo-data")
    wishes = Wishes(data=demo_data, days=demo_days, traffic=demo_traffic)
    environ = {**os.environ, **({"CREDITGATE_LISTEN": listen} if listen else {})}
    try:
        asyncio.run(run(environ, wishes))
    except (DemoDataError, DevError, FolderInUseError, StartError) as error:
        raise click.ClickException(without_secrets(str(error))) from error
