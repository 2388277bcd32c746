"""Batches on accounts where more is due than one call ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from creditgate_server.domain.errors import LedgerError, OutcomeUnknownError

if TYPE_CHECKING:
    from .pool import Record

_Asked = TypeVar("_Asked")

# Where the outcome lies in a row of `creditgate.result` and of `creditgate.reply`.
OUTCOME = 1
# The outcome of what has to be asked again: what one call could end has ended.
_UNDECIDED = 0
_CALLS_MAX = 8


async def decided(
    call: Callable[[Sequence[_Asked]], Awaitable[list[Record]]], asked: Sequence[_Asked]
) -> list[Record]:
    """Call, and again for what is undecided, each time ending more of what has expired."""
    rows = await call(asked)
    undecided = _undecided(rows)
    for _ in range(_CALLS_MAX):
        if not undecided:
            return rows
        try:
            again = await call([asked[at] for at in undecided])
        except LedgerError as error:
            # Others of the batch have been executed.
            raise OutcomeUnknownError(f"the rest of a batch: {error}") from error
        for at, row in zip(undecided, again, strict=True):
            rows[at] = row
        undecided = _undecided(rows)
    if undecided:
        raise OutcomeUnknownError("more has expired on an account than can be ended in time")
    return rows


def _undecided(rows: Sequence[Record]) -> list[int]:
    return [at for at, row in enumerate(rows) if row[OUTCOME] == _UNDECIDED]
