"""The protocols between the service and its store.

`postgres` implements them, `rpc` and `workers` use them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from .account_keys import AccountKey
    from .accounts import Account, AccountChange, NewAccount
    from .balances import Balance
    from .grants import Grant, GrantResult, NewGrant, RefundResult
    from .holds import Hold
    from .operations import Operation
    from .outcomes import Outcome
    from .results import Result


class Ledger(Protocol):
    """The hot path. Raises only `domain.errors`."""

    async def apply(self, operations: Sequence[Operation]) -> Sequence[Result]:
        """Apply a batch in one transaction: one result per operation, in the same order.

        Operations see those before them. One being denied or refused never affects the others.
        """
        ...

    async def balance(self, account: AccountKey) -> Balance | None:
        """Read an account's balance from the primary; None when there is no such account."""
        ...

    async def hold(self, account: AccountKey, hold_id: str) -> tuple[Hold | None, Balance | None]:
        """Read a hold and its account's balance in one snapshot."""
        ...


class Accounts(Protocol):
    """Administration of accounts, grants and refunds. Raises only `domain.errors`."""

    async def create_account(
        self, tenant_id: UUID, new: NewAccount
    ) -> tuple[Outcome, Account | None]:
        """Open an account: ACCEPTED (also when it exists with the same body) or NAME_REUSED."""
        ...

    async def get_account(self, tenant_id: UUID, account_id: str) -> Account | None:
        """Read one account; None when there is none."""
        ...

    async def list_accounts(self, tenant_id: UUID, *, after: str, limit: int) -> Sequence[Account]:
        """Read up to `limit` accounts whose ids come after `after`, in the order of their ids."""
        ...

    async def update_account(
        self, tenant_id: UUID, account_id: str, change: AccountChange
    ) -> tuple[Outcome, Account | None]:
        """Change what is set.

        ACCEPTED, ACCOUNT_NOT_FOUND, PLAN_NOT_FOUND, or ACCOUNT_CLOSED when a closed one would be
        reopened or put on a plan.
        """
        ...

    async def knows_time_zone(self, name: str) -> bool:
        """Tell whether the store's calendar has a time zone of this name."""
        ...

    async def add_grant(self, account: AccountKey, new: NewGrant) -> GrantResult:
        """Give credits.

        ACCEPTED, ACCOUNT_NOT_FOUND, NAME_REUSED, ACCOUNT_CLOSED or OUT_OF_RANGE.
        """
        ...

    async def list_grants(
        self, account: AccountKey, *, before_seq: int | None, limit: int
    ) -> Sequence[Grant] | None:
        """Read grants, newest first, with `seq` below `before_seq`.

        None when there is no such account.
        """
        ...

    async def confirm_grant(self, account: AccountKey, grant_id: str) -> GrantResult:
        """Make an unpaid grant effective.

        ACCEPTED, ACCOUNT_NOT_FOUND, GRANT_NOT_FOUND, GRANT_REVOKED or ACCOUNT_CLOSED.
        """
        ...

    async def revoke_grant(self, account: AccountKey, grant_id: str) -> GrantResult:
        """Take back what remains uncovered: ACCEPTED, ACCOUNT_NOT_FOUND or GRANT_NOT_FOUND."""
        ...

    async def refund(
        self, account: AccountKey, refund_id: str, hold_id: str, amount_micros: int
    ) -> RefundResult:
        """Give charged credits back.

        ACCEPTED, ACCOUNT_NOT_FOUND, HOLD_NOT_FOUND, NAME_REUSED, REFUND_EXCEEDS_CHARGE or
        OUT_OF_RANGE.
        """
        ...

    async def list_holds(
        self, account: AccountKey, *, state: int | None, after: str, limit: int
    ) -> Sequence[Hold] | None:
        """Read holds in the order of their ids, those after `after`.

        None when there is no such account.
        """
        ...


class Sweeps(Protocol):
    """Background work on accounts with something due. Raises `domain.errors`."""

    async def due_buckets(self, buckets: Sequence[int]) -> Sequence[int]:
        """Answer those of the buckets in which something is due, in the order given."""
        ...

    async def expire_due(self, bucket: int, *, limit: int) -> int:
        """End up to `limit` due things (holds, grants) of one bucket; answers how many."""
        ...
