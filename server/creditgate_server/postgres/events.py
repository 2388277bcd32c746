"""The events of accounts on PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from creditgate_server.domain.balances import Balance
from creditgate_server.domain.events import Event

if TYPE_CHECKING:
    from creditgate_server.domain.account_keys import AccountKey

    from .pool import Pool, Record

EVENT_COLUMNS = """
       event_no, kind, version, settled_micros, held_micros, overdraft_limit_micros, body,
       created_at
"""
"""The columns `read_event` reads, by these names."""

_LIST = f"""
SELECT {EVENT_COLUMNS} FROM creditgate.events
 WHERE bucket = $1 AND account_key = $2 AND event_no > $3
 ORDER BY event_no LIMIT $4
"""  # noqa: S608 - both parts are ours

_EXISTS = "SELECT true FROM creditgate.accounts WHERE bucket = $1 AND account_key = $2"


class PostgresEvents:
    """`domain.events.Events` on PostgreSQL."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def list_events(
        self, account: AccountKey, *, after: int, limit: int
    ) -> Sequence[Event] | None:
        """Read a page of an account's events, oldest first."""
        rows = await self._pool.rows(_LIST, *account, after, limit)
        if not rows and not await self._pool.rows(_EXISTS, *account):
            return None
        return [read_event(row) for row in rows]


def read_event(row: Record) -> Event:
    """Read an event from its row."""
    return Event(
        number=row["event_no"],
        kind=row["kind"],
        balance=Balance.read(row, row["created_at"]),
        body=row["body"],
        created_at=row["created_at"],
    )
