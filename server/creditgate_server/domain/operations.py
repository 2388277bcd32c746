"""What the hot path asks of the ledger.

One flat value per operation, in the order of `creditgate.operation`.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from uuid import UUID

    from .rates import Usage


class Verb(IntEnum):
    """What an operation does. The numbers are those of the database."""

    RESERVE = 1
    EXTEND = 2
    COMMIT = 3
    RELEASE = 4
    CHARGE = 5


class Operation(NamedTuple):
    """One Reserve, Extend, Commit, Release or Charge; fields and order are those of the SQL type.

    But for the last two: `usages` is what it says besides its amounts, one of them for each meter
    it speaks of, whose quantities the ledger prices in the place of the amounts.

    `before` is carried out first, in the same transaction: where it is refused this one is not
    carried out, and where this one is refused it is not either. Both are on one account, and this
    one's first usage says that it depends.

    `amount_micros` is what Reserve and Charge ask for and the total Extend asks for (0: only
    renew).
    `used_micros` is the cumulative usage Extend and Commit report; None reports nothing.
    `fingerprint` is the digest of a naming request's body, by which another body is told apart.
    `details` is the JSON text `{"attributes": {...}, "labels": {...}}` kept with a new hold.
    """

    verb: int
    bucket: int
    account_key: UUID
    hold_id: str
    amount_micros: int = 0
    minimum_micros: int = 0
    used_micros: int | None = None
    ttl_ms: int = 0
    keep_open: bool = False
    fingerprint: bytes | None = None
    termination_cause: str = ""
    details: str | None = None
    usages: tuple[Usage, ...] = ()
    before: Operation | None = None
