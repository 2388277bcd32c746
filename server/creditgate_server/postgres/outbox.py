"""Events on their way out, on PostgreSQL: who hears of them, and whose turn it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from creditgate_server.domain.deliveries import Backlog, EndpointName, Places, Settled, Task

if TYPE_CHECKING:
    from uuid import UUID

    from .pool import Pool

_TASK_COLUMNS = ", ".join(Task._fields)
_TAKE = (
    f"SELECT {_TASK_COLUMNS} FROM creditgate.take_deliveries($1, $2, $3, $4, $5, $6, $7, $8, $9)"  # noqa: S608 - both parts are ours
)


class PostgresOutbox:
    """`domain.deliveries.Outbox` on PostgreSQL."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def due_buckets(self) -> Sequence[int]:
        """Answer the buckets in which something is to be done."""
        found: Sequence[int] = await self._pool.value("SELECT creditgate.due_deliveries()")
        return found

    async def fan_out(self, bucket: int, *, limit: int) -> int:
        """Make deliveries of events."""
        return int(await self._pool.value("SELECT creditgate.fan_out($1, $2)", bucket, limit))

    async def take(self, bucket: int, places: Places) -> Sequence[Task]:
        """Take what is to be tried now."""
        rows = await self._pool.rows(
            _TAKE,
            bucket,
            places.limit,
            places.per_endpoint,
            places.per_tenant,
            *_columns(places.busy),
            *_columns(places.slow),
            places.lease_seconds,
        )
        return [Task(*row) for row in rows]

    async def settle(self, settled: Sequence[Settled]) -> None:
        """Note what came of attempts."""
        await self._pool.value(
            "SELECT creditgate.settle_deliveries($1::creditgate.attempt[])", list(settled)
        )

    async def forget(self, bucket: int, *, older_seconds: float, limit: int) -> int:
        """Remove deliveries that ended long ago."""
        sql = "SELECT creditgate.forget_deliveries($1, $2, $3)"
        return int(await self._pool.value(sql, bucket, older_seconds, limit))

    async def backlog(self, bucket: int) -> Backlog:
        """Measure what waits in one bucket."""
        (row,) = await self._pool.rows("SELECT * FROM creditgate.delivery_backlog($1)", bucket)
        return Backlog(*row)


def _columns(names: Sequence[EndpointName]) -> tuple[list[UUID], list[str]]:
    return [tenant for tenant, _ in names], [endpoint for _, endpoint in names]
