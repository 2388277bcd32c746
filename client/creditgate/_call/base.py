"""What the calls of both clients share: what happens to a call, and what is said about it."""

from __future__ import annotations

import logging
import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Self

from creditgate._call.call_clock import SECOND_NS
from creditgate._call.clock import Clock
from creditgate._call.journal import Entry
from creditgate._call.machine import Ask, CallMachine
from creditgate._call.quota import LATEST, goes_on, lives_seconds, quota_of, without_grant
from creditgate._errors import (
    CreditgateError,
    HoldEnded,
    HoldExpired,
    Unavailable,
    denied,
)
from creditgate._hold import cause_of, log, raise_if_ended
from creditgate._messages.convert import duration
from creditgate._messages.work import Call, read_extension, release, reserve
from creditgate._types.amount import Amount
from creditgate._types.balance import Balance
from creditgate._types.call import CallLeg, FinalReason, FinalUnit, Quota
from creditgate._types.decision import Extension, HoldStatus, Reservation
from creditgate._types.hold import Attributes, Hold
from creditgate._types.rate import Usage
from creditgate.v1 import authorization_service_pb2 as messages

SLICE_SECONDS_MIN = 10
# A question that is not answered by then is given up; the next one comes a little later.
ASK_PATIENCE_SECONDS = 4.5
TTL_SECONDS_MAX = 86_400.0
# How far ahead a timer is set at most; then it looks again.
LOOK_SECONDS_MAX = 3_600.0

_CAUSES = {
    FinalReason.CREDITS: "credits",
    FinalReason.MAX_DURATION: "max-duration",
    FinalReason.LIMIT: "limit",
    FinalReason.ACCOUNT_INACTIVE: "account-inactive",
}


@dataclass(frozen=True)
class CallOptions:
    """How a call is run."""

    slice_seconds: int
    ttl_seconds: float | None
    leg: CallLeg
    clock: Clock
    on_warning: Callable[[Any], object] | None
    on_cut: Callable[[Any], object] | None

    def __post_init__(self) -> None:
        if self.slice_seconds < SLICE_SECONDS_MIN:
            raise ValueError(f"slice_seconds is at least {SLICE_SECONDS_MIN}")

    def ttl(self, allowance_seconds: float = 0.0) -> float:
        """How long the hold lives unless it is renewed: long enough to go on without an answer."""
        usual = 3.0 * self.slice_seconds + allowance_seconds
        return min(usual, TTL_SECONDS_MAX) if self.ttl_seconds is None else self.ttl_seconds


class BaseCall(ABC):
    """A call whose seconds are counted and paid for: what happens to it, and how long it may go on.

    Everything that happens may be told again, or late: what was told before changes nothing.
    """

    _guard: AbstractContextManager[Any] = nullcontext()

    def __init__(
        self, *, account_id: str, call_id: str, request: Call[Reservation], options: CallOptions
    ) -> None:
        self.account_id, self.call_id, self.hold_id = account_id, call_id, call_id
        self._request, self._options, self._clock = request, options, options.clock
        self._machine = CallMachine(slice_seconds=options.slice_seconds, spread=share)
        self._hold: Hold | None = None
        self._balance: Balance | None = None
        self._cause = ""
        self._earlier_seconds = 0
        # What happens while a transfer is under way is told to the next leg, too.
        self._told: list[tuple[Callable[[CallMachine, int], None], int]] | None = None
        self._is_entered = self._is_settled = self._is_failing = False

    # What happens to the call.

    def answered(self) -> None:
        """Tell that the call was answered: from now on its seconds are counted."""
        self._tell(lambda machine, at: machine.answer(at))

    def on_hold(self) -> None:
        """Tell that the call is on hold: no seconds are counted until it is `resumed`."""
        self._tell(lambda machine, at: machine.pause("hold", at))

    def resumed(self) -> None:
        """Tell that the call is no longer on hold."""
        self._tell(lambda machine, at: machine.resume("hold", at))

    def muted(self) -> None:
        """Tell that the agent is silent, for example while a person talks: no seconds are counted.

        Until it is `unmuted`, whether or not the call is on hold meanwhile.
        """
        self._tell(lambda machine, at: machine.pause("mute", at))

    def unmuted(self) -> None:
        """Tell that the agent speaks again."""
        self._tell(lambda machine, at: machine.resume("mute", at))

    def hung_up(self, cause: str = "") -> None:
        """Tell that the call is over, and why, as `termination_cause`; leaving the body charges it.

        1 to 128 characters of the alphabet of ids. The first cause counts.
        """
        self._cause = self._cause or cause
        self._tell(lambda machine, at: machine.end(at))

    # What is to be said about it.

    @property
    def hold(self) -> Hold:
        """The call's hold as it was last answered. Raises LookupError while nobody has answered."""
        if self._hold is None:
            raise LookupError(f"nobody has answered yet for call {self.call_id}")
        return self._hold

    @property
    def balance(self) -> Balance:
        """The account's balance as it was last answered. Raises LookupError as `hold` does."""
        if self._balance is None:
            raise LookupError(f"nobody has answered yet for call {self.call_id}")
        return self._balance

    @property
    def quota(self) -> Quota:
        """How long the call may go on, as it was last answered."""
        return self._machine.quota

    @property
    def final(self) -> FinalUnit | None:
        """How the call ends and why, where no more will be granted as things stand; else None."""
        return self._machine.quota.final

    @property
    def seconds(self) -> int:
        """The seconds that are charged if the call ends now: each that has begun, of all legs."""
        with self._guard:
            return self._earlier_seconds + self._machine.clock.seconds_in_all(self._clock.now_ns())

    @property
    def seconds_left(self) -> float | None:
        """How long the call may go on if its clock runs from now on; None: without an end."""
        with self._guard:
            left = self._machine.left_ns(self._clock.now_ns())
        return None if left is None else left / SECOND_NS

    @property
    def funded_until(self) -> datetime | None:
        """When that is, on the clock on the wall; None: without an end."""
        left = self.seconds_left
        if left is None:
            return None
        now = self._clock.now()
        return min(now + timedelta(seconds=min(left, (LATEST - now).total_seconds())), LATEST)

    @property
    def warned(self) -> bool:
        """True when the end is near and `on_warning` was called; False again once it is lifted."""
        return self._machine.is_warned

    @property
    def settled(self) -> bool:
        """True once the service has charged the call; left without that, the journal has it."""
        return self._is_settled

    # How both kinds of calls go about it.

    @abstractmethod
    def _look(self) -> None:
        """See to what is due."""

    def _tell(self, what: Callable[[CallMachine, int], None]) -> None:
        if not self._is_entered:
            raise RuntimeError("the call has not been entered")
        with self._guard:
            at = self._clock.now_ns()
            what(self._machine, at)
            if self._told is not None:
                self._told.append((what, at))
        self._look()

    def _enter(self, reservation: Reservation) -> Self:
        """Take up a decision. Raises `Denied`, or `HoldEnded` where this call was run before."""
        hold = reservation.raise_if_denied()
        raise_if_ended(hold)
        self._keep(hold, reservation.balance)
        with self._guard:
            self._machine.begin(
                quota_of(reservation),
                lives_seconds=lives_seconds(reservation),
                used=hold.used_quantity,
                at=self._clock.now_ns(),
            )
            self._is_entered = True
        return self

    def _enter_unheld(self, failure: Unavailable, quota: Quota | None) -> None:
        """Begin although nobody answered, where the account's last quota allows; else raise."""
        if quota is None or not goes_on(quota):
            raise failure
        log.warning("call %s of %s begins unheld: %s", self.call_id, self.account_id, failure)
        with self._guard:
            self._machine.begin_unheld(without_grant(quota), at=self._clock.now_ns())
            self._is_entered = True

    def _keep(self, hold: Hold, balance: Balance) -> None:
        """Keep the newest answer about the leg that goes on."""
        if hold.hold_id != self.hold_id:
            return
        if self._balance is None or balance.version >= self._balance.version:
            self._hold, self._balance = hold, balance

    def _question(self, ask: Ask) -> Call[Reservation] | Call[Extension]:
        """The request that asks for more."""
        if ask.first:
            return self._request
        request = messages.ExtendRequest(
            account_id=self.account_id,
            hold_id=self.hold_id,
            used_quantity=ask.used,
            ttl=duration(self._options.ttl(self._machine.quota.offline_allowance_seconds)),
        )
        if ask.total is not None:
            # All there is, if not all of it: a call goes on for as long as the credits last.
            request.quantity, request.minimum_micros = ask.total, 1
        return Call("Extend", request, read_extension)

    def _seen(self, answer: Reservation | Extension, machine: CallMachine) -> None:
        """Take up the answer to a question of a leg, which may have ended meanwhile."""
        if answer.hold is None:
            self._failed(denied(answer), machine)
            return
        self._keep(answer.hold, answer.balance)
        self._is_failing = False
        with self._guard:
            machine.see(
                quota_of(answer), lives_seconds=lives_seconds(answer), at=self._clock.now_ns()
            )

    def _failed(self, failure: CreditgateError, machine: CallMachine) -> None:
        """Take up that a question of a leg was not answered, or was refused."""
        # Once for each time that nobody answers: there may be thousands of calls.
        level = logging.DEBUG if self._is_failing else logging.WARNING
        log.log(level, "call %s of %s: %s", self.call_id, self.account_id, failure)
        self._is_failing = True
        with self._guard:
            at = self._clock.now_ns()
            if isinstance(failure, Unavailable):
                machine.fail(at)
            elif isinstance(failure, HoldExpired):
                machine.expire(at)
            elif isinstance(failure, HoldEnded):
                machine.close(at)
            else:
                machine.refuse(at)

    def _given_up(self, machine: CallMachine) -> None:
        """Take up that a question was given up before its answer, as at the end of a leg."""
        with self._guard:
            if not machine.clock.is_over:
                machine.fail(self._clock.now_ns())

    def _releasing(self, hold_id: str, cause: str) -> Call[HoldStatus]:
        return release(self.account_id, hold_id=hold_id, termination_cause=cause)

    def _entry(self, seconds: int, *, cause: str = "", is_final: bool = False) -> Entry:
        """What the journal keeps."""
        commit = messages.CommitRequest(
            account_id=self.account_id,
            hold_id=self.hold_id,
            used_quantity=seconds,
            termination_cause=cause or "gateway-lost",
        )
        reserve = self._request.request
        assert isinstance(reserve, messages.ReserveRequest)
        return Entry(
            commit=commit,
            reserve=None if self._machine.is_held else reserve,
            gateway_id=self._options.leg.gateway_id,
            epoch=self._options.leg.epoch,
            is_final=is_final,
        )

    def _leaving(self, error: BaseException | None) -> Entry:
        """End the clock; what is to be charged. Of a call that was never answered it is nothing."""
        with self._guard:
            at = self._clock.now_ns()
            self._machine.end(at)
            cause = self._cause or self._why(error)
            return self._entry(self._machine.clock.seconds_in_all(at), cause=cause, is_final=True)

    def _why(self, error: BaseException | None) -> str:
        """The cause of an end that nobody gave one for."""
        if self._machine.is_cut:
            final = self.final
            return "unreachable" if final is None else _CAUSES.get(final.reason, "no-more-granted")
        if error is not None:
            return cause_of(error)
        return "hang-up" if self._machine.clock.is_answered else "not-answered"


def first_request(
    account_id: str,
    *,
    call_id: str,
    usage: Usage,
    minimum: Amount | None,
    attributes: Attributes | None,
    labels: Mapping[str, str] | None,
    options: CallOptions,
) -> Call[Reservation]:
    """The request that holds the first slice. Reports find the call by its own name unless told."""
    described = attributes or Attributes()
    return reserve(
        account_id,
        hold_id=call_id,
        amount=None,
        usage=usage,
        usages=None,
        minimum=minimum,
        ttl_seconds=options.ttl(),
        attributes=described if described.call_id else replace(described, call_id=call_id),
        labels=labels,
        call=options.leg,
    )


def share() -> float:
    """A number from 0 to 1, by which calls are spread."""
    return random.random()  # noqa: S311 - spreads load only
