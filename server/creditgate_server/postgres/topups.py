"""Requests for credits on PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from creditgate_server.domain.outcomes import Outcome
from creditgate_server.domain.topups import Topup, TopupResult

if TYPE_CHECKING:
    from creditgate_server.domain.account_keys import AccountKey

    from .pool import Pool

_COLUMNS = ", ".join(Topup._fields)

_GET = f"""
SELECT {_COLUMNS} FROM creditgate.topups
 WHERE bucket = $1 AND account_key = $2 AND request_id = $3
"""  # noqa: S608 - both parts are ours

_LIST = f"""
SELECT {_COLUMNS} FROM creditgate.topups
 WHERE bucket = $1 AND account_key = $2 AND ($3::bigint IS NULL OR request_no < $3)
 ORDER BY request_no DESC LIMIT $4
"""  # noqa: S608 - both parts are ours

_EXISTS = "SELECT true FROM creditgate.accounts WHERE bucket = $1 AND account_key = $2"


class PostgresTopups:
    """`domain.topups.Topups` on PostgreSQL."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def refuse_topup(self, account: AccountKey, request_id: str, reason: str) -> TopupResult:
        """Refuse a request."""
        (row,) = await self._pool.rows(
            "SELECT outcome, replayed FROM creditgate.refuse_topup($1, $2, $3, $4)",
            *account,
            request_id,
            reason,
        )
        outcome = Outcome(row["outcome"])
        if outcome.refused:
            return TopupResult(outcome, None)
        (topup,) = await self._pool.rows(_GET, *account, request_id)
        return TopupResult(outcome, Topup(*topup), row["replayed"])

    async def list_topups(
        self, account: AccountKey, *, before_no: int | None, limit: int
    ) -> Sequence[Topup] | None:
        """Read a page of requests, newest first."""
        rows = await self._pool.rows(_LIST, *account, before_no, limit)
        if not rows and not await self._pool.rows(_EXISTS, *account):
            return None
        return [Topup(*row) for row in rows]
