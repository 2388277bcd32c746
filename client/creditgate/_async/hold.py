"""A hold as an asynchronous context manager."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from creditgate._errors import CreditgateError, OutcomeUnknown
from creditgate._hold import ABANDON_SECONDS, BaseHold, HoldOptions, Quantities, log
from creditgate._messages.work import Call
from creditgate._types.amount import Amount
from creditgate._types.decision import Extension, HoldStatus, Reservation, Settlement

Answer = TypeVar("Answer")

# How often work that someone else cancels is begun again. asyncio.run() cancels every task when it
# ends, the one that commits included; each new attempt outlives one such sweep.
SHIELD_ATTEMPTS = 3


class Send(Protocol):
    """How a client sends a request until it is answered."""

    async def __call__(
        self, call: Call[Answer], *, patience_seconds: float | None = None
    ) -> Answer:
        """Send it, with no more patience than this; None is the client's own."""
        ...


class AsyncHold(BaseHold):
    """A hold around the body of an `async with`; made by `AsyncClient.hold`."""

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
        self._heartbeat: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        try:
            reservation = await self._send(self._request)
        except (OutcomeUnknown, asyncio.CancelledError):
            # The hold may exist, and nobody would end it.
            await finish(self._abandon)
            raise
        self._enter(reservation)
        self._heartbeat = asyncio.create_task(self._beat())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await finish(lambda: self._leave(error))
        except CreditgateError as failure:
            if error is None:
                raise
            self._not_ended(error, failure)

    async def extend(
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
        extension = await self._send(
            self._extending(total, quantity=quantity, quantities=quantities, minimum=minimum)
        )
        self._see(extension.hold, extension.balance)
        extension.raise_if_denied()
        return extension

    async def report(self) -> Settlement:
        """Charge what was used so far and go on."""
        settlement = await self._send(self._committing(keep_open=True))
        self._see(settlement.hold, settlement.balance)
        return settlement

    async def commit(self, *, termination_cause: str = "") -> Settlement:
        """Charge what was used and end the hold now; leaving the body then does nothing."""
        request = self._committing(keep_open=False, cause=termination_cause)
        settlement = await self._send(request)
        self._see(settlement.hold, settlement.balance)
        self._ended = True
        return settlement

    async def release(self, *, termination_cause: str = "") -> HoldStatus:
        """End the hold now without charging more; leaving the body then does nothing."""
        status = await self._send(self._releasing(termination_cause))
        self._see(status.hold, status.balance)
        self._ended = True
        return status

    async def _leave(self, error: BaseException | None) -> None:
        if self._heartbeat is not None:
            self._heartbeat.cancel()
            await asyncio.wait([self._heartbeat])
        request: Call[Any] | None = self._leaving(error)
        if request is not None:
            answer = await self._send(request)
            self._see(answer.hold, answer.balance)
            self._ended = True

    async def _abandon(self) -> None:
        try:
            await self._send(self._releasing("abandoned"), patience_seconds=ABANDON_SECONDS)
        except CreditgateError as failure:
            log.warning(
                "hold %s of %s is left to its ttl: %s", self.hold_id, self.account_id, failure
            )

    async def _beat(self) -> None:
        """Renew the expiry at a fraction of the ttl, for as long as the body runs."""
        until = time.monotonic() + self._options.lifetime_seconds_max
        while time.monotonic() < until:
            pause = self._options.heartbeat_seconds()
            await asyncio.sleep(pause)
            try:
                renewed = await self._send(self._extending(None), patience_seconds=pause)
            except CreditgateError as failure:
                if self._beat_failed(failure):
                    return
            else:
                self._see(renewed.hold, renewed.balance)


async def finish(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run `work` to its end although the caller is cancelled; the cancellation is raised after it.

    It takes no longer than the calls inside, which are bounded by the client's patience.
    """
    cancelled: asyncio.CancelledError | None = None
    failure: BaseException | None = None
    for _ in range(SHIELD_ATTEMPTS):
        task = asyncio.ensure_future(work())
        while not task.done():
            try:
                await asyncio.wait([task])
            except asyncio.CancelledError as error:
                cancelled = error
        if not task.cancelled():
            failure = task.exception()
            break
    else:
        failure = asyncio.CancelledError("cancelled again and again by someone else")
    if cancelled is not None and failure is not None:
        cancelled.add_note(f"while it was cancelled: {failure}")
        log.warning("while cancelled: %s", failure)
    if cancelled is not None:
        raise cancelled
    if failure is not None:
        raise failure
