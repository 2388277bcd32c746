"""What tenants sell by the piece."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from .outcomes import Outcome


class Package(NamedTuple):
    """One version of a package; `valid_for_ms` None means for ever.

    Fields and order are those of the table `creditgate.packages`, but for its tenant.
    """

    package_id: str
    version: int
    name: str = ""
    amount_micros: int = 0
    priority: int = 0
    valid_for_ms: int | None = None
    fingerprint: bytes = b""
    created_at: datetime | None = None


class PackageResult(NamedTuple):
    """The answer to PutPackage."""

    outcome: Outcome
    package: Package | None
    replayed: bool = False


class Packages(Protocol):
    """Where packages are kept. Raises only `domain.errors`."""

    async def put_package(self, tenant_id: UUID, package: Package) -> PackageResult:
        """Write a version: ACCEPTED, NAME_REUSED or VERSION_SKIPPED."""
        ...

    async def get_package(self, tenant_id: UUID, package_id: str, version: int) -> Package | None:
        """Read a version, 0 for the latest; None when there is none."""
        ...

    async def list_packages(self, tenant_id: UUID, *, after: str, limit: int) -> Sequence[Package]:
        """Read the latest versions of packages whose ids come after `after`, in their order."""
        ...
