"""What is asked of the database itself: is it there, is it durable, which keys were revoked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from .errors import executing
from .keys import REVOCATIONS

if TYPE_CHECKING:
    from .pool import Pool

_DURABILITY = ("fsync", "synchronous_commit", "full_page_writes")
_LISTEN_CHECK_SECONDS = 1.0


async def probe(pool: Pool) -> None:
    """Ask the database for a sign of life that can write. Raises `domain.errors`."""
    async with pool.connection() as connection:
        with executing():
            await connection.fetchval("SELECT 1")


async def unsafe_settings(pool: Pool) -> Sequence[str]:
    """Name the settings without which an acknowledged write can be lost and that are off.

    Empty when all are on.
    """
    async with pool.connection() as connection:
        with executing():
            values = {
                name: await connection.fetchval("SELECT current_setting($1)", name)
                for name in _DURABILITY
            }
    return [name for name, value in values.items() if value == "off"]


async def listen_for_revocations(pool: Pool, revoked: Callable[[str], None]) -> None:
    """Call `revoked` with the id of every key revoked, until the connection is lost.

    Raises `domain.errors`. Whoever runs it again must forget all keys: some may have been revoked
    in between.
    """
    async with pool.connection() as connection:
        with executing():
            await connection.add_listener(REVOCATIONS, lambda *event: revoked(str(event[3])))
            try:
                while True:
                    # A connection that died without a word is found only by using it.
                    await connection.fetchval("SELECT 1")
                    await asyncio.sleep(_LISTEN_CHECK_SECONDS)
            finally:
                # Nobody else wants a connection that listens, and a database that does not answer
                # would not answer its farewell either.
                connection.terminate()
