"""The lines of a gateway once more, with the client's own calls, which renew by themselves."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from bench.life.book import COMMITTED, RELEASED, Book
from bench.life.calls import METER, Call, line
from bench.life.clock import Clock
from bench.life.notes import Notes
from bench.life.story import Story
from creditgate import AsyncCall, AsyncClient, Denied
from creditgate._call import clock as clocks

# A slice that makes the client renew every 27 to 34 seconds.
SLICE = 34
_KINDS = {"Extend": "renew"}


class Hurried(clocks.Clock):
    """The clock of calls in a story, which passes so many times faster."""

    def __init__(self, factor: float) -> None:
        self._factor = factor

    def now_ns(self) -> int:
        return int(super().now_ns() * self._factor)

    def call_later(self, seconds: float, *, callback: Callable[[], None]) -> clocks.Timer:
        return super().call_later(seconds / self._factor, callback=callback)


class Timed(AsyncClient):
    """A client that notes how long its questions take."""

    clock: Clock
    notes: Notes

    async def _send(self, call: Any, **more: Any) -> Any:
        since = self.clock.now()
        answer = await super()._send(call, **more)
        self.notes.took(_KINDS.get(call.method, call.method.lower()), since)
        return answer


class Clients:
    """Carry the calls of a story's lines; `Book` is told what the client says they came to."""

    def __init__(
        self, story: Story, clock: Clock, book: Book, notes: Notes, client: AsyncClient
    ) -> None:
        self._story, self._clock, self._book = story, clock, book
        self._notes, self._client = notes, client
        self._hurried = Hurried(story.factor)
        self.counts: Counter[str] = Counter()

    async def run(self) -> None:
        """Live through all calls of all lines."""
        await asyncio.gather(*(self._line(number) for number in range(self._story.actors)))

    async def _line(self, number: int) -> None:
        for call in line(self._story, number):
            await self._clock.until(call.begins)
            try:
                for leg in call.legs:
                    self.counts["calls"] += 1
                    if not await self._carry(leg):
                        break
            except Denied:
                self.counts["calls denied"] += 1

    async def _carry(self, call: Call) -> bool:
        """Carry a leg to its end; false where it was cut before."""
        async with self._client.call(
            call.account_id, call_id=call.hold_id, meter=METER, slice_seconds=SLICE,
            gateway_id="lasts", epoch=1, clock=self._hurried,
        ) as leg:  # fmt: skip
            work = self._book.open(call.account_id, call.hold_id)
            for at, tell in _events(call, leg):
                if await self._is_cut(leg, before=call.begins + at):
                    break
                tell()
        work.report({(METER, ""): leg.seconds})
        work.state = RELEASED if call.answered is None else COMMITTED
        self.counts["calls cut" if leg.cut.is_set() else "calls ended"] += 1
        if not leg.settled:
            self._notes.wrong(f"{call.hold_id}: not settled")
        return not leg.cut.is_set()

    async def _is_cut(self, leg: AsyncCall, *, before: float) -> bool:
        """Wait until a time of the story, or until the call has to end."""
        with suppress(TimeoutError):
            await asyncio.wait_for(leg.wait_cut(), max(-self._clock.real_since(before), 0))
        return leg.cut.is_set()


def _events(call: Call, leg: AsyncCall) -> Iterator[tuple[int, Any]]:
    """What happens to a call, and when."""
    if call.answered is not None:
        yield call.answered, leg.answered
    for since, until in call.pauses:
        yield since, leg.on_hold
        yield until, leg.resumed
    yield call.ends, leg.hung_up
