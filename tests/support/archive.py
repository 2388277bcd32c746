"""The archive, filled and emptied at once: as if all that has ended had ended long ago."""

from __future__ import annotations

from datetime import timedelta

from creditgate_server.domain.account_keys import AccountKey
from tests.support.database import Connection

NOW = timedelta(microseconds=1)

# What is archived has been summed up.
_ROLL_UP = "SELECT creditgate.roll_up($1, $2, 1000)"
_ARCHIVE = """
SELECT s.* FROM creditgate.accounts AS a,
       creditgate.archive_account(a, creditgate.clock() + $3::interval, $4, $5, $6) AS s
 WHERE a.bucket = $1 AND a.account_key = $2
"""
_EMPTY = "SELECT creditgate.empty_archive($1, $2, creditgate.clock() + $3::interval, $4)"


async def counted(connection: Connection, account: AccountKey) -> None:
    """Let everything that has happened to an account be in its sums."""
    while await connection.fetchval(_ROLL_UP, *account):
        pass


async def archive(
    connection: Connection, account: AccountKey, *, after: timedelta = NOW, limit: int = 3
) -> int:
    """Archive whatever of an account ended before so long after now; answers how much it was."""
    await counted(connection, account)
    hold_id, version, done = "", None, 0
    while True:
        step = await connection.fetchrow(_ARCHIVE, *account, after, limit, hold_id, version)
        assert step is not None
        hold_id, version = step["p_hold_id"], step["p_version"]
        done += int(step["p_holds"] + step["p_entries"])
        if hold_id is None and version is None:
            return done


async def empty(
    connection: Connection, account: AccountKey, *, after: timedelta = NOW, limit: int = 3
) -> int:
    """Take whatever is from before so long after now out of an account's archive."""
    done, count = 0, 1
    while count:
        count = int(await connection.fetchval(_EMPTY, *account, after, limit))
        done += count
    return done
