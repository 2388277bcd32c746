"""`creditgate-server`: everything an operator does, one file per subject."""

from __future__ import annotations

import click

from creditgate_server.cli.archive import empty_archive
from creditgate_server.cli.config import check_config
from creditgate_server.cli.dashboard import dashboard
from creditgate_server.cli.database import migrate, verify
from creditgate_server.cli.develop import dev
from creditgate_server.cli.errors import TellingGroup
from creditgate_server.cli.health import health
from creditgate_server.cli.keys import keys
from creditgate_server.cli.serve import serve, work
from creditgate_server.cli.tenants import tenants
from creditgate_server.cli.usage import rebuild_usage


@click.group(
    cls=TellingGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Settings come from the environment: `creditgate-server check-config` lists them all.",
)
@click.version_option(package_name="creditgate-server", prog_name="creditgate-server")
def main() -> None:
    """Run and look after a Creditgate server."""


for _command in (
    dev,
    serve,
    work,
    dashboard,
    migrate,
    check_config,
    health,
    tenants,
    keys,
    verify,
    rebuild_usage,
    empty_archive,
):
    main.add_command(_command)
