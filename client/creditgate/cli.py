"""The command `creditgate`. Needs the extra `cli`: pip install 'creditgate[cli]'."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; says what to install where click is missing."""
    try:
        from creditgate import _account_commands, _work_commands
        from creditgate._command import creditgate
    except ModuleNotFoundError as missing:
        if missing.name != "click":
            raise
        sys.exit("The command line needs click. Install it with: pip install 'creditgate[cli]'")
    for command in (*_work_commands.COMMANDS, *_account_commands.COMMANDS):
        creditgate.add_command(command)
    creditgate(prog_name="creditgate")


if __name__ == "__main__":
    main()
