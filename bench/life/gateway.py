"""A gateway with thousands of calls on one stream."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from google.protobuf.duration_pb2 import Duration

from bench.life.book import COMMITTED, EXPIRED, RELEASED, Book, Work
from bench.life.calls import METER, RENEW, SLICE, Call, line
from bench.life.clock import Clock
from bench.life.lines import RefusedError, Stream
from bench.life.notes import Notes
from bench.life.story import Story
from bench.prices import VOICE
from creditgate.v1 import authorization_service_pb2 as pb
from creditgate.v1 import hold_pb2

_GRANTED = (pb.DECISION_GRANTED, pb.DECISION_GRANTED_PARTIAL)
_NEVER = 10**9


class Gateway:
    """Carries the calls of a story's lines, and notes what they use."""

    def __init__(
        self, story: Story, clock: Clock, book: Book, notes: Notes, stream: Stream
    ) -> None:
        self._story, self._clock, self._book = story, clock, book
        self._notes, self._stream = notes, stream
        self._ttl = Duration()
        self._ttl.FromMilliseconds(int(story.hold_seconds * 1_000))
        self.counts: Counter[str] = Counter()

    async def run(self) -> None:
        """Live through all calls of all lines."""
        await asyncio.gather(*(self._line(number) for number in range(self._story.actors)))

    async def _line(self, number: int) -> None:
        for call in line(self._story, number):
            await self._clock.until(call.begins)
            try:
                await self._carry(call)
            except RefusedError as refused:
                self._notes.wrong(f"{call}: {refused.reason} at {self._clock.now():.1f}")

    async def _carry(self, call: Call) -> None:
        self.counts["calls"] += 1
        granted = await self._reserve(call)
        if not granted:
            self.counts["calls denied"] += 1
            return
        work = self._book.open(call.account_id, call.hold_id)
        at, dry = 0, _NEVER
        while True:
            at = min(at // RENEW * RENEW + RENEW, call.ends, dry)
            await self._clock.until(call.begins + at)
            if at == call.ends:
                await self._end(call, work)
                return
            granted = await self._renew(call, work, at, granted)
            if call.answered is not None:
                dry = call.when(granted)
                if dry <= at:
                    self.counts["calls cut"] += 1
                    await self._commit(call, work, granted, at)
                    return

    async def _reserve(self, call: Call) -> int:
        """Hold the first slice; answer how many seconds were granted."""
        usage = hold_pb2.Usage(meter=METER, quantity=SLICE)
        request = pb.ReserveRequest(
            account_id=call.account_id, hold_id=call.hold_id, usage=usage,
            minimum_micros=VOICE.of(1), ttl=self._ttl,
        )  # fmt: skip
        answer = await self._timed("reserve", call.begins, reserve=request)
        return int(answer.hold.granted_quantity) if answer.decision in _GRANTED else 0

    async def _renew(self, call: Call, work: Work, at: int, granted: int) -> int:
        """Report what was used and hold the next slice; answer how many seconds are granted."""
        used = call.used(at)
        request = pb.ExtendRequest(
            account_id=call.account_id, hold_id=call.hold_id, quantity=max(used + SLICE, granted),
            used_quantity=used, minimum_micros=1, ttl=self._ttl,
        )  # fmt: skip
        work.report({(METER, ""): used})
        again = self._stream.ask(extend=request) if at in call.twice else None
        answer, *_ = await asyncio.gather(
            self._timed("renew", call.begins + at, extend=request), *([again] if again else [])
        )
        if before := at - RENEW if at - RENEW in call.late else 0:
            # A renewal that was on its way for long: its totals are those of then.
            request.used_quantity = call.used(before)
            request.quantity = request.used_quantity + SLICE
            self.counts["renewals out of order"] += 1
            await self._stream.ask(extend=request)
        self.counts["renewals twice"] += again is not None
        if answer.decision not in _GRANTED:
            # What is denied lives no longer by it, but what was granted is still to be used.
            self.counts["renewals denied"] += 1
            request.quantity, request.used_quantity = granted, used
            answer = await self._stream.ask(extend=request)
        return int(answer.hold.granted_quantity)

    async def _end(self, call: Call, work: Work) -> None:
        self.counts[f"calls {call.state.lower()}"] += 1
        if call.state == COMMITTED:
            await self._commit(call, work, call.used(call.ends), call.ends)
        elif call.state == RELEASED:
            work.state = RELEASED
            request = pb.ReleaseRequest(
                account_id=call.account_id, hold_id=call.hold_id, termination_cause="no-answer"
            )
            await self._timed("release", call.begins + call.ends, release=request)
        else:
            work.state = EXPIRED

    async def _commit(self, call: Call, work: Work, used: int, at: int) -> None:
        work.report({(METER, ""): used})
        work.state = COMMITTED
        request = pb.CommitRequest(
            account_id=call.account_id, hold_id=call.hold_id, used_quantity=used,
            termination_cause="hang-up" if at == call.ends else "credits",
        )  # fmt: skip
        answer = await self._timed("commit", call.begins + at, commit=request)
        if answer.hold.charged_micros != work.cost:
            self._notes.wrong(f"{call.hold_id}: {answer.hold.charged_micros} for {work.cost}")

    async def _timed(self, kind: str, due: float, **operation: Any) -> Any:
        answer = await self._stream.ask(**operation)
        self._notes.took(kind, due)
        return answer
