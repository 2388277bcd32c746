"""What `creditgate-server dev` says: a line for every step, and one screen when all is running."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import click

from creditgate_server.dev.demo import NAME

_MICROS_PER_CREDIT = 1_000_000


class Running(NamedTuple):
    """What runs, in words."""

    target: str
    page: str
    database: str
    metrics: str
    env_file: str
    api_key: str
    available_micros: int
    accounts: Sequence[str] = ()


def say(text: str) -> None:
    """Say one line, now."""
    # A terminal that was closed must not keep the rest from being stopped.
    with suppress(OSError):
        click.echo(text)
        sys.stdout.flush()


def screen(running: Running) -> str:
    """Write what is running and what to try next; fits 80 x 24."""
    command = _client_command()
    available = f"{running.available_micros / _MICROS_PER_CREDIT:,.6f}".rstrip("0").rstrip(".")
    return f"""
Creditgate is running. Ctrl-C stops everything; data stays in {_shown(Path(".creditgate"))}/.

  gRPC       {running.target}
  web page   {running.page}  (log in with the API key)
  database   {running.database}
  metrics    {running.metrics}
  account    {NAME}, {available} credits available
{_history(running.accounts)}  API key    {running.api_key}
             (kept in {running.env_file}, where the client finds it)

Next, in another shell in this folder:

  {command} balance {NAME}
  {command} reserve {NAME} 5 --hold msg-1
  {command} commit {NAME} msg-1 3.2

or from Python:

  import creditgate
  with creditgate.Client() as credits, credits.hold("{NAME}", amount="5") as hold:
      hold.use("3.2")
"""


def _history(accounts: Sequence[str]) -> str:
    if not accounts:
        return ""
    names = textwrap.wrap(", ".join(accounts), 66)
    return f"  demo data  {(chr(10) + 13 * ' ').join(names)}\n"


def _client_command() -> str:
    """Name the client's command as it can be typed here."""
    own = Path(sys.executable).parent / "creditgate"
    found = shutil.which("creditgate")
    if found is not None and Path(found).resolve() == own.resolve():
        return "creditgate"
    return _shown(own) if own.exists() else "creditgate"


def _shown(path: Path) -> str:
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative
