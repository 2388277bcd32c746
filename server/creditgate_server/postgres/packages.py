"""Packages on PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from creditgate_server.domain.outcomes import Outcome
from creditgate_server.domain.packages import Package, PackageResult

if TYPE_CHECKING:
    from uuid import UUID

    from .pool import Pool

_COLUMNS = ", ".join(Package._fields)

_GET = f"""
SELECT {_COLUMNS} FROM creditgate.packages
 WHERE tenant_id = $1 AND package_id = $2 AND ($3 = 0 OR version = $3)
 ORDER BY version DESC LIMIT 1
"""  # noqa: S608 - both parts are ours

_LIST = f"""
SELECT DISTINCT ON (package_id) {_COLUMNS} FROM creditgate.packages
 WHERE tenant_id = $1 AND package_id > $2
 ORDER BY package_id, version DESC LIMIT $3
"""  # noqa: S608 - both parts are ours


class PostgresPackages:
    """`domain.packages.Packages` on PostgreSQL."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def put_package(self, tenant_id: UUID, package: Package) -> PackageResult:
        """Write a version of a package, or answer the one that was written with the same body."""
        rows = await self._pool.rows(
            "SELECT * FROM creditgate.put_package($1::creditgate.packages)", (tenant_id, *package)
        )
        outcome, replayed = Outcome(rows[0][0]), rows[0][1]
        if outcome.refused:
            return PackageResult(outcome, None)
        written = await self.get_package(tenant_id, package.package_id, package.version)
        return PackageResult(outcome, written, replayed)

    async def get_package(self, tenant_id: UUID, package_id: str, version: int) -> Package | None:
        """Read a version of a package."""
        rows = await self._pool.rows(_GET, tenant_id, package_id, version)
        return Package(*rows[0]) if rows else None

    async def list_packages(self, tenant_id: UUID, *, after: str, limit: int) -> Sequence[Package]:
        """Read a page of latest versions."""
        return [Package(*row) for row in await self._pool.rows(_LIST, tenant_id, after, limit)]
