"""What work costs: rates, cards of them, and quotes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from .account_keys import AccountKey
    from .balances import Balance
    from .outcomes import Outcome

RATES_MAX = 200
"""How many rates a card may have."""
TIERS_MAX = 20
"""How many tiers a rate may have."""
USAGES_MAX = 20
"""How many meters an operation may speak of."""
ANY_MODEL = "*"
"""The model whose rate prices all models without one of their own."""


class Usage(NamedTuple):
    """Work in the caller's own unit: fields and order are those of `creditgate.metered`.

    The place of its operation is left out. None where the operation does not say. One that names
    its meter is of a line: a Reserve or Charge for several meters says so by a `used_quantity` of
    0, an Extend or Commit names what it speaks of.
    `rate_card_id` and `rate_card_version` price it in the place of the account's card.
    `pinned_until`: a new hold is priced so before this instant alone.
    `depends`: the operation is only carried out where the one before it was not refused.
    `gateway_id`, `gateway_key` and `gateway_epoch` name the gateway of a call.
    """

    meter: str | None = None
    model: str | None = None
    quantity: int | None = None
    used_quantity: int | None = None
    rate_card_id: str | None = None
    rate_card_version: int | None = None
    depends: bool = False
    gateway_id: str | None = None
    gateway_key: UUID | None = None
    gateway_epoch: int | None = None
    pinned_until: datetime | None = None


class Rate(NamedTuple):
    """The price of a meter; fields and order are those of `creditgate.rate`.

    What goes beyond `tier_from[i]` costs `tier_prices_micros[i]` a unit.
    """

    meter: str
    model: str
    unit_price_micros: int
    unit_size: int = 0
    connection_fee_micros: int = 0
    minimum: int = 0
    initial: int = 0
    increment: int = 0
    tier_from: Sequence[int] | None = None
    tier_prices_micros: Sequence[int] | None = None


class Line(NamedTuple):
    """One meter of a hold that has several; fields and order are those of `creditgate.line`.

    `model` is the one that was asked for, of which the rate's own may be the fall-back.
    """

    rate: Rate
    quantity: int
    used_quantity: int
    model: str


class RateCard(NamedTuple):
    """One version of a rate card; `rates` are in the order of their meters and models."""

    rate_card_id: str
    version: int
    name: str = ""
    rates: tuple[Rate, ...] = ()
    fingerprint: bytes = b""
    created_at: datetime | None = None


class RateCardResult(NamedTuple):
    """The answer to PutRateCard."""

    outcome: Outcome
    card: RateCard | None
    replayed: bool = False


class QuoteLine(NamedTuple):
    """The price of one usage, and how much of it the available credits buy beside the others."""

    rate: Rate
    price_micros: int
    affordable_quantity: int


class Quote(NamedTuple):
    """The price of usages by a version of a card; without lines where it was refused.

    `unpriced` is the place, from 1, of the first that has no price.
    """

    outcome: int
    balance: Balance | None
    price_micros: int = 0
    lines: tuple[QuoteLine, ...] = ()
    rate_card_id: str = ""
    rate_card_version: int = 0
    unpriced: int | None = None


class RateCards(Protocol):
    """Rate cards, and prices by them. Raises only `domain.errors`."""

    async def put_rate_card(self, tenant_id: UUID, card: RateCard) -> RateCardResult:
        """Write a version: ACCEPTED, NAME_REUSED or VERSION_SKIPPED."""
        ...

    async def get_rate_card(
        self, tenant_id: UUID, rate_card_id: str, version: int
    ) -> RateCard | None:
        """Read a version, 0 for the latest; None when there is none."""
        ...

    async def list_rate_cards(
        self, tenant_id: UUID, *, after: str, limit: int
    ) -> Sequence[RateCard]:
        """Read the latest versions of cards whose ids come after `after`, in their order.

        Without their rates.
        """
        ...

    async def quote(self, account: AccountKey, usages: Sequence[Usage]) -> Quote:
        """Price usages: ACCEPTED, ACCOUNT_NOT_FOUND, UNPRICED or OUT_OF_RANGE."""
        ...
