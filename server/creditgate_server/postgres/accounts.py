"""Administration of accounts, grants and refunds on PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from creditgate_server.domain.account_keys import AccountKey, account_key
from creditgate_server.domain.accounts import Account, AccountChange, NewAccount, Standing
from creditgate_server.domain.balances import Balance
from creditgate_server.domain.grants import Grant, GrantResult, NewGrant, RefundResult
from creditgate_server.domain.holds import Hold
from creditgate_server.domain.outcomes import Outcome

from .ledger import HOLD_COLUMNS, read_hold

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from .pool import Pool, Record

ACCOUNT_COLUMNS = """
       account_id, status, overage_policy, settled_micros, held_micros, overdraft_limit_micros,
       version,
       creditgate.clock() AS as_of, debt_micros, open_holds, labels, created_at, plan_id,
       plan_version, next_plan_id, next_plan_version, time_zone, anchor_at, cycle_no,
       cycle_starts_at, cycle_ends_at, thresholds, own_thresholds, unpaid_micros,
       auto_topup, topup_request_id
"""

_GET = f"SELECT {ACCOUNT_COLUMNS} FROM creditgate.accounts WHERE bucket = $1 AND account_key = $2"  # noqa: S608

_LIST = f"""
SELECT {ACCOUNT_COLUMNS} FROM creditgate.accounts
 WHERE tenant_id = $1 AND account_id > $2 ORDER BY account_id LIMIT $3
"""  # noqa: S608 - both parts are ours

_LIST_GRANTS = """
SELECT grant_id, seq, kind, amount_micros, remaining_micros, priority, effective_at, expires_at,
       state, reference, created_at, package_id, package_version, quantity
  FROM creditgate.grants
 WHERE bucket = $1 AND account_key = $2 AND ($3::int IS NULL OR seq < $3)
 ORDER BY seq DESC LIMIT $4
"""

_REFUND = f"""
SELECT r.*, {HOLD_COLUMNS}
  FROM creditgate.refund($1, $2, $3, $4, $5) AS r, LATERAL (SELECT (r.hold).*) AS h
"""  # noqa: S608 - both parts are ours

_LIST_HOLDS = f"""
SELECT {HOLD_COLUMNS} FROM creditgate.all_holds AS h
 WHERE h.bucket = $1 AND h.account_key = $2 AND h.hold_id > $3
   AND ($4::smallint IS NULL OR h.state = $4)
 ORDER BY h.hold_id LIMIT $5
"""  # noqa: S608 - both parts are ours

# Some names are abbreviations of PostgreSQL's, too, and are then read without summer time.
_KNOWS_TIME_ZONE = """
SELECT EXISTS (SELECT FROM pg_timezone_names WHERE name = $1)
   AND ($1 IN ('UTC', 'GMT')
        OR NOT EXISTS (SELECT FROM pg_timezone_abbrevs WHERE abbrev = upper($1)))
"""

_EXISTS = "SELECT true FROM creditgate.accounts WHERE bucket = $1 AND account_key = $2"


class PostgresAccounts:
    """`domain.ledger.Accounts` on PostgreSQL."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def create_account(
        self, tenant_id: UUID, new: NewAccount
    ) -> tuple[Outcome, Account | None]:
        """Open an account, or answer the one that was opened with the same body."""
        key = account_key(tenant_id, new.account_id)
        row = await self._one(
            "SELECT * FROM creditgate.create_account($1, $2, $3, $4, $5, $6, $7)",
            *key,
            tenant_id,
            *new,
        )
        return Outcome(row["outcome"]), read_account(row["account"], row["as_of"])

    async def get_account(self, tenant_id: UUID, account_id: str) -> Account | None:
        """Read one account."""
        rows = await self._pool.rows(_GET, *account_key(tenant_id, account_id))
        return read_account(rows[0], rows[0]["as_of"]) if rows else None

    async def list_accounts(self, tenant_id: UUID, *, after: str, limit: int) -> Sequence[Account]:
        """Read a page of accounts in the order of their ids."""
        rows = await self._pool.rows(_LIST, tenant_id, after, limit)
        return [read_account(row, row["as_of"]) for row in rows]

    async def update_account(
        self, tenant_id: UUID, account_id: str, change: AccountChange
    ) -> tuple[Outcome, Account | None]:
        """Change what is set."""
        row = await self._one(
            "SELECT * FROM creditgate.update_account("
            "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
            *account_key(tenant_id, account_id),
            *change,
        )
        return Outcome(row["outcome"]), _account_or_none(row)

    async def knows_time_zone(self, name: str) -> bool:
        """Ask PostgreSQL for a time zone of exactly this name, which means no other."""
        return bool((await self._one(_KNOWS_TIME_ZONE, name))[0])

    async def add_grant(self, account: AccountKey, new: NewGrant) -> GrantResult:
        """Give credits."""
        row = await self._one(
            "SELECT * FROM creditgate.add_grant("
            "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
            *account,
            *new,
        )
        return _grant_result(row)

    async def list_grants(
        self, account: AccountKey, *, before_seq: int | None, limit: int
    ) -> Sequence[Grant] | None:
        """Read a page of grants, newest first."""
        rows = await self._pool.rows(_LIST_GRANTS, *account, before_seq, limit)
        if not rows and not await self._exists(account):
            return None
        return [Grant(*row) for row in rows]

    async def confirm_grant(self, account: AccountKey, grant_id: str) -> GrantResult:
        """Make an unpaid grant effective."""
        row = await self._one(
            "SELECT * FROM creditgate.confirm_grant($1, $2, $3)", *account, grant_id
        )
        return _grant_result(row)

    async def revoke_grant(self, account: AccountKey, grant_id: str) -> GrantResult:
        """Take back what remains uncovered."""
        row = await self._one(
            "SELECT * FROM creditgate.revoke_grant($1, $2, $3)", *account, grant_id
        )
        return _grant_result(row)

    async def refund(
        self, account: AccountKey, refund_id: str, hold_id: str, amount_micros: int
    ) -> RefundResult:
        """Give charged credits back."""
        row = await self._one(
            _REFUND,
            *account,
            refund_id,
            hold_id,
            amount_micros,
        )
        return RefundResult(
            row["outcome"], _hold(row), _balance(row), row["replayed"], row["moved_micros"]
        )

    async def list_holds(
        self, account: AccountKey, *, state: int | None, after: str, limit: int
    ) -> Sequence[Hold] | None:
        """Read a page of holds in the order of their ids."""
        rows = await self._pool.rows(_LIST_HOLDS, *account, after, state, limit)
        if not rows and not await self._exists(account):
            return None
        return [read_hold(tuple(row)) for row in rows]

    async def _exists(self, account: AccountKey) -> bool:
        return bool(await self._pool.rows(_EXISTS, *account))

    async def _one(self, sql: str, *values: Any) -> Record:
        return (await self._pool.rows(sql, *values))[0]


def _grant_result(row: Record) -> GrantResult:
    granted = row["granted"]
    grant = None
    if granted is not None:
        grant = Grant(*(granted[name] for name in Grant._fields))
    return GrantResult(row["outcome"], grant, _balance(row), row["replayed"], row["moved_micros"])


def _hold(row: Record) -> Hold | None:
    return None if row["hold"] is None else read_hold(tuple(row)[-len(Hold._fields) :])


def _balance(row: Record) -> Balance | None:
    return None if row["account"] is None else Balance.read(row["account"], row["as_of"])


def _account_or_none(row: Record) -> Account | None:
    return None if row["account"] is None else read_account(row["account"], row["as_of"])


def read_account(row: Record, as_of: datetime) -> Account:
    """Read what `ACCOUNT_COLUMNS` name."""
    return Account(
        account_id=row["account_id"],
        status=row["status"],
        overage_policy=row["overage_policy"],
        balance=Balance.read(row, as_of),
        debt_micros=row["debt_micros"],
        open_holds=row["open_holds"],
        labels=row["labels"],
        created_at=row["created_at"],
        standing=Standing(*(row[name] for name in Standing._fields)),
        thresholds=row["thresholds"],
        own_thresholds=row["own_thresholds"],
        unpaid_micros=row["unpaid_micros"],
        auto_topup=row["auto_topup"],
        topup_request_id=row["topup_request_id"],
    )
