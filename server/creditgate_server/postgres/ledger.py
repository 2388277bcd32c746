"""The hot path on PostgreSQL: one function call per batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from creditgate_server.domain.outcomes import Balance, Hold, Result

from .errors import executing
from .pool import APPLY

if TYPE_CHECKING:
    from creditgate_server.domain.accounts import AccountKey
    from creditgate_server.domain.operations import Operation

    from .pool import Pool, Record

_READ_BALANCE = """
SELECT settled_micros, held_micros, overdraft_limit_micros, version, creditgate.clock()
  FROM creditgate.balances
 WHERE bucket = $1 AND account_key = $2
"""

HOLD_COLUMNS = """
       h.hold_id, h.state, h.granted_micros, h.held_micros, h.used_micros, h.charged_micros,
       h.uncollected_micros, h.refunded_micros, h.created_at, h.expires_at, h.settled_at, h.late,
       h.termination_cause, h.details
"""

_READ_HOLD = f"""
SELECT a.settled_micros, a.held_micros, a.overdraft_limit_micros, a.version, creditgate.clock(),
       {HOLD_COLUMNS}
  FROM creditgate.balances AS a
  LEFT JOIN creditgate.holds AS h
    ON h.bucket = a.bucket AND h.account_key = a.account_key AND h.hold_id = $3
 WHERE a.bucket = $1 AND a.account_key = $2
"""  # noqa: S608 - both parts are ours

# Where the parts of a row of `creditgate.result` lie; a newer schema may add columns behind them.
_ANSWER = slice(1, 8)
_BALANCE = slice(8, 13)
_HOLD = slice(13, 27)
_LIMIT_NAME = 27


class PostgresLedger:
    """`domain.ledger.Ledger` on PostgreSQL."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def apply(self, operations: Sequence[Operation]) -> Sequence[Result]:
        """Apply a batch in one transaction, which is one statement."""
        async with self._pool.connection() as connection:
            with executing():
                rows = await connection.fetch(APPLY, operations)
        return [_result(row) for row in rows]

    async def balance(self, account: AccountKey) -> Balance | None:
        """Read an account's balance."""
        async with self._pool.connection() as connection:
            with executing():
                row = await connection.fetchrow(_READ_BALANCE, *account)
        return Balance(*row) if row else None

    async def hold(self, account: AccountKey, hold_id: str) -> tuple[Hold | None, Balance | None]:
        """Read a hold and its account's balance in one statement."""
        async with self._pool.connection() as connection:
            with executing():
                row = await connection.fetchrow(_READ_HOLD, *account, hold_id)
        if row is None:
            return None, None
        return (Hold(*row[5:]) if row[5] is not None else None), Balance(*row[:5])


def _result(row: Record) -> Result:
    balance = None if row[_BALANCE.start] is None else Balance(*row[_BALANCE])
    hold = None if row[_HOLD.start] is None else Hold(*row[_HOLD])
    return Result._make((*row[_ANSWER], hold, balance, row[_LIMIT_NAME]))
