"""Delivers events: finds out who wants to hear of them, sends, and notes what came of it."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from random import randrange
from time import perf_counter
from typing import Protocol

from creditgate_server.domain.account_keys import BUCKETS
from creditgate_server.domain.deliveries import (
    Answer,
    EndpointName,
    EndpointState,
    Outbox,
    Places,
    Settled,
    Task,
    Verdict,
    settled,
)

_EVENTS_MAX = 500
_FORGOTTEN_MAX = 500
_SLOW_SECONDS = 2.0
_SLOW_MAX = 1_000
# What one attempt may take besides the time of its sending, until what came of it is noted.
_SPARE_SECONDS = 30.0
# Those under way when the loop ends have a little time: who is cut off is sent the same again.
_ENDING_SECONDS = 2.0
_log = logging.getLogger(__name__)


class Sender(Protocol):
    """What sends. Every attempt ends in time, and nothing a receiver does raises."""

    async def send(self, task: Task) -> Answer:
        """Make one attempt and answer what came of it."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


class DeliveryObserver(Protocol):
    """Whom deliveries are told."""

    def delivered(self, result: str, *, seconds: float) -> None:
        """Note an attempt and how it ended: one of a fixed few words."""
        ...


class DeliverEvents:
    """One round hands on what has happened, and starts as many attempts as there are places.

    Attempts go on from round to round: a receiver that hangs holds up no other, and neither does a
    tenant all of whose receivers hang. Any number of servers may do this; what one has taken the
    others pass over, for as long as the lease lasts. All that needs the database is done by the
    round, one after the other, with one connection.
    """

    def __init__(
        self,
        outbox: Outbox,
        sender: Sender,
        *,
        at_once: int,
        timeout_seconds: float,
        pause_seconds: float,
        retention_seconds: float,
        observer: DeliveryObserver,
    ) -> None:
        self._outbox = outbox
        self._sender = sender
        self._at_once = at_once
        self._lease_seconds = timeout_seconds + _SPARE_SECONDS
        self._pause_seconds = pause_seconds
        self._retention_seconds = retention_seconds
        self._observer = observer
        self._running: dict[asyncio.Task[Settled], Task] = {}
        self._ended: list[Settled] = []
        self._slow: dict[EndpointName, None] = {}
        self._forgetting = randrange(BUCKETS)  # noqa: S311 - spreads servers

    async def __call__(self) -> bool:
        """Do one round; True while attempts are under way, or more is to be done."""
        await self._settle()
        more = False
        due = await self._outbox.due_buckets()
        for bucket in due:
            more |= await self._fan_out(bucket)
        for bucket in _shuffled(due):
            await self._start(bucket)
        if not due:
            await self._forget()
        if self._running:
            await asyncio.wait(
                self._running, timeout=self._pause_seconds, return_when=asyncio.FIRST_COMPLETED
            )
        return more or bool(self._running or self._ended)

    async def close(self) -> None:
        """End what is under way, and note what came of it as far as it ends in time."""
        running = list(self._running)
        if running:
            await asyncio.wait(running, timeout=_ENDING_SECONDS)
            for attempt in running:
                attempt.cancel()
            await asyncio.wait(running, timeout=_ENDING_SECONDS)
        try:
            await self._settle()
        finally:
            await self._sender.close()

    async def _fan_out(self, bucket: int) -> bool:
        """Hand on what has happened in a bucket; True when there is more of it."""
        started = perf_counter()
        more = await self._outbox.fan_out(bucket, limit=_EVENTS_MAX) == _EVENTS_MAX
        if more:
            # After much at once, such as the resets of all accounts, the calls come first.
            await asyncio.sleep(perf_counter() - started)
        return more

    async def _start(self, bucket: int) -> None:
        """Take what is due in a bucket, as far as there are places, and begin to send it."""
        if len(self._running) >= self._at_once:
            return
        for task in await self._outbox.take(bucket, self._places()):
            attempt = asyncio.create_task(self._attempt(task))
            self._running[attempt] = task
            attempt.add_done_callback(self._end)

    def _places(self) -> Places:
        """Answer what may be taken now.

        No endpoint has more than a quarter of them, no tenant more than half. Those that were slow
        last time share a quarter, one each: whoever hangs waits for others who hang.
        """
        under_way = Counter(task.endpoint for task in self._running.values())
        of_tenants = Counter(tenant for tenant, _ in under_way.elements())
        half, quarter = max(1, self._at_once // 2), max(1, self._at_once // 4)
        busy = {endpoint for endpoint, count in under_way.items() if count >= quarter}
        busy |= {(tenant, "") for tenant, count in of_tenants.items() if count >= half}
        busy |= self._slow.keys() & under_way.keys()
        if len(self._slow.keys() & under_way.keys()) >= quarter:
            busy |= self._slow.keys()
        return Places(
            limit=self._at_once - len(self._running),
            per_endpoint=quarter,
            per_tenant=half,
            busy=list(busy),
            slow=list(self._slow),
            lease_seconds=self._lease_seconds,
        )

    async def _attempt(self, task: Task) -> Settled:
        started = perf_counter()
        answer = _hopeless(task)
        if answer is None:
            try:
                answer = await self._sender.send(task)
            except Exception:  # noqa: BLE001 - logged, and tried again
                # A mistake of ours: it must not keep what comes after it from being sent for ever.
                _log.exception("an event could not be sent")
                answer = Answer(Verdict.FAILED, error="an error on our side")
        seconds = perf_counter() - started
        self._remember(task.endpoint, slow=seconds > _SLOW_SECONDS)
        result = settled(task, answer)
        dead = answer.verdict is Verdict.FAILED and result.wait_seconds is None
        self._observer.delivered("given_up" if dead else answer.verdict, seconds=seconds)
        return result

    def _remember(self, endpoint: EndpointName, *, slow: bool) -> None:
        self._slow.pop(endpoint, None)
        if slow:
            self._slow[endpoint] = None
        if len(self._slow) > _SLOW_MAX:
            del self._slow[next(iter(self._slow))]

    def _end(self, attempt: asyncio.Task[Settled]) -> None:
        self._running.pop(attempt, None)
        if not attempt.cancelled():
            self._ended.append(attempt.result())

    async def _settle(self) -> None:
        """Note what has ended; what could not be noted is noted in the next round."""
        ended, self._ended = self._ended, []
        if not ended:
            return
        try:
            await self._outbox.settle(ended)
        except BaseException:
            self._ended = ended + self._ended
            raise

    async def _forget(self) -> None:
        """Remove what ended long ago, one bucket after the other, when there is nothing to do."""
        count = await self._outbox.forget(
            self._forgetting, older_seconds=self._retention_seconds, limit=_FORGOTTEN_MAX
        )
        if count < _FORGOTTEN_MAX:
            self._forgetting = (self._forgetting + 1) % BUCKETS


def _hopeless(task: Task) -> Answer | None:
    """Answer why a delivery is given up without an attempt; None when there is no reason."""
    if task.endpoint_state == EndpointState.DELETED:
        return Answer(Verdict.REJECTED, error="the endpoint has been deleted")
    if task.endpoint_state == EndpointState.DISABLED:
        return Answer(Verdict.REJECTED, error="the endpoint is disabled")
    if task.body is None:
        return Answer(Verdict.REJECTED, error="the event is no longer kept")
    return None


def _shuffled(buckets: Sequence[int]) -> Sequence[int]:
    """Begin anywhere, so that no bucket always finds the places taken."""
    first = randrange(len(buckets)) if buckets else 0  # noqa: S311 - spreads buckets
    return [*buckets[first:], *buckets[:first]]
