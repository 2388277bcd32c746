"""A call as a context manager."""

from __future__ import annotations

import threading
from collections.abc import Callable, MutableMapping
from types import TracebackType
from typing import Any, Self

from creditgate._call.base import ASK_PATIENCE_SECONDS, LOOK_SECONDS_MAX, CallOptions
from creditgate._call.call_clock import SECOND_NS
from creditgate._call.journal import Entry
from creditgate._call.machine import CallMachine, Due
from creditgate._call.quota import remember
from creditgate._call.transfer import Leg, LeggedCall
from creditgate._errors import CreditgateError, OutcomeUnknown, Refused, Unavailable
from creditgate._hold import ABANDON_SECONDS, log, raise_if_ended
from creditgate._messages.work import Call
from creditgate._sync.hold import Send
from creditgate._sync.outbox import SyncOutbox
from creditgate._types.amount import Amount
from creditgate._types.call import Quota
from creditgate._types.decision import Reservation


class SyncCall(LeggedCall):
    """A call around the body of a `with`; made by `Client.call`.

    `cut` is set when the call has to end because its funds do.
    """

    def __init__(
        self,
        send: Send,
        *,
        outbox: SyncOutbox,
        quotas: MutableMapping[str, Quota],
        account_id: str,
        call_id: str,
        request: Call[Reservation],
        options: CallOptions,
    ) -> None:
        super().__init__(account_id=account_id, call_id=call_id, request=request, options=options)
        self.cut = threading.Event()
        self._guard = threading.RLock()
        self._send, self._outbox, self._quotas = send, outbox, quotas
        self._woken = threading.Event()
        self._asking: threading.Thread | None = None
        self._is_moving = False

    def wait_cut(self) -> None:
        """Wait until the call has to end because its funds do; for ever, if it ends otherwise."""
        self.cut.wait()

    def transferred(
        self,
        hold_id: str,
        *,
        meter: str | None = None,
        model: str | None = None,
        minimum: Amount | None = None,
        cause: str = "transferred",
    ) -> None:
        """Tell that the call goes on elsewhere: this leg is charged and the next one held, at once.

        `hold_id` names the next leg. It is counted from now on, if this one was answered, and
        rounded for itself; `meter` and `model` are those of this one unless told. From then on
        `hold`, `quota` and all else are about it.

        Raises `Denied` when the credits are not there: this leg is charged then, and the call cut;
        `Refused` when nothing was done, and this leg goes on; `Unavailable` when nobody answers,
        and the call is cut, unless its quota lets it go on; RuntimeError when it is over.
        """
        self._is_moving = True
        try:
            self._end_question()
            leg = self._transferring(
                hold_id, meter=meter, model=model, minimum=minimum, cause=cause
            )
            self._move(leg)
        finally:
            self._is_moving = False
            self._look()

    def __enter__(self) -> Self:
        try:
            reservation = self._send(self._request)
        except Unavailable as failure:
            self._begin_unheld(failure)
        except KeyboardInterrupt:
            # The hold may exist, and nobody would end it.
            self._abandon(self.hold_id)
            raise
        else:
            self._enter(reservation)
            remember(self._quotas, self.account_id, reservation)
        _start(self._watch)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        entry = self._leaving(error)
        self._look()
        try:
            self._settle(entry)
        except KeyboardInterrupt:
            # Once more and briefly: a second interrupt means it.
            self._settle(entry)
            raise
        except CreditgateError as failure:
            if error is None:
                raise
            error.add_note(f"call {self.call_id} of {self.account_id} was not charged: {failure}")

    def _look(self) -> None:
        """Let the thread that watches the call see to what is due."""
        self._woken.set()

    def _watch(self) -> None:
        """See to what is due, when it is, until the call is over."""
        while True:
            self._woken.clear()
            with self._guard:
                for due in self._machine.due(self._clock.now_ns()):
                    self._do(due)
                now = self._clock.now_ns()
                following = self._machine.next_at(now)
            if following is not None:
                seconds: float | None = min(max(following - now, 0) / SECOND_NS, LOOK_SECONDS_MAX)
            elif self._is_moving:
                seconds = None
            else:
                return
            self._clock.wait(self._woken, seconds=seconds)

    def _do(self, due: Due) -> None:
        if due is Due.CUT:
            self.cut.set()
            self._call_back(self._options.on_cut)
        elif due is Due.WARN:
            self._call_back(self._options.on_warning)
        else:
            ask = self._machine.ask(self._clock.now_ns())
            request, entry, machine = self._question(ask), self._entry(ask.used), self._machine
            self._asking = _start(lambda: self._ask(request, entry, machine))

    def _ask(self, request: Call[Any], entry: Entry, machine: CallMachine) -> None:
        """Ask for more. The call goes on meanwhile, and is cut in time whatever comes of it."""
        self._outbox.note(entry)
        try:
            answer: Any = self._send(request, patience_seconds=ASK_PATIENCE_SECONDS)
        except CreditgateError as failure:
            self._failed(failure, machine)
        else:
            self._seen(answer, machine)
            remember(self._quotas, self.account_id, answer)
        self._look()

    def _begin_unheld(self, failure: Unavailable) -> None:
        try:
            self._enter_unheld(failure, self._quotas.get(self.account_id))
        except OutcomeUnknown:
            self._abandon(self.hold_id)
            raise

    def _abandon(self, hold_id: str) -> None:
        try:
            self._send(self._releasing(hold_id, "abandoned"), patience_seconds=ABANDON_SECONDS)
        except CreditgateError as failure:
            log.warning(
                "call %s of %s is left to its ttl: %s", self.call_id, self.account_id, failure
            )

    def _move(self, leg: Leg) -> None:
        last = self._entry(0)
        try:
            reservation = self._send(leg.request)
        except Refused:
            self._stays(leg)
            raise
        except Unavailable:
            if not self._moved_unheld(leg):
                self._abandon(leg.hold_id)
                raise
        except KeyboardInterrupt:
            self._abandon(leg.hold_id)
            raise
        else:
            self._moved(leg, reservation)
            remember(self._quotas, self.account_id, reservation)
            raise_if_ended(reservation.raise_if_denied())
        self._outbox.forget(last)

    def _end_question(self) -> None:
        """Wait for a question that is under way: what it writes must come before what follows."""
        if self._asking is not None:
            self._asking.join()

    def _settle(self, entry: Entry) -> None:
        """Charge the call, or release it where it was never answered."""
        self._end_question()
        answer = self._outbox.settle(entry)
        if answer is not None:
            self._keep(answer.hold, answer.balance)
            self._is_settled = True

    def _call_back(self, callback: Callable[[Any], object] | None) -> None:
        """Tell the gateway, in a thread of its own: what it does there delays nothing here."""
        if callback is not None:
            _start(lambda: self._tell_gateway(callback))

    def _tell_gateway(self, callback: Callable[[Any], object]) -> None:
        try:
            callback(self)
        except Exception:  # noqa: BLE001 - whatever it is, it is not ours
            log.exception("a callback of call %s of %s failed", self.call_id, self.account_id)


def _start(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, name="creditgate-call", daemon=True)
    thread.start()
    return thread
