"""`creditgate-server check-config`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import NamedTuple

import click

from creditgate_server.cli.errors import ConfigurationFailure, telling
from creditgate_server.cli.output import json_option, print_json
from creditgate_server.cli.store import database
from creditgate_server.logs import without_secrets
from creditgate_server.settings import PREFIX, Settings, SettingsError, options

_PEPPER = "CREDITGATE_KEY_PEPPER"
_HIDDEN = "***"
# Stand in for what has no default while the others are looked at.
_VALID = {"CREDITGATE_DATABASE_URL": "postgresql://-", _PEPPER: "-" * 32}
_UNSET = Settings.from_env(_VALID)
# These belong to others: the client, and the tests.
_FOREIGN = ("CREDITGATE_TARGET", "CREDITGATE_API_KEY", "CREDITGATE_TEST_")


class Setting(NamedTuple):
    """One setting as it stands."""

    variable: str
    value: str
    is_set: bool
    meaning: str
    problem: str


@click.command("check-config")
@click.option("--database", "ask", is_flag=True, help="Also ask the database whether it is fit.")
@json_option
def check_config(*, ask: bool, as_json: bool) -> None:
    """Show every setting, and what is wrong with each; secrets stay hidden."""
    settings = examine(os.environ)
    problems = [s.problem for s in settings if s.problem] + general_problems(os.environ)
    if ask and not problems:
        problems += asyncio.run(_database_problems())
    if as_json:
        print_json({"settings": [s._asdict() for s in settings], "problems": problems})
    else:
        _print(settings)
    if problems:
        raise ConfigurationFailure("\n  ".join(["this will not work:", *problems]))
    if not as_json:
        click.echo("\nall right")


def examine(environ: Mapping[str, str]) -> Sequence[Setting]:
    """Look at each setting by itself, so that one mistake does not hide another."""
    defaults = {name: value for name, value, _ in _UNSET.describe()}
    found = []
    for option in options():
        raw = environ.get(option.variable, "").strip()
        value = raw or ("" if option.variable in _VALID else defaults[option.variable])
        shown = _HIDDEN if raw and option.variable == _PEPPER else without_secrets(value)
        problem = without_secrets(_problem(option.variable, raw))
        found.append(Setting(option.variable, shown, bool(raw), option.meaning, problem))
    return found


def general_problems(environ: Mapping[str, str]) -> list[str]:
    """Find what is wrong with the settings taken together, and names that mean nothing."""
    known = [option.variable for option in options()]
    problems = [
        _unknown(name, known)
        for name in sorted(environ)
        if name.startswith(PREFIX) and name not in known and not name.startswith(_FOREIGN)
    ]
    if not any(_problem(name, environ.get(name, "").strip()) for name in known):
        problems += _together(environ)
    return problems


def _problem(variable: str, raw: str) -> str:
    if not raw and variable in _VALID:
        return f"{variable}: is not set"
    try:
        Settings.from_env({**_VALID, variable: raw})
    except SettingsError as error:
        # What a setting needs of others, whom the text then names, is judged with the others.
        return "" if PREFIX in str(error).partition(": ")[2] else str(error)
    return ""


def _together(environ: Mapping[str, str]) -> list[str]:
    from creditgate_server.telemetry.options import Options

    try:
        Options.resolve(Settings.from_env(environ), environ=environ)
    except SettingsError as error:
        return [str(error)]
    return []


def _unknown(name: str, known: Sequence[str]) -> str:
    close = get_close_matches(name, known, n=1)
    return f"{name}: there is no such setting" + (f"; {close[0]}?" if close else "")


async def _database_problems() -> list[str]:
    from creditgate_server.migrate import pending
    from creditgate_server.postgres.errors import connecting
    from creditgate_server.postgres.probe import unsafe_settings

    settings = Settings.from_env(os.environ)
    try:
        with telling():
            with connecting():
                lacking = await pending(settings.database_url)
            if lacking:
                return [f"the database lacks {', '.join(lacking)}: creditgate-server migrate"]
            async with database() as pool:
                unsafe = await unsafe_settings(pool)
    except click.ClickException as error:
        return [error.message]
    if unsafe and not settings.allow_unsafe_durability:
        return [f"the database runs with {', '.join(unsafe)} off: it may lose acknowledged writes"]
    return []


def _print(settings: Sequence[Setting]) -> None:
    width = max(len(s.variable) for s in settings)
    for s in settings:
        mark = "!" if s.problem else "*" if s.is_set else " "
        value = s.value or '""'
        click.echo(f"{mark} {s.variable:<{width}}  {value:<20}  {s.meaning}")
    click.echo("\n* set in the environment, ! wrong, others as they are by default")
