"""What can go wrong in front of an operator, in the operator's words."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from creditgate_server.domain.errors import LedgerError
from creditgate_server.embedded.errors import EmbeddedPostgresError
from creditgate_server.logs import without_secrets
from creditgate_server.settings import SettingsError

_CONFIGURATION_EXIT_CODE = 2
# What PostgreSQL says when our tables, functions, types, schema or role are not there.
_NOT_MIGRATED = frozenset({"42P01", "42883", "42704", "3F000", "22023"})


class ConfigurationFailure(click.ClickException):
    """A setting is missing or wrong."""

    exit_code = _CONFIGURATION_EXIT_CODE


class TellingGroup(click.Group):
    """A group of commands that says what went wrong in a sentence."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was asked for."""
        with telling():
            return super().invoke(ctx)


@contextmanager
def telling() -> Iterator[None]:
    """Turn what is expected to go wrong now and then into a message without a traceback."""
    try:
        yield
    except SettingsError as error:
        raise ConfigurationFailure(without_secrets(str(error))) from error
    except LedgerError as error:
        raise click.ClickException(without_secrets(_about_database(error))) from error
    except EmbeddedPostgresError as error:
        raise click.ClickException(without_secrets(str(error))) from error


def _about_database(error: BaseException) -> str:
    cause = error if error.__cause__ is None else error.__cause__
    code = getattr(cause, "sqlstate", None)
    if code in _NOT_MIGRATED:
        return f"the database lacks our schema ({cause}); run `creditgate-server migrate` first"
    if isinstance(cause, (OSError, TimeoutError)) or code is not None:
        return f"the database says: {str(cause) or type(cause).__name__}\nIt is {_where()}."
    return str(error)


def _where() -> str:
    url = os.environ.get("CREDITGATE_DATABASE_URL", "")
    return f"at {url} (CREDITGATE_DATABASE_URL)" if url else "named by CREDITGATE_DATABASE_URL"
