"""A call as an asynchronous context manager."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, MutableMapping
from types import TracebackType
from typing import Any, Self

from creditgate._async.hold import Send, finish
from creditgate._async.outbox import AsyncOutbox
from creditgate._call.base import ASK_PATIENCE_SECONDS, LOOK_SECONDS_MAX, CallOptions
from creditgate._call.call_clock import SECOND_NS
from creditgate._call.clock import Timer
from creditgate._call.journal import Entry
from creditgate._call.machine import CallMachine, Due
from creditgate._call.quota import remember
from creditgate._call.transfer import Leg, LeggedCall
from creditgate._errors import CreditgateError, OutcomeUnknown, Refused, Unavailable
from creditgate._hold import ABANDON_SECONDS, log, raise_if_ended
from creditgate._messages.work import Call
from creditgate._types.amount import Amount
from creditgate._types.call import Quota
from creditgate._types.decision import Reservation


class AsyncCall(LeggedCall):
    """A call around the body of an `async with`; made by `AsyncClient.call`.

    `cut` is set when the call has to end because its funds do.
    """

    def __init__(
        self,
        send: Send,
        *,
        outbox: AsyncOutbox,
        quotas: MutableMapping[str, Quota],
        account_id: str,
        call_id: str,
        request: Call[Reservation],
        options: CallOptions,
    ) -> None:
        super().__init__(account_id=account_id, call_id=call_id, request=request, options=options)
        self.cut = asyncio.Event()
        self._send, self._outbox, self._quotas = send, outbox, quotas
        self._timer: Timer | None = None
        self._asking: asyncio.Task[None] | None = None
        self._callbacks: set[asyncio.Future[Any]] = set()

    async def wait_cut(self) -> None:
        """Wait until the call has to end because its funds do; for ever, if it ends otherwise."""
        await self.cut.wait()

    async def transferred(
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
        await self._end_question()
        leg = self._transferring(hold_id, meter=meter, model=model, minimum=minimum, cause=cause)
        try:
            await self._move(leg)
        finally:
            self._look()

    async def __aenter__(self) -> Self:
        self._outbox.open()
        try:
            reservation = await self._send(self._request)
        except Unavailable as failure:
            await self._begin_unheld(failure)
        except asyncio.CancelledError:
            # The hold may exist, and nobody would end it.
            await finish(lambda: self._abandon(self.hold_id))
            raise
        else:
            self._enter(reservation)
            remember(self._quotas, self.account_id, reservation)
        self._look()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        entry = self._leaving(error)
        try:
            await finish(lambda: self._settle(entry))
        except CreditgateError as failure:
            if error is None:
                raise
            error.add_note(f"call {self.call_id} of {self.account_id} was not charged: {failure}")

    def _look(self) -> None:
        """See to what is due, and set the timer for what is due next."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for due in self._machine.due(self._clock.now_ns()):
            if due is Due.CUT:
                self.cut.set()
                self._call_back(self._options.on_cut)
            elif due is Due.WARN:
                self._call_back(self._options.on_warning)
            else:
                ask = self._machine.ask(self._clock.now_ns())
                asking = self._ask(self._question(ask), self._entry(ask.used), self._machine)
                self._asking = asyncio.create_task(asking)
        now = self._clock.now_ns()
        following = self._machine.next_at(now)
        if following is not None and self._timer is None:
            seconds = min(max(following - now, 0) / SECOND_NS, LOOK_SECONDS_MAX)
            self._timer = self._clock.call_later(seconds, callback=self._look)

    async def _ask(self, request: Call[Any], entry: Entry, machine: CallMachine) -> None:
        """Ask for more; the call goes on meanwhile, and the timer cuts it whatever comes of it."""
        self._outbox.note(entry)
        try:
            answer = await self._send(request, patience_seconds=ASK_PATIENCE_SECONDS)
        except CreditgateError as failure:
            self._failed(failure, machine)
        except asyncio.CancelledError:
            self._given_up(machine)
            raise
        else:
            self._seen(answer, machine)
            remember(self._quotas, self.account_id, answer)
        self._look()

    async def _begin_unheld(self, failure: Unavailable) -> None:
        try:
            self._enter_unheld(failure, self._quotas.get(self.account_id))
        except OutcomeUnknown:
            await finish(lambda: self._abandon(self.hold_id))
            raise

    async def _abandon(self, hold_id: str) -> None:
        try:
            request = self._releasing(hold_id, "abandoned")
            await self._send(request, patience_seconds=ABANDON_SECONDS)
        except CreditgateError as failure:
            log.warning(
                "call %s of %s is left to its ttl: %s", self.call_id, self.account_id, failure
            )

    async def _move(self, leg: Leg) -> None:
        last = self._entry(0)
        try:
            reservation = await self._send(leg.request)
        except Refused:
            self._stays(leg)
            raise
        except Unavailable:
            if not self._moved_unheld(leg):
                await finish(lambda: self._abandon(leg.hold_id))
                raise
        except asyncio.CancelledError:
            await finish(lambda: self._abandon(leg.hold_id))
            raise
        else:
            self._moved(leg, reservation)
            remember(self._quotas, self.account_id, reservation)
            raise_if_ended(reservation.raise_if_denied())
        await self._outbox.forget(last)

    async def _end_question(self) -> None:
        """Take back a question that is under way; its answer is not needed any more."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait([self._asking])

    async def _settle(self, entry: Entry) -> None:
        """Charge the call, or release it where it was never answered."""
        if self._timer is not None:
            self._timer.cancel()
        await self._end_question()
        answer = await self._outbox.settle(entry)
        if answer is not None:
            self._keep(answer.hold, answer.balance)
            self._is_settled = True

    def _call_back(self, callback: Callable[[Any], object] | None) -> None:
        """Tell the gateway; what goes wrong there is its own, and ends nothing here."""
        if callback is None:
            return
        try:
            result = callback(self)
        except Exception:  # noqa: BLE001 - whatever it is, it is not ours
            log.exception("a callback of call %s of %s failed", self.call_id, self.account_id)
            return
        if inspect.isawaitable(result):
            task = asyncio.ensure_future(result)
            self._callbacks.add(task)
            task.add_done_callback(self._called_back)

    def _called_back(self, task: asyncio.Future[Any]) -> None:
        self._callbacks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a callback of call %s failed", self.call_id, exc_info=error)
