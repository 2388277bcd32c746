"""The one table from the driver's errors to what callers may act on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from creditgate_server.domain.errors import (
    BatchRefusedError,
    NotExecutedError,
    OutcomeUnknownError,
    RangeArchivedError,
)

# What PostgreSQL reports for a passing reason, having rolled back: serialization and deadlock
# (40), resources (53),
# a lock that was not to be had (55P03), a cancelled statement (57014), a server that starts, or
# only reads.
_PASSING = ("40", "53", "55P03", "57014", "57P03", "25006", "08001", "08004")

# What functions of ours raise about ranges that are not kept.
_RANGE_ARCHIVED = "CG047"

LOST = (OSError, asyncpg.InterfaceError, asyncpg.PostgresConnectionError, TimeoutError)
"""What the driver raises when a connection is gone, or does not answer."""


@contextmanager
def connecting() -> Iterator[None]:
    """Translate errors of getting a connection: nothing was sent, so nothing was done."""
    try:
        yield
    except (*LOST, asyncpg.PostgresError) as error:
        raise NotExecutedError(f"no database connection: {_name(error)}") from error


@contextmanager
def executing() -> Iterator[None]:
    """Translate errors of one autocommitted statement.

    What PostgreSQL itself reports as an error it has rolled back. A connection that is lost, or
    ended by the server,
    may have been lost after COMMIT.
    """
    try:
        yield
    except LOST as error:
        raise OutcomeUnknownError(f"connection lost: {_name(error)}") from error
    except asyncpg.PostgresError as error:
        code = error.sqlstate or ""
        if code == _RANGE_ARCHIVED:
            raise RangeArchivedError from error
        if code.startswith(_PASSING):
            raise NotExecutedError(f"SQLSTATE {code}") from error
        if code.startswith(("08", "57", "58")):
            raise OutcomeUnknownError(f"SQLSTATE {code}") from error
        raise BatchRefusedError(f"SQLSTATE {code}: {_name(error)}") from error


def _name(error: BaseException) -> str:
    return type(error).__name__
