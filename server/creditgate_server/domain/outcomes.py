"""Verdicts on what was asked."""

from __future__ import annotations

from enum import IntEnum


class Outcome(IntEnum):
    """The verdict on one operation. The numbers are those of the database.

    Where several apply, the first of this order is answered: ACCOUNT_NOT_FOUND, HOLD_NOT_FOUND,
    HOLD_ARCHIVED, NAME_REUSED,
    (the replay of an earlier decision), HOLD_COMMITTED / HOLD_RELEASED / HOLD_EXPIRED,
    QUOTE_EXPIRED, UNPRICED, OUT_OF_RANGE,
    DENIED_ACCOUNT_INACTIVE, DENIED_LIMIT, DENIED_INSUFFICIENT_CREDITS, DENIED_CREDITS_HELD,
    GRANTED_PARTIAL,
    GRANTED.
    """

    GRANTED = 1
    GRANTED_PARTIAL = 2
    DENIED_INSUFFICIENT_CREDITS = 3
    DENIED_CREDITS_HELD = 4
    DENIED_LIMIT = 5
    DENIED_ACCOUNT_INACTIVE = 6
    ACCEPTED = 10
    ACCOUNT_NOT_FOUND = 20
    HOLD_NOT_FOUND = 21
    GRANT_NOT_FOUND = 22
    NAME_REUSED = 23
    HOLD_COMMITTED = 24
    HOLD_RELEASED = 25
    HOLD_EXPIRED = 26
    UNPRICED = 27
    OUT_OF_RANGE = 28
    ACCOUNT_CLOSED = 29
    REFUND_EXCEEDS_CHARGE = 30
    PLAN_NOT_FOUND = 31
    VERSION_SKIPPED = 32
    NO_CYCLE = 33
    ADDON_NOT_FOUND = 34
    TOO_MANY_BUDGETS = 35
    PACKAGE_NOT_FOUND = 36
    GRANT_REVOKED = 37
    TOPUP_NOT_FOUND = 38
    TOPUP_COMPLETED = 39
    RATE_CARD_NOT_FOUND = 40
    CONVERSATION_NOT_FOUND = 41
    MESSAGE_NOT_FOUND = 42
    QUOTE_EXPIRED = 45
    HOLD_ARCHIVED = 46
    RANGE_ARCHIVED = 47
    ENDPOINT_NOT_FOUND = 50
    DELIVERY_NOT_FOUND = 51
    TOO_MANY_ENDPOINTS = 52

    @property
    def refused(self) -> bool:
        """True when the operation was refused with an error: it changed nothing."""
        return self >= Outcome.ACCOUNT_NOT_FOUND
