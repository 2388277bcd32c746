"""What the holds of both clients share: counting what is used, and how to leave."""

from __future__ import annotations

import logging
import random
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from creditgate._errors import HoldCommitted, HoldEnded, HoldExpired, HoldReleased
from creditgate._messages import work as calls
from creditgate._messages.work import Call
from creditgate._types.amount import Amount, to_credits, to_micros
from creditgate._types.balance import Balance
from creditgate._types.decision import Extension, HoldStatus, Reservation, Settlement
from creditgate._types.hold import Hold, HoldState
from creditgate._types.rate import HoldLine, Usage

OnError = Literal["release", "commit"]
Quantities = Mapping[str | tuple[str, str], int]
"""Quantities of lines by their meters, or where meters have several models, (meter, model)."""

log = logging.getLogger("creditgate")

# How long a hold that was given up before it was known to exist is tried to be released. If that
# fails its ttl returns the credits.
ABANDON_SECONDS = 2.0

_ENDED: dict[HoldState, type[HoldEnded]] = {
    HoldState.COMMITTED: HoldCommitted,
    HoldState.RELEASED: HoldReleased,
    HoldState.EXPIRED: HoldExpired,
}


@dataclass(frozen=True)
class HoldOptions:
    """How a hold lives and ends."""

    ttl_seconds: float
    on_error: OnError
    lifetime_seconds_max: float

    def name(self, hold_id: str | None) -> str:
        """The caller's name for the hold, or one made up."""
        return str(uuid.uuid4()) if hold_id is None else hold_id

    def heartbeat_seconds(self) -> float:
        """The time to the next heartbeat: a third of the ttl, spread so that holds do not march."""
        return self.ttl_seconds / 3 * random.uniform(0.8, 1.0)  # noqa: S311 - spreads load only


class BaseHold:
    """A hold whose work is going on: what it was granted, and what has been used of it."""

    def __init__(
        self, *, account_id: str, hold_id: str, request: Call[Reservation], options: HoldOptions
    ) -> None:
        self.account_id, self.hold_id = account_id, hold_id
        self._request, self._options = request, options
        self._hold: Hold | None = None
        self._balance: Balance | None = None
        self._used_micros = 0
        self._used_quantity = 0
        self._used_lines: dict[tuple[str, str], int] = {}
        self._ended = False
        self._lost = False

    @property
    def hold(self) -> Hold:
        """The hold as it was last answered."""
        assert self._hold is not None, "the hold has not been entered"
        return self._hold

    @property
    def balance(self) -> Balance:
        """The account's balance as it was last answered."""
        assert self._balance is not None, "the hold has not been entered"
        return self._balance

    @property
    def granted(self) -> Decimal:
        """Credits set aside for this work in all, used ones included."""
        return self.hold.granted

    @property
    def used(self) -> Decimal:
        """Credits the work has used so far, as told by `use`."""
        return to_credits(self._used_micros)

    @property
    def remaining(self) -> Decimal:
        """Credits that are granted and not used yet; negative when more was used than granted."""
        return to_credits(self.hold.granted_micros - self._used_micros)

    def affordable(self, meter: str = "") -> int:
        """How much more of its unit the granted credits buy, after what was used so far.

        `meter` says which unit is meant, as a check: the meter of the hold's rate, or the first
        words of it, such as "tokens" of "tokens.output". Of a hold made by usages it says which
        line, and this can go so far while the others stay at what was asked of them. Raises
        ValueError for another one, and where the hold was made by amount and has no unit.
        """
        if self.hold.lines:
            line = self._line(meter)
            return max(line.affordable_quantity - self._used_lines.get(line.name, 0), 0)
        rate = self.hold.rate
        if rate is None:
            raise ValueError("a hold made by amount has no unit: make it by usage")
        if meter and meter != rate.meter and not rate.meter.startswith(f"{meter}."):
            raise ValueError(f"the hold is of {rate.meter}, not of {meter}")
        return max(self.hold.granted_quantity - self._used_quantity, 0)

    @property
    def lost(self) -> bool:
        """True when the hold was found to have ended while the work goes on: stop if you can.

        What the work uses is still charged, from what is available then.
        """
        return self._lost

    def use(
        self,
        amount: Amount | None = None,
        *,
        total: Amount | None = None,
        quantity: int | None = None,
        total_quantity: int | None = None,
        quantities: Quantities | None = None,
        total_quantities: Quantities | None = None,
    ) -> None:
        """Count credits as used: `amount` more, or `total` in all. Nothing is sent yet.

        `quantity` and `total_quantity` count in the unit of the hold's rate, `quantities` and
        `total_quantities` in those of lines, by their meters. A total lower than what was counted
        changes nothing. Raises TypeError unless exactly one of them is given and all are counted
        in one way, ValueError for what is no line, and as `to_micros` does.
        """
        given = (amount, total, quantity, total_quantity, quantities, total_quantities)
        if sum(each is not None for each in given) != 1:
            raise TypeError("use() takes either an amount, a total, or quantities")
        if quantity is not None or total_quantity is not None:
            self._count(quantity or 0, total=total_quantity or 0)
            return
        if quantities is not None or total_quantities is not None:
            self._count_lines(quantities or {}, totals=total_quantities or {})
            return
        if self._used_quantity or self._used_lines:
            raise TypeError("this work is counted in quantities")
        if total is not None:
            self._used_micros = max(self._used_micros, to_micros(total, name="total"))
        elif amount is not None:
            self._used_micros += to_micros(amount)

    def _count(self, quantity: int, *, total: int) -> None:
        if self._used_micros or self.hold.rate is None:
            raise TypeError("this work is counted in credits")
        if quantity < 0 or total < 0:
            raise ValueError("a quantity is 0 or more")
        self._used_quantity = max(self._used_quantity + quantity, total)

    def _count_lines(self, quantities: Quantities, *, totals: Quantities) -> None:
        if self._used_micros or self.hold.rate is not None:
            raise TypeError("this work is counted in another way")
        if any(each < 0 for each in (*quantities.values(), *totals.values())):
            raise ValueError("a quantity is 0 or more")
        counted = dict(self._used_lines)
        for key, quantity in quantities.items():
            name = self._line(key).name
            counted[name] = counted.get(name, 0) + quantity
        for key, total in totals.items():
            name = self._line(key).name
            counted[name] = max(counted.get(name, 0), total)
        self._used_lines = counted

    def _line(self, key: str | tuple[str, str]) -> HoldLine:
        """The line that a meter, its first words, or a meter and a model name."""
        lines = self.hold.lines
        if isinstance(key, tuple):
            found = [line for line in lines if line.name == key]
        else:
            found = [line for line in lines if line.meter == key]
            found = found or [line for line in lines if line.meter.startswith(f"{key}.")]
        if len(found) != 1:
            names = ", ".join(" ".join(line.name).strip() for line in lines)
            raise ValueError(f"{key or 'nothing'!r} names {len(found)} of the hold's: {names}")
        return found[0]

    def _enter(self, reservation: Reservation) -> None:
        """Take up a decision. Raises `Denied`, or `HoldEnded` where this work was done before."""
        hold = reservation.raise_if_denied()
        raise_if_ended(hold)
        if any(line.used_quantity for line in hold.lines):
            for line in hold.lines:
                counted = self._used_lines.get(line.name, 0)
                self._used_lines[line.name] = max(counted, line.used_quantity)
        elif hold.used_quantity:
            self._used_quantity = max(self._used_quantity, hold.used_quantity)
        else:
            self._used_micros = max(self._used_micros, hold.used_micros)
        self._see(hold, reservation.balance)

    def _see(self, hold: Hold, balance: Balance) -> None:
        """Keep the newest answer; they may come out of order."""
        if self._balance is None or balance.version >= self._balance.version:
            self._hold, self._balance = hold, balance

    def _extending(
        self,
        total: Amount | None,
        *,
        quantity: int | None = None,
        quantities: Quantities | None = None,
        minimum: Amount | None = None,
    ) -> Call[Extension]:
        raises = (total, quantity, quantities) != (None, None, None)
        used, used_quantity, used_quantities = self._so_far() if raises else (None, None, None)
        wanted = {self._line(key).name: each for key, each in (quantities or {}).items()}
        return calls.extend(
            self.account_id,
            hold_id=self.hold_id,
            total=total,
            quantity=quantity,
            quantities=None if quantities is None else _usages(wanted),
            used=used,
            used_quantity=used_quantity,
            used_quantities=used_quantities,
            minimum=minimum,
            ttl_seconds=self._options.ttl_seconds,
        )

    def _committing(self, *, keep_open: bool, cause: str = "") -> Call[Settlement]:
        used, used_quantity, used_quantities = self._so_far()
        return calls.commit(
            self.account_id,
            hold_id=self.hold_id,
            used=used,
            used_quantity=used_quantity,
            used_quantities=used_quantities,
            keep_open=keep_open,
            termination_cause=cause,
        )

    def _so_far(self) -> tuple[Decimal | None, int | None, list[Usage] | None]:
        """What was used so far: in credits, in the unit of its rate, or in those of lines."""
        if self._used_lines:
            return None, None, _usages(self._used_lines)
        if self._used_quantity:
            return None, self._used_quantity, None
        return to_credits(self._used_micros), None, None

    def _releasing(self, cause: str) -> Call[HoldStatus]:
        return calls.release(self.account_id, hold_id=self.hold_id, termination_cause=cause)

    def _leaving(self, error: BaseException | None) -> Call[Settlement] | Call[HoldStatus] | None:
        """How to end the hold when the body is left; None when it has been ended inside."""
        if self._ended:
            return None
        cause = "" if error is None else cause_of(error)
        charge = error is None or self._options.on_error == "commit"
        if charge and (self._used_micros or self._used_quantity or any(self._used_lines.values())):
            return self._committing(keep_open=False, cause=cause)
        return self._releasing(cause)

    def _beat_failed(self, error: Exception) -> bool:
        """Note a failed heartbeat; true when another makes no sense."""
        self._lost = isinstance(error, HoldEnded)
        log.warning("heartbeat of hold %s of %s: %s", self.hold_id, self.account_id, error)
        return self._lost

    def _not_ended(self, error: BaseException, failure: Exception) -> None:
        """Tell that a hold could not be ended, without hiding why its body failed."""
        note = f"hold {self.hold_id} of {self.account_id} was not ended: {failure}"
        error.add_note(note)
        log.warning("%s", note)


def _usages(quantities: Mapping[tuple[str, str], int]) -> list[Usage]:
    return [Usage(meter, each, model) for (meter, model), each in quantities.items()]


def raise_if_ended(hold: Hold) -> None:
    """Raise `HoldEnded` where work was done before: its hold has ended."""
    if hold.state in _ENDED:
        raise _ENDED[hold.state](
            f"hold {hold.hold_id} of {hold.account_id} was {hold.state.value.lower()} before",
            reason=f"HOLD_{hold.state.value}",
        )


def cause_of(error: BaseException) -> str:
    """A termination cause from an exception, in the alphabet of ids."""
    return re.sub(r"[^A-Za-z0-9._:@/-]", "_", f"error:{type(error).__name__}")[:128]
