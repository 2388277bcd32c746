"""Requests for credits, which the tenant's payment system is to answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from .account_keys import AccountKey
    from .outcomes import Outcome


class Topup(NamedTuple):
    """One request. `request_no` orders the account's by age."""

    request_no: int
    request_id: str
    state: int
    amount_micros: int
    reason: str
    created_at: datetime
    ended_at: datetime | None


class TopupResult(NamedTuple):
    """The answer to RefuseTopup."""

    outcome: Outcome
    topup: Topup | None
    replayed: bool = False


class Topups(Protocol):
    """Where requests are kept. Raises only `domain.errors`."""

    async def refuse_topup(self, account: AccountKey, request_id: str, reason: str) -> TopupResult:
        """Refuse a request.

        ACCEPTED, ACCOUNT_NOT_FOUND, TOPUP_NOT_FOUND or TOPUP_COMPLETED.
        """
        ...

    async def list_topups(
        self, account: AccountKey, *, before_no: int | None, limit: int
    ) -> Sequence[Topup] | None:
        """Read requests older than one, newest first; None when there is no such account."""
        ...
