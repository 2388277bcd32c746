"""The calls of gateways on PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from creditgate_server.domain.account_keys import BUCKETS, account_key
from creditgate_server.domain.calls import CallPlace, OpenCall, gateway_key

from .ledger import HOLD_COLUMNS, read_hold

if TYPE_CHECKING:
    from .pool import Pool

_FIRST = CallPlace(-1, UUID(int=0), "")
_ALL_BUCKETS = list(range(BUCKETS))

# Bucket by bucket, each from its index in order, and no further than the page is full.
LIST_CALLS = f"""
SELECT found.*
  FROM unnest($1::smallint[]) WITH ORDINALITY AS b (bucket, place),
       LATERAL (
           SELECT a.account_id, h.bucket, h.account_key, {HOLD_COLUMNS}
             FROM creditgate.holds AS h
             JOIN creditgate.accounts AS a ON a.bucket = h.bucket AND a.account_key = h.account_key
            WHERE h.bucket = b.bucket AND h.state = 1 AND h.gateway_key = $2
              AND ($3::uuid IS NULL OR h.account_key = $3)
              AND ($4::bigint = 0 OR h.gateway_epoch < $4)
              AND (h.bucket, h.account_key, h.hold_id) > ($5::smallint, $6::uuid, $7::text)
            ORDER BY h.account_key, h.hold_id
            LIMIT $8) AS found
 ORDER BY b.place, found.account_key, found.hold_id
 LIMIT $8
"""  # noqa: S608 - both parts are ours


class PostgresCalls:
    """`domain.calls.GatewayCalls` on PostgreSQL."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def list_calls(
        self,
        tenant_id: UUID,
        gateway_id: str,
        *,
        account_id: str,
        epoch_below: int,
        after: CallPlace | None,
        limit: int,
    ) -> Sequence[OpenCall]:
        """Read a page of open calls, in the order of buckets, accounts and names."""
        start = after or _FIRST
        buckets = _ALL_BUCKETS[max(start.bucket, 0) :]
        account = account_key(tenant_id, account_id) if account_id else None
        if account is not None:
            buckets = [account.bucket] if account.bucket in buckets else []
        rows = await self._pool.rows(
            LIST_CALLS,
            buckets,
            gateway_key(tenant_id, gateway_id),
            account and account.account_key,
            epoch_below,
            *start,
            limit,
        )
        return [_call(tuple(row)) for row in rows]


def _call(row: tuple[Any, ...]) -> OpenCall:
    account_id, bucket, key, *rest = row
    hold = read_hold(tuple(rest))
    return OpenCall(account_id, CallPlace(bucket, key, hold.hold_id), hold)
