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
    from creditgate import (
        _account_commands,
        _activity_commands,
        _budget_commands,
        _conversation_commands,
        _delivery_commands,
        _event_commands,
        _package_commands,
        _plan_commands,
        _rate_commands,
        _topup_commands,
        _watch_commands,
        _work_commands,
    )
    from creditgate._command import creditgate

    for commands in (
        _work_commands.COMMANDS,
        _account_commands.COMMANDS,
        _plan_commands.COMMANDS,
        _rate_commands.COMMANDS,
        _package_commands.COMMANDS,
        _topup_commands.COMMANDS,
        _event_commands.COMMANDS,
        _delivery_commands.COMMANDS,
        _budget_commands.COMMANDS,
        _conversation_commands.COMMANDS,
        _activity_commands.COMMANDS,
        _watch_commands.COMMANDS,
    ):
        for command in commands:
            creditgate.add_command(command)
    return creditgate


if __name__ == "__main__":
    main()
