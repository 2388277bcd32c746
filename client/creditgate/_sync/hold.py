"""A hold as a context manager."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from creditgate._errors import CreditgateError, OutcomeUnknown
from creditgate._hold import ABANDON_SECONDS, BaseHold, HoldOptions, Quantities, log
from creditgate._messages.work import Call
from creditgate._types.amount import Amount
from creditgate._types.decision import Extension, HoldStatus, Reservation, Settlement

Answer = TypeVar("Answer")


class Send(Protocol):
    """How a client sends a request until it is answered."""

    def __call__(self, call: Call[Answer], *, patience_seconds: float | None = None) -> Answer:
        """Send it, with no more patience than this; None is the client's own."""
        ...


class SyncHold(BaseHold):
    """A hold around the body of a `with`; made by `Client.hold`."""

    def __init__(
        self,
        send: Send,
        *,
        account_id: str,
        hold_id: str,
        request: Call[Reservation],
        options: HoldOptions,
    ) -> None:
        super().__init__(account_id=account_id, hold_id=hold_id, request=request, options=options)
        self._send = send
        self._left = threading.Event()

    def __enter__(self) -> Self:
        try:
            reservation = self._send(self._request)
        except (OutcomeUnknown, KeyboardInterrupt):
            # The hold may exist, and nobody would end it.
            self._abandon()
            raise
        self._enter(reservation)
        threading.Thread(target=self._beat, name="creditgate-heartbeat", daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self._leave(error)
        except KeyboardInterrupt as interrupt:
            # Once more and briefly: a second interrupt means it.
            self._leave(error or interrupt)
            raise
        except CreditgateError as failure:
            if error is None:
                raise
            self._not_ended(error, failure)

    def extend(
        self,
        total: Amount | None = None,
        *,
        quantity: int | None = None,
        quantities: Quantities | None = None,
        minimum: Amount | None = None,
    ) -> Extension:
        """Raise the hold to a total and charge what was used so far, in one step.

        `quantity` is the total in the unit of the hold's rate, `quantities` those of lines, by
        their meters.

        Raises `Denied` when less than `minimum` more (None: than all of it) is available; the hold
        then stands as before and the usage is charged.
        """
        extension = self._send(
            self._extending(total, quantity=quantity, quantities=quantities, minimum=minimum)
        )
        self._see(extension.hold, extension.balance)
        extension.raise_if_denied()
        return extension

    def report(self) -> Settlement:
        """Charge what was used so far and go on."""
        settlement = self._send(self._committing(keep_open=True))
        self._see(settlement.hold, settlement.balance)
        return settlement

    def commit(self, *, termination_cause: str = "") -> Settlement:
        """Charge what was used and end the hold now; leaving the body then does nothing."""
        request = self._committing(keep_open=False, cause=termination_cause)
        settlement = self._send(request)
        self._see(settlement.hold, settlement.balance)
        self._ended = True
        return settlement

    def release(self, *, termination_cause: str = "") -> HoldStatus:
        """End the hold now without charging more; leaving the body then does nothing."""
        status = self._send(self._releasing(termination_cause))
        self._see(status.hold, status.balance)
        self._ended = True
        return status

    def _leave(self, error: BaseException | None) -> None:
        self._left.set()
        request: Call[Any] | None = self._leaving(error)
        if request is not None:
            answer = self._send(request)
            self._see(answer.hold, answer.balance)
            self._ended = True

    def _abandon(self) -> None:
        try:
            self._send(self._releasing("abandoned"), patience_seconds=ABANDON_SECONDS)
        except CreditgateError as failure:
            log.warning(
                "hold %s of %s is left to its ttl: %s", self.hold_id, self.account_id, failure
            )

    def _beat(self) -> None:
        """Renew the expiry at a fraction of the ttl, for as long as the body runs."""
        until = time.monotonic() + self._options.lifetime_seconds_max
        while time.monotonic() < until:
            pause = self._options.heartbeat_seconds()
            if self._left.wait(pause):
                return
            try:
                renewed = self._send(self._extending(None), patience_seconds=pause)
            except CreditgateError as failure:
                if self._left.is_set() or self._beat_failed(failure):
                    return
            else:
                self._see(renewed.hold, renewed.balance)
