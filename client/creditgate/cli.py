"""The command `creditgate`. Needs the extra `cli`: pip install 'creditgate[cli]'."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import click


def main() -> None:
    """Run the command line; says what to install where click is missing."""
    try:
        command = load()
    except ModuleNotFoundError as missing:
        if missing.name != "click":
            raise
        sys.exit("The command line needs click. Install it with: pip install 'creditgate[cli]'")
    command(prog_name="creditgate")


def load() -> click.Group:
    """The command with all its subcommands. Raises ModuleNotFoundError without click."""
    from creditgate._commands import (
        account,
        activity,
        budget,
        conversation,
        delivery,
        event,
        link,
        package,
        plan,
        rate,
        topup,
        usage,
        watch,
        work,
    )
    from creditgate._commands.command import creditgate

    for commands in (
        work.COMMANDS,
        account.COMMANDS,
        plan.COMMANDS,
        rate.COMMANDS,
        package.COMMANDS,
        topup.COMMANDS,
        event.COMMANDS,
        delivery.COMMANDS,
        budget.COMMANDS,
        conversation.COMMANDS,
        activity.COMMANDS,
        link.COMMANDS,
        usage.COMMANDS,
        watch.COMMANDS,
    ):
        for command in commands:
            creditgate.add_command(command)
    return creditgate


if __name__ == "__main__":
    main()
