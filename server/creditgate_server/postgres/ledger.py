"""The hot path on PostgreSQL: one function call per batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from creditgate_server.domain.balances import Balance
from creditgate_server.domain.calls import CallTerms, Quota
from creditgate_server.domain.holds import Hold
from creditgate_server.domain.results import Result

from .errors import executing
from .pool import APPLY
from .rate_cards import read_line, read_rate
from .undecided import decided

if TYPE_CHECKING:
    from creditgate_server.domain.account_keys import AccountKey
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
       h.termination_cause, h.details, h.used_quantity, h.rate,
       CASE WHEN (h.rate).meter IS NOT NULL
            THEN creditgate.affordable(h.rate, h.granted_micros) END,
       h.lines,
       CASE WHEN h.lines IS NOT NULL
            THEN creditgate.affordable_lines(h.lines, h.granted_micros) END,
       h.gateway_id, h.gateway_epoch
"""

_READ_HOLD = f"""
SELECT a.settled_micros, a.held_micros, a.overdraft_limit_micros, a.version, creditgate.clock(),
       {HOLD_COLUMNS}
  FROM creditgate.balances AS a
  LEFT JOIN creditgate.all_holds AS h
    ON h.bucket = a.bucket AND h.account_key = a.account_key AND h.hold_id = $3
 WHERE a.bucket = $1 AND a.account_key = $2
"""  # noqa: S608 - both parts are ours

# Where the parts of a row of `creditgate.result` lie; a newer schema may add columns behind them.
_ANSWER = slice(1, 8)
_BALANCE = slice(8, 13)
_HOLD = slice(13, 27)
_LIMIT_NAME = 27
_METERED = slice(28, 31)
_RATE = 29
_AFFORDABLE = 31
_LINED = slice(32, 34)
_LINES = 32
_UNPRICED = 34
_GATEWAY = slice(35, 37)
_QUOTA = 37
_RATE_PLACE, _LINES_PLACE = Hold._fields.index("rate"), Hold._fields.index("lines")

# How many fields of an operation those of `creditgate.operation` are.
_ASKED = 12


class PostgresLedger:
    """`domain.ledger.Ledger` on PostgreSQL."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def apply(self, operations: Sequence[Operation]) -> Sequence[Result]:
        """Apply a batch in one transaction, which is one statement.

        Only where more has expired on an account than one call may end does it take several.
        """
        singly = _singly(operations)
        rows = await decided(self._call, singly)
        results = [read_result(row) for row in rows]
        return results if singly is operations else _joined(operations, results)

    async def _call(self, operations: Sequence[Operation]) -> list[Record]:
        asked = [operation[:_ASKED] for operation in operations]
        metered = [
            (place, *usage)
            for place, operation in enumerate(operations, start=1)
            for usage in operation.usages
        ]
        async with self._pool.connection() as connection:
            with executing():
                return await connection.fetch(APPLY, asked, metered)

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
        return (read_hold(tuple(row[5:])) if row[5] is not None else None), Balance(*row[:5])


def _singly(operations: Sequence[Operation]) -> Sequence[Operation]:
    """Put before each operation the one that is to be carried out before it, where there is one."""
    if all(operation.before is None for operation in operations):
        return operations
    return [
        each
        for operation in operations
        for each in ((operation.before, operation) if operation.before else (operation,))
    ]


def _joined(operations: Sequence[Operation], results: list[Result]) -> list[Result]:
    """Put into each result that of the operation before it, where there is one."""
    left = iter(results)
    joined = []
    for operation in operations:
        before = None if operation.before is None else next(left)
        joined.append(next(left)._replace(before=before))
    return joined


def read_result(row: Record) -> Result:
    """Read a row of `creditgate.result`."""
    balance = None if row[_BALANCE.start] is None else Balance(*row[_BALANCE])
    hold = None if row[_HOLD.start] is None else Hold(*row[_HOLD])
    if hold is not None and (row[_RATE] is not None or row[_LINES] is not None):
        hold = read_hold((*row[_HOLD], *row[_METERED], *row[_LINED], *row[_GATEWAY]))
    quota = None if row[_QUOTA] is None else read_quota(row[_QUOTA])
    more = (row[_LIMIT_NAME], row[_AFFORDABLE], row[_UNPRICED], quota, None)
    return Result._make((*row[_ANSWER], hold, balance, *more))


def read_hold(row: tuple[Any, ...]) -> Hold:
    """Read a hold, and the rates it was opened with, in the order of HOLD_COLUMNS."""
    hold = Hold(*row)
    if row[_RATE_PLACE] is not None:
        return hold._replace(rate=read_rate(row[_RATE_PLACE]))
    if row[_LINES_PLACE] is not None:
        return hold._replace(lines=tuple(map(read_line, row[_LINES_PLACE])))
    return hold


def read_quota(row: Record) -> Quota | None:
    """Read how long a call may go on; of one that has ended it is all NULL."""
    terms = row["terms"]
    return None if terms is None else Quota(*row)._replace(terms=CallTerms(*terms))
