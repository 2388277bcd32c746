"""Two gateways with thousands of calls on one stream; one of them crashes, and comes back."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any, NamedTuple

from google.protobuf.duration_pb2 import Duration

from bench.life.book import COMMITTED, EXPIRED, RELEASED, Book, Work
from bench.life.calls import METER, RENEW, SLICE, Call, crashes, line, precedes_crash
from bench.life.clock import Clock
from bench.life.lines import RefusedError, Stream
from bench.life.notes import Notes
from bench.life.story import Story
from bench.prices import VOICE
from creditgate import AsyncClient
from creditgate.v1 import authorization_service_pb2 as pb
from creditgate.v1 import hold_pb2

_GRANTED = (pb.DECISION_GRANTED, pb.DECISION_GRANTED_PARTIAL)
_NEVER = 10**9
_DOWN_SECONDS = 10.0
_LOOK_SECONDS = 0.05


class _Quota(NamedTuple):
    """The seconds a call has been granted, and whether these are said to be all."""

    seconds: int
    final: bool


class Gateways:
    """Carry the calls of a story's lines, and note what they use."""

    def __init__(
        self, story: Story, clock: Clock, book: Book, notes: Notes, stream: Stream
    ) -> None:
        self._story, self._clock, self._book = story, clock, book
        self._notes, self._stream = notes, stream
        self._ttl = Duration()
        self._ttl.FromMilliseconds(int(story.hold_seconds * 1_000))
        self._lost: dict[str, Work] = {}
        # The calls that the crash has yet to find.
        self._to_crash = 0
        self.counts: Counter[str] = Counter()

    async def run(self) -> None:
        """Live through all calls of all lines."""
        lines = [self._line(number) for number in range(self._story.actors)]
        await asyncio.gather(*lines, *([self._come_back()] if self._story.crash_at else []))

    async def _line(self, number: int) -> None:
        gateway_id = "crashes" if crashes(number) else "lasts"
        for call in line(self._story, number):
            await self._clock.until(call.begins)
            before = crashes(number) and precedes_crash(self._story, call.begins)
            by = hold_pb2.Call(gateway_id=gateway_id, gateway_epoch=1 if before else 2)
            self._to_crash += before
            try:
                await self._carry(call, by)
            except RefusedError as refused:
                self._notes.wrong(f"{call}: {refused.reason} at {self._clock.now():.1f}")
            finally:
                self._to_crash -= before

    async def _carry(self, call: Call, by: hold_pb2.Call) -> None:
        self.counts["calls"] += 1
        quota = await self._reserve(call, by)
        if not quota.seconds:
            self.counts["calls denied"] += 1
            return
        await self._talk(call, quota, by)

    async def _talk(self, call: Call, quota: _Quota, by: hold_pb2.Call) -> None:
        """Carry a call that is held for, from its beginning to its end."""
        work = self._book.open(call.account_id, call.hold_id)
        at, dry = 0, self._dry(call, quota)
        while True:
            at = min(at // RENEW * RENEW + RENEW, call.ends, dry)
            await self._clock.until(call.begins + at)
            if at == call.ends:
                await self._end(call, work, by)
                return
            quota = await self._renew(call, work, at, quota.seconds)
            dry = self._dry(call, quota)
            if dry <= at:
                await self._cut(call, work, quota, at)
                return

    def _dry(self, call: Call, quota: _Quota) -> int:
        """When what was granted is used up."""
        return _NEVER if call.answered is None else call.when(quota.seconds)

    async def _reserve(self, call: Call, by: hold_pb2.Call) -> _Quota:
        """Hold the first slice."""
        answer = await self._timed("reserve", call.begins, reserve=self._request(call, by))
        return self._quota(call, answer)

    def _request(self, call: Call, by: hold_pb2.Call) -> pb.ReserveRequest:
        return pb.ReserveRequest(
            account_id=call.account_id, hold_id=call.hold_id, call=by, ttl=self._ttl,
            usage=hold_pb2.Usage(meter=METER, quantity=SLICE), minimum_micros=VOICE.of(1),
        )  # fmt: skip

    async def _renew(self, call: Call, work: Work, at: int, granted: int) -> _Quota:
        """Report what was used and hold the next slice."""
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
            await self._stream.ask(extend=request)
        return self._quota(call, answer)

    def _quota(self, call: Call, answer: Any) -> _Quota:
        granted, held = answer.quota.granted_quantity, answer.hold.granted_quantity
        if granted > held or (granted > 0) != answer.HasField("hold"):
            self._notes.wrong(f"{call.hold_id}: a quota of {granted}, {held} held")
        return _Quota(granted, answer.quota.HasField("final"))

    async def _end(self, call: Call, work: Work, by: hold_pb2.Call) -> None:
        if call.lost:
            self.counts["calls lost"] += 1
            work.state = EXPIRED
            self._lost[call.hold_id] = work
        elif call.into is not None:
            await self._transfer(call, work, call.into, by)
        elif call.state == COMMITTED:
            self.counts["calls hung up"] += 1
            await self._commit(call, work, call.used(call.ends), call.ends)
        else:
            self.counts["calls unanswered"] += 1
            work.state = RELEASED
            request = pb.ReleaseRequest(
                account_id=call.account_id, hold_id=call.hold_id, termination_cause="no-answer"
            )
            await self._timed("release", call.begins + call.ends, release=request)

    async def _transfer(self, call: Call, work: Work, into: Call, by: hold_pb2.Call) -> None:
        """Charge a leg and hold for the next one, at once, and perhaps again."""
        self.counts["calls transferred"] += 1
        work.report({(METER, ""): call.used(call.ends)})
        work.state = COMMITTED
        request = self._request(into, by)
        request.replaces.hold_id = call.hold_id
        request.replaces.used_quantity = call.used(call.ends)
        request.replaces.termination_cause = "transferred"
        answer = await self._timed("transfer", into.begins, reserve=request)
        if call.twice and answer.decision in _GRANTED:
            self.counts["transfers twice"] += 1
            answer = await self._stream.ask(reserve=request)
        if answer.replaced.hold.charged_micros != work.cost:
            self._notes.wrong(f"{call.hold_id}: {answer.replaced.hold} for {work.cost}")
        quota = self._quota(into, answer)
        if quota.seconds:
            await self._talk(into, quota, by)
        else:
            self.counts["transfers denied"] += 1

    async def _cut(self, call: Call, work: Work, quota: _Quota, at: int) -> None:
        """End a call at the second at which what was granted is used up."""
        self.counts["calls cut"] += 1
        if not quota.final:
            self._notes.wrong(f"{call.hold_id}: cut, and nobody said that it would be")
        await self._commit(call, work, quota.seconds, at)

    async def _commit(self, call: Call, work: Work, used: int, at: int) -> None:
        work.report({(METER, ""): used})
        work.state = COMMITTED
        request = pb.CommitRequest(
            account_id=call.account_id, hold_id=call.hold_id, used_quantity=used,
            termination_cause="hang-up" if at == call.ends else "cut",
        )  # fmt: skip
        answer = await self._timed("commit", call.begins + at, commit=request)
        if answer.hold.charged_micros != work.cost:
            self._notes.wrong(f"{call.hold_id}: {answer.hold.charged_micros} for {work.cost}")

    async def _come_back(self) -> None:
        """Release what the gateway that crashed has lost, and nothing else."""
        await self._clock.until(self._story.crash_at + _DOWN_SECONDS)
        while self._to_crash:  # noqa: ASYNC110 - the slowest of its last answers
            await asyncio.sleep(_LOOK_SECONDS)
        found = set()
        async with AsyncClient(self._story.target, api_key=self._story.api_key) as client:
            async for hold in client.list_holds(gateway_id="crashes", epoch_below=2):
                found.add(hold.hold_id)
        lost = {name: work for name, work in self._lost.items() if self._of_crash(name)}
        if found != lost.keys():
            self._notes.wrong(f"lost and listed differ: {sorted(found ^ lost.keys())[:5]}")
        for work in lost.values():
            work.state = RELEASED
            request = pb.ReleaseRequest(account_id=work.account_id, hold_id=work.hold_id)
            await self._stream.ask(release=request)
        self.counts["calls released after the crash"] += len(lost)

    def _of_crash(self, hold_id: str) -> bool:
        return crashes(int(hold_id.split("-")[1]))

    async def _timed(self, kind: str, due: float, **operation: Any) -> Any:
        answer = await self._stream.ask(**operation)
        self._notes.took(kind, due)
        return answer
