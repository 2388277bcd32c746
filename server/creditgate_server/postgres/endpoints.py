"""Endpoints and deliveries of tenants on PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from creditgate_server.domain.account_keys import account_key
from creditgate_server.domain.deliveries import (
    ENDPOINTS_MAX,
    Delivery,
    DeliveryFilter,
    DeliveryMark,
    DeliveryName,
    DeliveryResult,
    Endpoint,
    EndpointResult,
)
from creditgate_server.domain.outcomes import Outcome

if TYPE_CHECKING:
    from uuid import UUID

    from .pool import Pool, Record

_ENDPOINT_COLUMNS = ", ".join(Endpoint._fields)
_NOWHERE = 0

_PUT = "SELECT creditgate.put_endpoint($1::creditgate.endpoints, $2, $3)"

_GET_ENDPOINT = f"""
SELECT {_ENDPOINT_COLUMNS} FROM creditgate.endpoints
 WHERE tenant_id = $1 AND endpoint_id = $2
"""  # noqa: S608 - both parts are ours

_LIST_ENDPOINTS = f"""
SELECT {_ENDPOINT_COLUMNS} FROM creditgate.endpoints
 WHERE tenant_id = $1 AND endpoint_id > $2 AND state < 3
 ORDER BY endpoint_id LIMIT $3
"""  # noqa: S608 - both parts are ours

_DELIVERIES = """
SELECT a.account_id, d.event_no, d.endpoint_id, d.event_kind, d.state, d.attempts,
       CASE WHEN d.state = 1 THEN q.next_at END, d.last_status, d.last_error, d.created_at,
       d.ended_at, d.account_key
  FROM creditgate.deliveries AS d
  JOIN creditgate.accounts AS a ON a.bucket = d.bucket AND a.account_key = d.account_key
  LEFT JOIN creditgate.delivery_queues AS q
    ON q.bucket = d.bucket AND q.account_key = d.account_key AND q.endpoint_id = d.endpoint_id
"""

_LIST_DELIVERIES = f"""{_DELIVERIES}
 WHERE d.tenant_id = $1 AND d.state BETWEEN coalesce($2::smallint, 1) AND coalesce($2, 3)
   AND ($3::text IS NULL OR d.endpoint_id = $3) AND ($4::uuid IS NULL OR d.account_key = $4)
   AND (d.state, d.account_key, d.endpoint_id, d.event_no) > ($5, $6, $7, $8)
 ORDER BY d.state, d.account_key, d.endpoint_id, d.event_no LIMIT $9
"""

_GET_DELIVERY = f"""{_DELIVERIES}
 WHERE d.bucket = $1 AND d.account_key = $2 AND d.endpoint_id = $3 AND d.event_no = $4
"""


class PostgresEndpoints:
    """`domain.deliveries.Endpoints` on PostgreSQL."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def put_endpoint(self, tenant_id: UUID, new: Endpoint) -> EndpointResult:
        """Write an endpoint."""
        bucket, key = account_key(tenant_id, new.account_id) if new.account_id else (_NOWHERE, None)
        row = (
            tenant_id, new.endpoint_id, new.kind, new.address, new.kinds, new.account_id, key,
            new.state, new.generation, None, None,
        )  # fmt: skip
        outcome = await self._pool.value(_PUT, row, bucket, ENDPOINTS_MAX)
        return await self._endpoint_result(outcome, tenant_id, new.endpoint_id)

    async def list_endpoints(
        self, tenant_id: UUID, *, after: str, limit: int
    ) -> Sequence[Endpoint]:
        """Read a page of endpoints in the order of their ids."""
        return [
            Endpoint(*row)
            for row in await self._pool.rows(_LIST_ENDPOINTS, tenant_id, after, limit)
        ]

    async def delete_endpoint(self, tenant_id: UUID, endpoint_id: str) -> EndpointResult:
        """Delete an endpoint."""
        sql = "SELECT creditgate.delete_endpoint($1, $2)"
        outcome = await self._pool.value(sql, tenant_id, endpoint_id)
        return await self._endpoint_result(outcome, tenant_id, endpoint_id)

    async def rotate_secret(
        self, tenant_id: UUID, endpoint_id: str, generation: int
    ) -> EndpointResult:
        """Give an endpoint its next secret."""
        sql = "SELECT creditgate.rotate_endpoint_secret($1, $2, $3)"
        outcome = await self._pool.value(sql, tenant_id, endpoint_id, generation)
        return await self._endpoint_result(outcome, tenant_id, endpoint_id)

    async def list_deliveries(
        self, tenant_id: UUID, chosen: DeliveryFilter, *, after: DeliveryMark, limit: int
    ) -> Sequence[tuple[Delivery, DeliveryMark]]:
        """Read a page of deliveries, each with where the list goes on after it."""
        key = chosen.account and chosen.account.account_key
        rows = await self._pool.rows(
            _LIST_DELIVERIES, tenant_id, chosen.state, chosen.endpoint_id, key, *after, limit
        )
        return [_marked(row) for row in rows]

    async def retry_delivery(self, tenant_id: UUID, name: DeliveryName) -> DeliveryResult:
        """Try a dead delivery again."""
        bucket, key = account_key(tenant_id, name.account_id)
        place = (bucket, key, name.endpoint_id, name.event_no)
        outcome = Outcome(
            await self._pool.value(
                "SELECT creditgate.retry_delivery($1, $2, $3, $4, $5)", tenant_id, *place
            )
        )
        rows = await self._pool.rows(_GET_DELIVERY, *place)
        if outcome.refused or not rows:
            return DeliveryResult(Outcome.DELIVERY_NOT_FOUND, None)
        return DeliveryResult(outcome, _marked(rows[0])[0])

    async def _endpoint_result(
        self, outcome: int, tenant_id: UUID, endpoint_id: str
    ) -> EndpointResult:
        if Outcome(outcome).refused:
            return EndpointResult(Outcome(outcome), None)
        (row,) = await self._pool.rows(_GET_ENDPOINT, tenant_id, endpoint_id)
        return EndpointResult(Outcome.ACCEPTED, Endpoint(*row))


def _marked(row: Record) -> tuple[Delivery, DeliveryMark]:
    *shown, key = row
    delivery = Delivery(*shown)
    return delivery, DeliveryMark(delivery.state, key, delivery.endpoint_id, delivery.event_no)
