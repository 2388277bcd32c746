"""Calls: the terms they run under, the gateway that carries one, and how long it may go on."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol
from uuid import UUID, uuid5

if TYPE_CHECKING:
    from datetime import datetime

    from .holds import Hold


class FinalAction(IntEnum):
    """What becomes of a call at its end. The numbers are those of the database and of the API."""

    TERMINATE = 1
    REDIRECT = 2
    RESTRICT = 3


class FailureHandling(IntEnum):
    """What a gateway does while it cannot ask.

    The numbers are those of the database and of the API.
    """

    TERMINATE = 1
    CONTINUE = 2
    CONTINUE_WITHIN_ALLOWANCE = 3


class CallTerms(NamedTuple):
    """How the calls of a plan's accounts run; fields and order are those of the SQL type.

    A `max_duration_seconds` of 0 is any length.
    """

    max_duration_seconds: int = 0
    renew_before_ms: int = 10_000
    warn_before_ms: int = 30_000
    final_action: int = FinalAction.TERMINATE
    redirect_target: str = ""
    on_reserve_failure: int = FailureHandling.TERMINATE
    on_extend_failure: int = FailureHandling.CONTINUE_WITHIN_ALLOWANCE
    offline_allowance_seconds: int = 0


class Quota(NamedTuple):
    """How long a call may go on; fields and order are those of `creditgate.quota`.

    `final_reason` is None unless, as things stand, no more is granted: else it is a number of the
    API's FinalReason. `terms` are those it was answered under.
    """

    granted_quantity: int
    funded_until: datetime
    renew_before_ms: int
    offline_allowance_seconds: int
    final_reason: int | None
    terms: CallTerms


class GatewayCalls(Protocol):
    """The calls of gateways. Raises only `domain.errors`."""

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
        """Read the open calls of a gateway, those after a place in their order.

        An empty `account_id` is all accounts of the tenant, an `epoch_below` of 0 all epochs.
        """
        ...


class CallPlace(NamedTuple):
    """Where a call stands in the order of lists."""

    bucket: int
    account_key: UUID
    hold_id: str


class OpenCall(NamedTuple):
    """The hold of an open call, and whose it is."""

    account_id: str
    place: CallPlace
    hold: Hold


def gateway_key(tenant_id: UUID, gateway_id: str) -> UUID:
    """Answer the key by which the calls of a tenant's gateway are found."""
    return uuid5(tenant_id, f"gateway/{gateway_id}")
