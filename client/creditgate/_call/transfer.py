"""The next leg of a call that is transferred: the last is charged and the next held, at once."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass

from creditgate._call.base import BaseCall, share
from creditgate._call.machine import CallMachine
from creditgate._call.quota import goes_on, lives_seconds, quota_of, without_grant
from creditgate._errors import NotExecuted
from creditgate._messages.work import Call, read_reservation
from creditgate._types.amount import Amount, to_micros
from creditgate._types.decision import Reservation
from creditgate._types.hold import HoldState
from creditgate.v1 import authorization_service_pb2 as messages


@dataclass(frozen=True)
class Leg:
    """A leg that is asked for. `before` is the call as it was, to go on with if it is refused."""

    hold_id: str
    request: Call[Reservation]
    began_ns: int
    before: CallMachine


def next_leg(
    last: messages.ReserveRequest,
    *,
    hold_id: str,
    meter: str | None,
    model: str | None,
    minimum: Amount | None,
    used_seconds: int,
    cause: str,
) -> Call[Reservation]:
    """The request for a leg like the last one, which it takes the place of."""
    request = messages.ReserveRequest()
    request.CopyFrom(last)
    request.hold_id = hold_id
    request.minimum_micros = to_micros(minimum or 0, name="minimum")
    if meter is not None:
        request.usage.meter = meter
    if model is not None:
        request.usage.model = model
    replaced = messages.ReplacedHold(
        hold_id=last.hold_id, used_quantity=used_seconds, termination_cause=cause
    )
    request.replaces.CopyFrom(replaced)
    return Call("Reserve", request, read_reservation)


class LeggedCall(BaseCall):
    """A call of one leg after the other."""

    def _transferring(
        self,
        hold_id: str,
        *,
        meter: str | None,
        model: str | None,
        minimum: Amount | None,
        cause: str,
    ) -> Leg:
        """Stop this leg's clock, and ask for the next leg. Raises RuntimeError where it is over."""
        with self._guard:
            at, before = self._clock.now_ns(), self._machine
            if before.clock.is_over:
                raise RuntimeError("the call is over")
            if not before.is_held:
                raise NotExecuted("nobody has answered yet for the call that is transferred")
            self._machine = machine = copy(before)
            machine.clock = copy(before.clock)
            machine.end(at)
            self._told = []
            last = self._request.request
            assert isinstance(last, messages.ReserveRequest)
            used = machine.clock.seconds_in_all(at)
        request = next_leg(
            last,
            hold_id=hold_id,
            meter=meter,
            model=model,
            minimum=minimum,
            used_seconds=used,
            cause=cause,
        )
        return Leg(hold_id, request, at, before)

    def _moved(self, leg: Leg, reservation: Reservation) -> None:
        """Go on with the next leg, whose seconds count from the transfer on; or be cut."""
        with self._guard:
            at = self._clock.now_ns()
            hold = reservation.hold
            if not reservation.granted or hold is None or hold.state is not HoldState.OPEN:
                self._told = None
                self._machine.lose(at)
                return
            self._take(leg, at)
            self._keep(hold, reservation.balance)
            self._machine.begin(
                quota_of(reservation),
                lives_seconds=lives_seconds(reservation),
                used=hold.used_quantity,
                at=at,
            )
            self._begin_leg(leg)

    def _moved_unheld(self, leg: Leg) -> bool:
        """Go on with the next leg although nobody answered, if the quota allows; else be cut."""
        with self._guard:
            at, quota = self._clock.now_ns(), leg.before.quota
            if not goes_on(quota):
                self._told = None
                self._machine.lose(at)
                return False
            self._take(leg, at)
            self._machine.begin_unheld(without_grant(quota), at=at)
            self._begin_leg(leg)
            return True

    def _take(self, leg: Leg, at: int) -> None:
        self._earlier_seconds += self._machine.clock.seconds_in_all(at)
        self.hold_id, self._request = leg.hold_id, leg.request
        self._machine = CallMachine(slice_seconds=self._options.slice_seconds, spread=share)

    def _stays(self, leg: Leg) -> None:
        """Go on with the leg as it was: the next one was refused, and nothing was done."""
        with self._guard:
            self._machine = leg.before
            self._tell_again()

    def _begin_leg(self, leg: Leg) -> None:
        """Let the new leg count from the transfer on, and hear what has happened since."""
        if leg.before.clock.is_answered:
            self._machine.answer(leg.began_ns)
        self._tell_again()

    def _tell_again(self) -> None:
        for what, at in self._told or ():
            what(self._machine, at)
        self._told = None
