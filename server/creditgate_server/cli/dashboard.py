"""`creditgate-server dashboard`."""

from __future__ import annotations

import asyncio
import os

import click

from creditgate_server import logs
from creditgate_server.settings import Settings


@click.command()
@click.option("--listen", metavar="HOST:PORT", help="Where (CREDITGATE_DASHBOARD_LISTEN).")
@click.option("--parent", type=int, hidden=True, help="End when this process is not the parent.")
def dashboard(*, listen: str | None, parent: int | None) -> None:
    """Serve the web page on which usage is shown: to staff with a key, to customers by links."""
    from creditgate_server.web import WebStartError, serve

    given = {"CREDITGATE_DASHBOARD_LISTEN": listen} if listen else {}
    settings = Settings.from_env({**os.environ, **given})
    logs.configure(level=settings.log_level, form=settings.log_format, trace_ids=lambda: None)
    try:
        asyncio.run(serve(settings, parent=parent))
    except WebStartError as error:
        raise click.ClickException(logs.without_secrets(str(error))) from error
