"""What work costs, as frozen values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from creditgate._types.amount import Amount, to_micros
from creditgate._types.balance import Balance
from creditgate._types.base import Credits


@dataclass(frozen=True)
class Usage:
    """An amount of work in the caller's own unit, priced by the account's rate card.

    `model` selects the rate of the meter; without one of its own the meter's `*` rate counts.
    """

    meter: str
    quantity: int
    model: str = ""


@dataclass(frozen=True, kw_only=True)
class ReplacedHold:
    """A hold that a Reserve takes the place of, and what it has used in all: one of the three.

    It is committed finally in the same transaction, first.
    """

    hold_id: str
    used: Amount | None = None
    used_quantity: int | None = None
    used_quantities: Iterable[Usage] | None = None
    termination_cause: str = ""


@dataclass(frozen=True, kw_only=True)
class RateTier:
    """What a unit costs beyond a quantity."""

    from_quantity: int
    unit_price_micros: int

    unit_price = Credits()


@dataclass(frozen=True, kw_only=True)
class Rate:
    """The price of a meter: a fee, and the unit price for the quantity rounded up to blocks.

    A unit is `unit_size` of what the meter counts. Blocks are of `increment`, the first of
    `initial`, and at least `minimum` is charged once anything is used. Zero is the usual: a size of
    1, blocks of 1, a first block as the others. `tiers` price what goes beyond quantities.
    """

    meter: str
    model: str = "*"
    unit_price_micros: int
    unit_size: int = 0
    connection_fee_micros: int = 0
    minimum: int = 0
    initial: int = 0
    increment: int = 0
    tiers: tuple[RateTier, ...] = ()

    unit_price = Credits()
    connection_fee = Credits()

    @classmethod
    def of(
        cls,
        meter: str,
        *,
        unit_price: Amount,
        model: str = "*",
        unit_size: int = 0,
        connection_fee: Amount = 0,
        minimum: int = 0,
        initial: int = 0,
        increment: int = 0,
        tiers: Iterable[tuple[int, Amount]] = (),
    ) -> Rate:
        """Make a rate with its prices in credits; a tier is (from quantity, unit price)."""
        return cls(
            meter=meter,
            model=model,
            unit_price_micros=to_micros(unit_price, name="unit_price"),
            unit_size=unit_size,
            connection_fee_micros=to_micros(connection_fee, name="connection_fee"),
            minimum=minimum,
            initial=initial,
            increment=increment,
            tiers=tuple(
                RateTier(from_quantity=beyond, unit_price_micros=to_micros(price, name="tier"))
                for beyond, price in tiers
            ),
        )

    @classmethod
    def parse(cls, terms: Mapping[str, Any]) -> Rate:
        """Read a rate as JSON files have it: the arguments of `of`, and tiers as objects.

        Raises ValueError or TypeError where a term is unknown, missing or no such value.
        """
        given = dict(terms)
        tiers = [(each["from_quantity"], each["unit_price"]) for each in given.pop("tiers", ())]
        return cls.of(**given, tiers=tiers)


@dataclass(frozen=True, kw_only=True)
class HoldLine:
    """One meter of a hold made by usages: what was asked of it in all, and what was reported.

    `affordable_quantity` is the most it can come to on what the hold was granted, while the other
    lines stay at what was asked of them, or was used where that is more. `model` is the one that
    was asked for, by which the line is named in reports; where that of the rate is `*`, it may be
    another.
    """

    rate: Rate
    quantity: int
    used_quantity: int
    affordable_quantity: int
    model: str = ""

    @property
    def meter(self) -> str:
        """What the line counts."""
        return self.rate.meter

    @property
    def name(self) -> tuple[str, str]:
        """The meter and the model by which it is told from the hold's other lines."""
        return self.rate.meter, self.model


@dataclass(frozen=True, kw_only=True)
class RateCard:
    """One version of a rate card; lists show it without its rates."""

    rate_card_id: str
    version: int
    name: str
    rates: tuple[Rate, ...]
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class RateCardPublication:
    """The answer to PutRateCard. `replayed` is true when the version had been written before."""

    rate_card: RateCard
    replayed: bool


@dataclass(frozen=True, kw_only=True)
class QuoteLine:
    """The price of one of several usages, and how far it can go while the others are as asked."""

    rate: Rate
    price_micros: int
    affordable_quantity: int

    price = Credits()


@dataclass(frozen=True, kw_only=True)
class Quote:
    """A price now, and the largest quantity that the available credits pay for.

    Of several usages `rate` is None, and `lines` are each of them. Until `pinned_until` what is
    reserved or charged with this quote costs what was quoted; None where that was not asked for.
    """

    price_micros: int
    affordable_quantity: int
    rate: Rate | None
    balance: Balance
    lines: tuple[QuoteLine, ...] = ()
    token: str = ""
    pinned_until: datetime | None = None

    price = Credits()
