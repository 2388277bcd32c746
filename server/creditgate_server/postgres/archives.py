"""What was taken out of the archive, and how an operator takes it out."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import asyncpg

from creditgate_server.domain.account_keys import AccountKey

from .errors import connecting, executing

if TYPE_CHECKING:
    from datetime import datetime

    from creditgate_server.domain.statements import Period

    from .pool import Pool

_EMPTIED = "SELECT creditgate.emptied_version($1, $2)"

_ACCOUNTS = """
SELECT bucket, account_key FROM creditgate.archives WHERE entries > 0 OR holds > 0
 ORDER BY bucket, account_key
"""
_EMPTY = "SELECT creditgate.empty_archive($1, $2, $3, $4)"
# Whoever uses the account waits for as long as this many rows take.
_LIMIT = 200


class Emptied(NamedTuple):
    """How many holds and entries were taken out of the archive, of how many accounts."""

    accounts: int
    rows: int


async def is_kept(pool: Pool, account: AccountKey, period: Period) -> bool:
    """Tell whether all entries of a period were there until now.

    Asked after they were read: what is taken out of the archive is taken out from the oldest on,
    and never comes back.
    """
    emptied: int = await pool.value(_EMPTIED, *account)
    return emptied <= period.after_version


async def empty(url: str, *, before: datetime) -> Emptied:
    """Take what is archived from before an instant out of the archive of every account, for good.

    `url` is for a role that owns the schema: the server's own may not. It may be broken off at any
    time. Raises `domain.errors`.
    """
    with connecting():
        connection = await asyncpg.connect(url)
    try:
        with executing():
            found = await connection.fetch(_ACCOUNTS)
            counts = [await _empty_account(connection, AccountKey(*row), before) for row in found]
    finally:
        await connection.close()
    return Emptied(sum(count > 0 for count in counts), sum(counts))


async def _empty_account(
    connection: asyncpg.Connection[asyncpg.Record], account: AccountKey, before: datetime
) -> int:
    done, count = 0, 1
    while count:
        count = await connection.fetchval(_EMPTY, *account, before, _LIMIT)
        done += count
    return done
