"""The fake's packages, and grants that are made of them or wait to be paid for."""

from __future__ import annotations

from creditgate.testing._wallet import FakeGrant, RefusalError, stamp
from creditgate.v1 import catalog_service_pb2 as catalog

YEAR_9998 = 253_370_764_799_000_000


class Purchases:
    """What a tenant sells by the piece."""

    def __init__(self) -> None:
        self.packages: dict[tuple[str, int], catalog.Package] = {}

    def bought(self, grant: FakeGrant) -> FakeGrant:
        """Give a grant what its package says, if it is of one. Raises RefusalError."""
        it = grant.message
        if it.HasField("package"):
            sold = self.package(it.package.package_id, it.package.version)
            it.package.version, it.priority = sold.version, sold.priority
            it.amount_micros = it.remaining_micros = sold.amount_micros * it.package.quantity
            if sold.HasField("valid_for"):
                grant.ends = min(grant.begins + sold.valid_for.ToMicroseconds(), YEAR_9998)
                stamp(it.expires_at, grant.ends)
        return grant

    def package(self, package_id: str, version: int) -> catalog.Package:
        """A version of a package, 0 for the latest. Raises RefusalError."""
        latest = max((number for name, number in self.packages if name == package_id), default=0)
        package = self.packages.get((package_id, version or latest))
        if package is None:
            raise RefusalError("PACKAGE_NOT_FOUND")
        return package

    def put(self, given: catalog.Package, now: int) -> tuple[catalog.Package, bool]:
        """Write a version: it, and whether it was there. Raises RefusalError."""
        package = catalog.Package()
        package.CopyFrom(given)
        name, number = package.package_id, package.version
        known = self.packages.get((name, number))
        if known is None and number > 1 and (name, number - 1) not in self.packages:
            raise RefusalError("VERSION_SKIPPED")
        if known is None:
            stamp(package.created_at, now)
            self.packages[name, number] = package
            return package, False
        package.created_at.CopyFrom(known.created_at)
        if known != package:
            raise RefusalError("NAME_REUSED")
        return package, True
