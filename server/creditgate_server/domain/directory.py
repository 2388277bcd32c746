"""Finding accounts as people do: by how their ids begin."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from .accounts import Account


class Listing(NamedTuple):
    """A page of a list of accounts; `more` says whether others follow."""

    accounts: Sequence[Account]
    more: bool


class Directory(Protocol):
    """Where tenants' accounts are found. Raises only `domain.errors`."""

    async def tenant_name(self, tenant_id: UUID) -> str:
        """Answer what a tenant is called; empty when there is none."""
        ...

    async def find(self, tenant_id: UUID, *, prefix: str, after: str, limit: int) -> Listing:
        """Find accounts whose ids begin with `prefix` and come after `after`, in their order."""
        ...
